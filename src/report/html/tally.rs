//! What can be counted over all configurations: spreads of changes, tests that found something.

use super::super::study::Study;
use super::super::study::results::{Change, Configuration};
use super::words::{median, significant_change};

/// Counts and spreads of one study's matrix.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Accuracy of the float models.
    pub baselines: Option<Spread>,
    /// Changes where all weights have 8 bits.
    pub int8: Changes,
    /// Changes where they have 4.
    pub int4: Changes,
    /// Adjusted tests of a gap's change.
    pub tests: usize,
    /// Of these, gaps that are found to have grown.
    pub grew: usize,
    /// Gaps that are found to have shrunk.
    pub shrank: usize,
    /// Changes that are shown to lie within the margin and are not found to differ from 0.
    pub equivalent: usize,
    /// Changes that are shown to lie within the margin.
    pub equivalent_in_all: usize,
    /// Neither.
    pub open: usize,
}

/// Changes of configurations that have something in common.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Of accuracy.
    pub accuracy: Option<Spread>,
    /// Of the EO gap.
    pub eo_gap: Option<Spread>,
}

/// Median and range.
#[derive(Debug, Clone)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// The smallest.
    pub least: f64,
    /// The middle.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        Some(Self {
            n: values.len(),
            least: values.iter().copied().reduce(f64::min)?,
            most: values.iter().copied().reduce(f64::max)?,
            median: median(values)?,
        })
    }
}

impl Tally {
    /// Counts the matrix of the primary target and seed.
    pub fn of(study: &Study) -> Self {
        let done: Vec<&Configuration> = study.matrix().filter(|c| c.done).collect();
        let baselines = done.iter().filter(|c| c.is_baseline());
        let mut tally = Self {
            baselines: Spread::of(baselines.filter_map(|c| Some(c.estimate("accuracy")?.value))),
            int8: changes(&done, "int8"),
            int4: changes(&done, "int4"),
            ..Self::default()
        };
        let gaps = done
            .iter()
            .flat_map(|c| [c.change("dp_gap"), c.change("eo_gap")]);
        for change in gaps.flatten().filter(|change| change.p_adjusted.is_some()) {
            tally.count(change);
        }
        tally
    }

    fn count(&mut self, change: &Change) {
        self.tests += 1;
        let equivalent = change.equivalent == Some(true);
        self.equivalent_in_all += usize::from(equivalent);
        match (significant_change(change), change.delta.value > 0.0) {
            (true, true) => self.grew += 1,
            (true, false) => self.shrank += 1,
            (false, _) if equivalent => self.equivalent += 1,
            (false, _) => self.open += 1,
        }
    }

    /// Gaps that are found to have changed.
    pub fn found(&self) -> usize {
        self.grew + self.shrank
    }
}

/// Those whose method ends with the width.
fn changes(done: &[&Configuration], width: &str) -> Changes {
    let of = |column: &str| {
        let with = done.iter().filter(|c| c.method.ends_with(width));
        Spread::of(with.filter_map(|c| Some(c.change(column)?.delta.value)))
    };
    Changes {
        accuracy: of("accuracy"),
        eo_gap: of("eo_gap"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Measured;

    #[test]
    fn a_change_is_found_or_equivalent_or_open() {
        let change = |delta: f64, p: f64, equivalent: bool| Change {
            delta: Measured::point(delta),
            p: None,
            p_adjusted: Some(p),
            p_holm: None,
            p_sharp: None,
            equivalent: Some(equivalent),
            tost_p: None,
            margin: None,
        };
        let mut tally = Tally::default();
        let all = [
            change(0.05, 0.01, false),
            change(-0.05, 0.01, false),
            change(0.005, 0.04, true),
            change(0.001, 0.9, true),
            change(0.02, 0.3, false),
        ];
        all.iter().for_each(|one| tally.count(one));
        assert_eq!((tally.tests, tally.grew, tally.shrank), (5, 2, 1));
        assert_eq!(
            (tally.equivalent, tally.equivalent_in_all, tally.open),
            (1, 2, 1)
        );
    }
}
