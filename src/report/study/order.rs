//! The order of models and methods, and what readers call them.

/// The method that all others are compared with.
pub const BASELINE: &str = "fp32";

/// Models in the study's order, and their names in print.
const MODELS: [(&str, &str); 5] = [
    ("resnet50", "ResNet50"),
    ("mobilenet_v2", "MobileNetV2"),
    ("efficientnet_b0", "EfficientNet-B0"),
    ("vit_small_patch16", "ViT-Small/16"),
    ("squeezenet1_1", "SqueezeNet 1.1"),
];

/// The twelve methods in the study's order, then the controls.
const METHODS: [&str; 15] = [
    BASELINE,
    "ptq-static-int8",
    "ptq-dynamic-int8",
    "ptq-static-int4",
    "ptq-dynamic-int4",
    "qat-int8",
    "qat-int4",
    "mixed-sensitivity",
    "bias-aware-int8",
    "bias-aware-int4",
    "fair-finetune-int4",
    "fair-mixed",
    "int6",
    "random-allocation",
    "fp32-finetune",
];

/// A model's name in print; its own where it is none of the five.
pub fn model_title(model: &str) -> &str {
    let found = MODELS.iter().find(|(name, _)| *name == model);
    found.map_or(model, |(_, title)| title)
}

/// Models, each once: those of the study in its order, then others as they come.
pub fn models<'a>(all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ordered(all, |m| MODELS.iter().position(|(name, _)| *name == m))
}

/// Methods, each once: those of the study in its order, then others as they come.
pub fn methods<'a>(all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    ordered(all, |m| METHODS.iter().position(|name| *name == m))
}

fn ordered<'a>(
    all: impl IntoIterator<Item = &'a str>,
    place: impl Fn(&str) -> Option<usize>,
) -> Vec<&'a str> {
    let mut once: Vec<&str> = Vec::new();
    for name in all {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    // Stable: unknown ones keep their order behind the others.
    once.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_come_first_and_each_once() {
        let found = methods(["mine", "int6", "qat-int8", "fp32", "mine", "a", "qat-int8"]);
        assert_eq!(found, ["fp32", "qat-int8", "int6", "mine", "a"]);
        assert_eq!(
            models(["squeezenet1_1", "resnet50"]),
            ["resnet50", "squeezenet1_1"]
        );
        assert_eq!(model_title("resnet50"), "ResNet50");
        assert_eq!(model_title("mine"), "mine");
    }
}
