//! A study of models that learned nothing would be one of noise: each baseline has to beat the majority
//! rate of the test split.

use std::path::Path;

use crate::error::{Fault, Result};
use crate::fairness::Predictions;

/// A baseline beside the best constant answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// Share decided right.
    pub accuracy: f64,
    /// Share of the more frequent label.
    pub majority: f64,
}

impl Margin {
    /// Of a baseline's folder.
    ///
    /// # Errors
    /// Data error when its predictions cannot be read.
    pub fn of(folder: &Path, threshold: f64) -> Result<Self> {
        let predictions = Predictions::read_csv(&folder.join("predictions-test.csv"))?;
        let n = predictions.n().max(1) as f64;
        let labels = predictions.label();
        let right = labels.iter().zip(predictions.score());
        let right = right.filter(|(label, score)| (**score >= threshold) == (**label == 1));
        let positive = labels.iter().filter(|label| **label == 1).count() as f64 / n;
        Ok(Self {
            accuracy: right.count() as f64 / n,
            majority: positive.max(1.0 - positive),
        })
    }

    /// Points of accuracy above the majority rate.
    pub fn points(&self) -> f64 {
        100.0 * (self.accuracy - self.majority)
    }
}

/// Refuses to go on with baselines that do not beat the majority rate by `required` points.
///
/// # Errors
/// Run error naming the first that does not; data error when predictions cannot be read.
pub fn check(baselines: &[(String, &Path)], threshold: f64, required: f64) -> Result<()> {
    for (name, folder) in baselines {
        let margin = Margin::of(folder, threshold)?;
        if margin.points() < required {
            return Err(Fault::new(
                folder,
                format!(
                    "the baseline {name} decides {:.1} % of the test images right, {:.1} points from the {:.1} % of \
                     always giving the same answer",
                    100.0 * margin.accuracy,
                    margin.points(),
                    100.0 * margin.majority,
                ),
            )
            .expected(format!("{required} points above at least"))
            .next("train it longer or on more images, or lower required_margin; nothing was made of it")
            .run());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_to_the_more_frequent_label() {
        let dir = tempfile::tempdir().unwrap();
        // Labels 1 0 0 0, decisions 1 1 0 0.
        let text =
            "image,identity,male,label,score\na,,0,1,0.9\nb,,1,0,0.8\nc,,0,0,0.1\nd,,1,0,0.2\n";
        std::fs::write(dir.path().join("predictions-test.csv"), text).unwrap();
        let margin = Margin::of(dir.path(), 0.5).unwrap();
        assert_eq!(
            (margin.accuracy, margin.majority, margin.points()),
            (0.75, 0.75, 0.0)
        );
        let one = [("m".to_string(), dir.path())];
        check(&one, 0.5, 0.0).unwrap();
        let e = check(&one, 0.5, 5.0).unwrap_err();
        assert_eq!(e.exit_code(), 1);
        assert!(e.to_string().contains("75.0 %"), "{e}");
        // From 0.85 on, nothing but a is chosen: all are right.
        assert_eq!(Margin::of(dir.path(), 0.85).unwrap().points(), 25.0);
    }
}
