//! Names, defaults and limits of the five models.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::init::Law;
use super::{efficientnet, mobilenet, resnet, squeezenet, vit};
use crate::error::{Error, Fault, Result};

/// Limits that keep a mistyped number or a hostile file from asking for the whole memory.
const MAX_CLASSES: usize = 100_000;
const MAX_PX: usize = 4096;

/// One of the five models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Architecture {
    /// `resnet50`
    ResNet50,
    /// `mobilenet_v2`
    MobileNetV2,
    /// `efficientnet_b0`
    EfficientNetB0,
    /// `vit_small_patch16`
    VitSmallPatch16,
    /// `squeezenet1_1`
    SqueezeNet11,
}

impl Architecture {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::ResNet50,
        Self::MobileNetV2,
        Self::EfficientNetB0,
        Self::VitSmallPatch16,
        Self::SqueezeNet11,
    ];

    /// Name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet50 => "resnet50",
            Self::MobileNetV2 => "mobilenet_v2",
            Self::EfficientNetB0 => "efficientnet_b0",
            Self::VitSmallPatch16 => "vit_small_patch16",
            Self::SqueezeNet11 => "squeezenet1_1",
        }
    }

    /// Path of the classifier, the one layer whose shape depends on the classes.
    pub fn head(self) -> &'static str {
        match self {
            Self::ResNet50 => "fc",
            Self::MobileNetV2 | Self::EfficientNetB0 | Self::SqueezeNet11 => "classifier.1",
            Self::VitSmallPatch16 => "head",
        }
    }

    /// A tensor name that no other of the five has.
    fn signature(self) -> &'static str {
        match self {
            Self::ResNet50 => "layer4.2.conv3.weight",
            Self::MobileNetV2 => "features.17.conv.2.weight",
            Self::EfficientNetB0 => "features.7.0.block.3.0.weight",
            Self::VitSmallPatch16 => "blocks.11.mlp.fc2.weight",
            Self::SqueezeNet11 => "features.12.expand3x3.weight",
        }
    }

    /// Whose tensor names these look like.
    pub(super) fn recognize<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Self> {
        names.find_map(|name| Self::ALL.into_iter().find(|a| a.signature() == name))
    }

    /// The law that a weight, bias or token is drawn from.
    pub(super) fn law(self, name: &str, shape: &[usize]) -> Law {
        match self {
            Self::ResNet50 => resnet::law(name),
            Self::MobileNetV2 => mobilenet::law(name),
            Self::EfficientNetB0 => efficientnet::law(name, shape),
            Self::VitSmallPatch16 => vit::law(name),
            Self::SqueezeNet11 => squeezenet::law(name),
        }
    }

    fn default_dropout(self) -> f64 {
        match self {
            Self::ResNet50 | Self::VitSmallPatch16 => 0.0,
            Self::MobileNetV2 | Self::EfficientNetB0 => 0.2,
            Self::SqueezeNet11 => 0.5,
        }
    }

    /// `None` where the model has no stochastic depth.
    fn default_drop_path(self) -> Option<f64> {
        match self {
            Self::EfficientNetB0 => Some(0.2),
            Self::VitSmallPatch16 => Some(0.0),
            Self::ResNet50 | Self::MobileNetV2 | Self::SqueezeNet11 => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if let Some(found) = Self::ALL.into_iter().find(|a| a.name() == name) {
            return Ok(found);
        }
        let nearest = Self::ALL
            .into_iter()
            .max_by(|a, b| {
                let near = |x: &Self| strsim::jaro_winkler(&name.to_lowercase(), x.name());
                near(a).total_cmp(&near(b))
            })
            .expect("five names");
        let all = Self::ALL.map(Self::name).join(", ");
        Err(Fault::plain(format!("model `{name}`"))
            .expected(format!("one of {all}"))
            .next(format!("did you mean `{nearest}`?"))
            .config())
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Architecture> for &'static str {
    fn from(architecture: Architecture) -> Self {
        architecture.name()
    }
}

/// What a model is built from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Which of the five.
    pub name: Architecture,
    /// Number of logits.
    pub classes: usize,
    /// Side of the square images in pixels.
    pub px: usize,
    /// Probability of dropping a feature before the classifier; absent = as published (0, 0.2 or 0.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Probability of dropping the deepest residual branch, linear in depth before it; absent = as
    /// published (EfficientNet 0.2, ViT 0); the other three have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_path: Option<f64>,
}

impl ModelConfig {
    /// Configuration with the published rates.
    pub fn new(name: Architecture, classes: usize, px: usize) -> Self {
        Self {
            name,
            classes,
            px,
            dropout: None,
            drop_path: None,
        }
    }

    /// Probability of dropping a feature before the classifier.
    pub fn dropout_rate(&self) -> f64 {
        self.dropout.unwrap_or(self.name.default_dropout())
    }

    /// Probability of dropping the deepest residual branch.
    pub fn drop_path_rate(&self) -> f64 {
        self.drop_path
            .or(self.name.default_drop_path())
            .unwrap_or(0.0)
    }

    /// Checks that the model can be built.
    ///
    /// # Errors
    /// Configuration error naming the key: no classes, px too small or not divisible by 16 (ViT), a
    /// probability outside [0, 1), stochastic depth for a model that has none.
    pub fn check(&self) -> Result<()> {
        let fault = |key: &str, found: String| Fault::plain(found).key(key);
        if !(1..=MAX_CLASSES).contains(&self.classes) {
            return Err(fault("classes", self.classes.to_string())
                .expected(format!("1 to {MAX_CLASSES}"))
                .config());
        }
        // Below 17 px the last pooling of SqueezeNet has nothing left; the others only need a pixel.
        let smallest = if self.name == Architecture::SqueezeNet11 {
            17
        } else {
            1
        };
        if !(smallest..=MAX_PX).contains(&self.px) {
            return Err(fault("px", self.px.to_string())
                .expected(format!("{smallest} to {MAX_PX} for {}", self.name))
                .config());
        }
        if self.name == Architecture::VitSmallPatch16 && !self.px.is_multiple_of(vit::PATCH) {
            let (below, above) = (
                self.px / vit::PATCH * vit::PATCH,
                self.px.next_multiple_of(vit::PATCH),
            );
            return Err(fault("px", self.px.to_string())
                .expected(format!("a multiple of {} for {}", vit::PATCH, self.name))
                .next(if below == 0 {
                    format!("use {above}")
                } else {
                    format!("use {below} or {above}")
                })
                .config());
        }
        for (key, rate) in [("dropout", self.dropout), ("drop_path", self.drop_path)] {
            if rate.is_some_and(|p| !(0.0..1.0).contains(&p)) {
                let found = rate.map(|p| p.to_string()).unwrap_or_default();
                return Err(fault(key, found)
                    .expected("a probability in [0, 1)")
                    .config());
            }
        }
        if self.name.default_drop_path().is_none() && self.drop_path.is_some_and(|p| p > 0.0) {
            return Err(fault("drop_path", format!("a rate for {}", self.name))
                .expected("none: only efficientnet_b0 and vit_small_patch16 have stochastic depth")
                .next("remove the key")
                .config());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(config: &ModelConfig) -> String {
        let error = config.check().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn an_unknown_name_names_the_nearest() {
        for (typed, meant) in [
            ("resnet", "resnet50"),
            ("mobilenetv2", "mobilenet_v2"),
            ("EfficientNet-B0", "efficientnet_b0"),
            ("vit_small_patch16_224", "vit_small_patch16"),
            ("squeezenet", "squeezenet1_1"),
        ] {
            let error = typed.parse::<Architecture>().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(
                error
                    .to_string()
                    .ends_with(&format!("did you mean `{meant}`?")),
                "{error}"
            );
        }
    }

    #[test]
    fn impossible_configurations_say_which_key() {
        use Architecture::{ResNet50, SqueezeNet11, VitSmallPatch16};
        assert!(
            message(&ModelConfig::new(VitSmallPatch16, 2, 70))
                .contains("`px`: found 70, expected a multiple of 16")
        );
        assert!(message(&ModelConfig::new(VitSmallPatch16, 2, 70)).ends_with("use 64 or 80"));
        assert!(
            message(&ModelConfig::new(SqueezeNet11, 2, 16)).contains("found 16, expected 17 to")
        );
        assert!(message(&ModelConfig::new(ResNet50, 0, 64)).contains("`classes`"));
        let drop = ModelConfig {
            dropout: Some(1.0),
            ..ModelConfig::new(ResNet50, 2, 64)
        };
        assert!(message(&drop).contains("`dropout`: found 1"));
        let path = ModelConfig {
            drop_path: Some(0.1),
            ..ModelConfig::new(ResNet50, 2, 64)
        };
        assert!(message(&path).contains("`drop_path`"));
    }

    #[test]
    fn a_configuration_reads_strictly() {
        let read = |text: &str| toml::from_str::<ModelConfig>(text);
        let config = read("name = \"resnet50\"\nclasses = 2\npx = 64").unwrap();
        assert_eq!(config, ModelConfig::new(Architecture::ResNet50, 2, 64));
        assert!(read("name = \"resnet50\"\nclasses = 2\npx = 64\ndepth = 3").is_err());
        let unknown = read("name = \"resnet5\"\nclasses = 2\npx = 64").unwrap_err();
        assert!(
            unknown.to_string().contains("did you mean `resnet50`?"),
            "{unknown}"
        );
    }
}
