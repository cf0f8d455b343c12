//! What an allocation may cost and what it is to be best at, as a recipe says it in TOML.
//!
//! ```toml
//! budget = { share-of-8-bit = 0.6 }     # or { bytes = 250000 }
//! latency-nanos = 3000000               # optional
//! objective = { mix = 0.5 }             # or "total" or "worst-group"
//! keep = { which = { most-sensitive = 2 }, at = 8 }
//! widths = [2, 4, 8]
//! gap = 0.03                            # optional, where the best takes too long
//! ```

use serde::{Deserialize, Serialize};

use crate::compress::plan::WeightBits;
use crate::error::{Error, Fault, Result};

/// What bounds an allocation and what it minimizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Most bytes of all layers together.
    pub budget: Budget,
    /// Most nanoseconds of all layers together for one image, as measured where the plan is made; none
    /// for any. The same method may give another plan on another machine, or on a busy one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_nanos: Option<u64>,
    /// What is minimized.
    #[serde(default)]
    pub objective: Objective,
    /// Layers that stay wide whatever it costs; none for no such layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// Widths that the other layers may get.
    #[serde(default = "all_widths")]
    pub widths: Vec<WeightBits>,
    /// How far above the best the objective may be, as a share of what it is above each layer's least;
    /// in [0, 1), 0 for the best itself. Dozens of layers with equal sizes and nearly equal losses can
    /// need it: there are too many ways around to try.
    #[serde(default)]
    pub gap: f64,
}

/// Most bytes that an allocation may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// A share of the bytes with every layer at 8 bits, rounded down to bytes; above 1 is allowed.
    #[serde(rename = "share-of-8-bit")]
    ShareOf8Bit(f64),
    /// Bytes.
    Bytes(u64),
}

/// What an allocation minimizes, in the unit of the losses.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The sum of the layers' losses over everybody.
    #[default]
    Total,
    /// The sum of the layers' losses over the group where it is largest.
    WorstGroup,
    /// `m × worst group + (1 − m) × total`, m in [0, 1].
    Mix(f64),
}

impl Objective {
    /// How much the worst group counts, from 0 to 1; the total counts the rest.
    pub fn worst_share(self) -> f64 {
        match self {
            Self::Total => 0.0,
            Self::WorstGroup => 1.0,
            Self::Mix(share) => share,
        }
    }

    /// The value for a total and the groups' losses; with no group the worst counts as 0.
    pub fn value(self, loss: f64, group_loss: &[f64]) -> f64 {
        let worst = group_loss.iter().copied().reduce(f64::max).unwrap_or(0.0);
        self.worst_share() * worst + (1.0 - self.worst_share()) * loss
    }
}

/// Layers that stay at one width; `widths` does not bind them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keep {
    /// Which layers.
    pub which: Kept,
    /// At what width: 8 or float.
    #[serde(default = "eight")]
    pub at: WeightBits,
}

/// Which layers stay wide.
///
/// How sensitive a layer is: by how much the objective, of this layer alone, rises from the kept width
/// to the narrowest that `widths` allows it; of equals the earlier in the model comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The layers with these paths.
    Named(Vec<String>),
    /// That many of the most sensitive.
    MostSensitive(usize),
    /// The most sensitive share of the layers, in [0, 1], rounded up to layers.
    MostSensitiveShare(f64),
}

impl Settings {
    /// Checks what does not depend on a model.
    ///
    /// # Errors
    /// Configuration error naming the key: a share that is no positive number, a mix or a kept share
    /// outside [0, 1], a gap outside [0, 1), layers kept at less than 8 bits, no width at all.
    pub fn check(&self) -> Result<()> {
        if let Budget::ShareOf8Bit(share) = self.budget
            && !(share.is_finite() && share > 0.0)
        {
            return Err(refused(
                "budget",
                share,
                "a share of the 8-bit bytes above 0",
            ));
        }
        if let Objective::Mix(share) = self.objective
            && !(0.0..=1.0).contains(&share)
        {
            let expected = "a weight of the worst group from 0 to 1";
            return Err(refused("objective", share, expected));
        }
        if let Some(keep) = &self.keep {
            if keep.at < WeightBits::Eight {
                return Err(refused("keep", keep.at, "layers kept at 8 or \"float\""));
            }
            if let Kept::MostSensitiveShare(share) = keep.which
                && !(0.0..=1.0).contains(&share)
            {
                return Err(refused("keep", share, "a share of the layers from 0 to 1"));
            }
        }
        if !(0.0..1.0).contains(&self.gap) {
            return Err(refused("gap", self.gap, "a share from 0 to below 1"));
        }
        if self.widths.is_empty() {
            return Err(refused(
                "widths",
                "none",
                "some of 2, 4, 6, 8 and \"float\"",
            ));
        }
        Ok(())
    }
}

fn refused(key: &str, found: impl std::fmt::Display, expected: &str) -> Error {
    let fault = Fault::plain(found.to_string()).key(key);
    fault.expected(expected).config()
}

fn all_widths() -> Vec<WeightBits> {
    WeightBits::ALL.to_vec()
}

fn eight() -> WeightBits {
    WeightBits::Eight
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> std::result::Result<Settings, String> {
        toml::from_str(text).map_err(|e| e.message().to_string())
    }

    #[test]
    fn a_recipe_says_it_in_toml_and_gets_it_back() {
        let all = "budget = { share-of-8-bit = 0.6 }\nlatency-nanos = 3000000\n\
                   objective = { mix = 0.5 }\nwidths = [2, 4, 8]\ngap = 0.25\n\
                   keep = { which = { most-sensitive = 2 }, at = \"float\" }\n";
        let read = settings(all).unwrap();
        let keep = Keep {
            which: Kept::MostSensitive(2),
            at: WeightBits::Float,
        };
        assert_eq!(
            read,
            Settings {
                budget: Budget::ShareOf8Bit(0.6),
                latency_nanos: Some(3_000_000),
                objective: Objective::Mix(0.5),
                keep: Some(keep),
                widths: vec![WeightBits::Two, WeightBits::Four, WeightBits::Eight],
                gap: 0.25,
            }
        );
        assert_eq!(settings(&toml::to_string(&read).unwrap()).unwrap(), read);
        let short = settings("budget = { bytes = 9 }\nobjective = \"worst-group\"").unwrap();
        assert_eq!(short.budget, Budget::Bytes(9));
        assert_eq!(short.objective, Objective::WorstGroup);
        assert_eq!((short.latency_nanos, &short.keep), (None, &None));
        assert_eq!((short.widths, short.gap), (WeightBits::ALL.to_vec(), 0.0));
        let named = "budget = { bytes = 9 }\nkeep = { which = { named = [\"fc\"] } }";
        assert_eq!(settings(named).unwrap().keep.unwrap().at, WeightBits::Eight);
        let unknown = settings("budget = { bytes = 9 }\nlatency = 3").unwrap_err();
        assert!(unknown.contains("unknown field `latency`"), "{unknown}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| settings(text).unwrap().check().unwrap_err().to_string();
        assert_eq!(
            refused("budget = { share-of-8-bit = 0.0 }"),
            "`budget`: found 0, expected a share of the 8-bit bytes above 0"
        );
        let with = |more: &str| refused(&format!("budget = {{ bytes = 9 }}\n{more}"));
        assert!(with("objective = { mix = 1.5 }").starts_with("`objective`: found 1.5"));
        assert!(with("objective = { mix = nan }").starts_with("`objective`: found NaN"));
        let four = with("keep = { which = { named = [] }, at = 4 }");
        assert_eq!(
            four,
            "`keep`: found 4, expected layers kept at 8 or \"float\""
        );
        let share = with("keep = { which = { most-sensitive-share = 2.0 } }");
        assert!(share.starts_with("`keep`: found 2, expected a share"));
        assert!(with("gap = 1.0").starts_with("`gap`: found 1, expected a share"));
        assert!(with("widths = []").starts_with("`widths`: found none"));
    }
}
