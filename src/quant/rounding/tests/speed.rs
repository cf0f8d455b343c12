//! `cargo test --release -- --ignored --nocapture speed_of_adaptive_rounding`

use std::time::Instant;

use super::*;

/// Name, rows, k and groups of layers of ResNet50 and MobileNetV2.
const LAYERS: [(&str, usize, usize, usize); 4] = [
    ("resnet50_layer4_conv2", 512, 4608, 1),
    ("resnet50_layer3_conv2", 256, 2304, 1),
    ("resnet50_layer3_conv1", 256, 1024, 1),
    ("mobilenet_v2_depthwise", 384, 9, 384),
];

#[test]
#[ignore = "prints speeds"]
fn speed_of_adaptive_rounding() {
    let samples = 2048;
    for (name, rows, k, groups) in LAYERS {
        let mut random = Normals(1);
        let weights: Vec<f32> = (0..rows * k).map(|_| random.uniform() - 0.5).collect();
        // Three values that are neighbours have a common part.
        let common: Vec<f32> = (0..groups * samples * k)
            .map(|_| random.uniform())
            .collect();
        let inputs: Vec<f32> = (0..common.len())
            .map(|i| (common[i - i % 3] + 0.5 * common[i] - 0.5).max(0.0))
            .collect();
        let layer = Layer {
            weights: &weights,
            scales: &vec![0.5 / 7.0; rows],
            bits: 4,
            k,
            groups,
            inputs: &inputs,
            targets: Targets::SameInputs,
            sample_weights: &vec![1.0; samples],
        };
        let iterations = 50;
        let time = |iterations| {
            let how = Adaptive {
                iterations,
                ..Adaptive::default()
            };
            let start = Instant::now();
            std::hint::black_box(adaptive(&layer, &how, 0).unwrap());
            start.elapsed().as_secs_f64()
        };
        let fixed = time(0);
        let step_ms = (time(iterations) - fixed) * 1e3 / iterations as f64;
        println!("{name}: {rows} rows of {k}, {step_ms:.2} ms a step, {fixed:.2} s besides");
    }
}
