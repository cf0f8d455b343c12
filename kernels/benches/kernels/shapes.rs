//! Named shapes of the five models.

use fairbit_kernels::ConvShape;

/// A layer to be timed.
#[allow(dead_code, reason = "shared with an example that needs no model")]
#[derive(Clone, Copy)]
pub struct Named {
    pub name: &'static str,
    pub model: &'static str,
    pub shape: ConvShape,
}

/// `[batch, channels in, channels out, side, kernel, stride, groups]`, padded so that stride 1 keeps the
/// size. At 64 px ResNet50's layers work on sides 16, 8, 4 and 2; at 224 px on 56, 28, 14 and 7.
pub fn all() -> Vec<Named> {
    let conv = |model, name, s: [usize; 7]| Named {
        name,
        model,
        shape: ConvShape {
            batch: s[0],
            c_in: s[1],
            c_out: s[2],
            input: [s[3]; 2],
            kernel: [s[4]; 2],
            stride: [s[5]; 2],
            padding: [s[4] / 2; 2],
            dilation: [1, 1],
            groups: s[6],
        },
    };
    let resnet = "ResNet50";
    let mobile = "MobileNetV2 depthwise";
    let other = "other";
    vec![
        conv(resnet, "resnet50_stem_7x7", [32, 3, 64, 64, 7, 2, 1]),
        conv(resnet, "resnet50_layer1_3x3", [32, 64, 64, 16, 3, 1, 1]),
        conv(resnet, "resnet50_layer1_1x1", [32, 64, 256, 16, 1, 1, 1]),
        conv(resnet, "resnet50_layer2_3x3", [32, 128, 128, 8, 3, 1, 1]),
        conv(resnet, "resnet50_layer2_1x1", [32, 512, 128, 8, 1, 1, 1]),
        conv(resnet, "resnet50_layer3_3x3", [32, 256, 256, 4, 3, 1, 1]),
        conv(resnet, "resnet50_layer3_1x1", [32, 1024, 256, 4, 1, 1, 1]),
        conv(resnet, "resnet50_layer3_s2", [32, 256, 256, 8, 3, 2, 1]),
        conv(resnet, "resnet50_layer4_3x3", [32, 512, 512, 2, 3, 1, 1]),
        conv(resnet, "resnet50_layer4_1x1", [32, 2048, 512, 2, 1, 1, 1]),
        conv(resnet, "resnet50_layer1_3x3_224", [8, 64, 64, 56, 3, 1, 1]),
        conv(
            resnet,
            "resnet50_layer3_3x3_224",
            [8, 256, 256, 14, 3, 1, 1],
        ),
        conv(
            resnet,
            "resnet50_layer3_1x1_224",
            [8, 1024, 256, 14, 1, 1, 1],
        ),
        conv(mobile, "mobilenet_v2_dw_s1", [32, 144, 144, 16, 3, 1, 144]),
        conv(mobile, "mobilenet_v2_dw_s2", [32, 192, 192, 16, 3, 2, 192]),
        conv(mobile, "mobilenet_v2_dw_deep", [32, 576, 576, 4, 3, 1, 576]),
        conv(
            mobile,
            "mobilenet_v2_dw_s1_224",
            [8, 144, 144, 56, 3, 1, 144],
        ),
        conv(mobile, "efficientnet_dw_5x5", [32, 480, 480, 4, 5, 1, 480]),
        conv(other, "mobilenet_v2_expand", [32, 24, 144, 16, 1, 1, 1]),
        conv(other, "mobilenet_v2_project", [32, 144, 24, 16, 1, 1, 1]),
        conv(other, "squeezenet_fire_3x3", [32, 32, 128, 7, 3, 1, 1]),
        conv(other, "vit_small_qkv", [1, 384, 1152, 0, 1, 1, 1]),
        conv(other, "vit_small_mlp", [1, 384, 1536, 0, 1, 1, 1]),
    ]
    .into_iter()
    .map(|mut named| {
        // Tokens of 32 images: rows of a linear layer.
        if named.shape.input[0] == 0 {
            named.shape.input = [32 * 65, 1];
        }
        named
    })
    .collect()
}
