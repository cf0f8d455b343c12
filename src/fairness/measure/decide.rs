//! From scores to decisions: one threshold for all, or one for each group.

use std::collections::BTreeMap;

use super::groups::Grouping;
use crate::error::{Fault, Result};

/// ŷ = 1 where score ≥ threshold; thresholds lie in [0, 1], or above 1 where nobody is to be selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Thresholds {
    /// The same for all images.
    One(f64),
    /// One for each group of an attribute or intersection.
    PerGroup {
        /// `male`, or `male*young`.
        frame: String,
        /// By the group's name, `male=0*young=1`.
        of: BTreeMap<String, f64>,
    },
}

impl Thresholds {
    /// The decision of every image, 0 or 1.
    ///
    /// # Errors
    /// Config error for a threshold out of range, or where the frame or one of its groups that has images
    /// is not known.
    pub fn decide(&self, score: &[f64], grouping: &Grouping) -> Result<Vec<u8>> {
        match self {
            Self::One(threshold) => {
                check("threshold", *threshold, 1.0)?;
                Ok(score.iter().map(|s| u8::from(s >= threshold)).collect())
            }
            Self::PerGroup { frame, of } => {
                let known: Vec<&str> = grouping.frames.iter().map(|f| f.name.as_str()).collect();
                let Some(frame) = grouping.frames.iter().find(|f| f.name == *frame) else {
                    return Err(Fault::plain(format!("`{frame}`"))
                        .key("thresholds")
                        .expected(format!("one of {}", known.join(", ")))
                        .config());
                };
                let mut by_group = vec![f64::NAN; frame.groups.len()];
                for (threshold, name) in by_group.iter_mut().zip(&frame.groups) {
                    if let Some(found) = of.get(name) {
                        check(name, *found, 2.0)?;
                        *threshold = *found;
                    }
                }
                let mut decisions = Vec::with_capacity(score.len());
                for (s, cell) in score.iter().zip(&grouping.cell_of) {
                    let group = frame.group_of_cell[*cell as usize];
                    if by_group[group].is_nan() {
                        return Err(Fault::plain(format!(
                            "no threshold for `{}`",
                            frame.groups[group]
                        ))
                        .key("thresholds")
                        .expected("one for every group that has images")
                        .config());
                    }
                    decisions.push(u8::from(*s >= by_group[group]));
                }
                Ok(decisions)
            }
        }
    }
}

fn check(key: &str, threshold: f64, most: f64) -> Result<()> {
    // Written so that NaN fails too.
    if (0.0..=most).contains(&threshold) {
        return Ok(());
    }
    Err(Fault::plain(threshold.to_string())
        .key(key)
        .expected(format!("a number in [0, {most}]"))
        .config())
}
