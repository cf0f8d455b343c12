//! Axes: round ticks, and where a number lies between two pixels.

/// Numbers between round ends, laid along pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The ends, in data units; `lo < hi`.
    pub domain: (f64, f64),
    /// Where they lie, px; the first may be the larger one.
    pub range: (f64, f64),
}

/// Round ticks over a range: every multiple `first..=last` of `step`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticks {
    /// Distance of two ticks: 1, 2 or 5 times a power of ten.
    pub step: f64,
    /// The first tick, in steps.
    pub first: i64,
    /// The last tick, in steps.
    pub last: i64,
}

impl Scale {
    /// The pixel of `value`.
    pub fn px(&self, value: f64) -> f64 {
        let share = (value - self.domain.0) / (self.domain.1 - self.domain.0);
        self.range.0 + share * (self.range.1 - self.range.0)
    }
}

impl Ticks {
    /// The ticks that enclose `[lo, hi]`, with about `count` intervals between them. An empty range is
    /// widened to one step.
    pub fn around(lo: f64, hi: f64, count: f64) -> Self {
        Self::of_step(lo, hi, round_step((hi - lo) / count))
    }

    /// The ticks of a given step that enclose `[lo, hi]`.
    pub fn of_step(lo: f64, hi: f64, step: f64) -> Self {
        // A millionth of a step counts as none: 0.3 / 0.1 is less than 3 in binary.
        let first = (lo / step + 1e-6).floor() as i64;
        let last = ((hi / step - 1e-6).ceil() as i64).max(first + 1);
        Self { step, first, last }
    }

    /// The ends.
    pub fn domain(&self) -> (f64, f64) {
        (self.at(self.first), self.at(self.last))
    }

    /// The value of each tick.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|k| self.at(k))
    }

    /// Decimals that tell neighbouring ticks apart.
    pub fn decimals(&self) -> usize {
        (-(self.step.log10() + 1e-9).floor()).max(0.0) as usize
    }

    fn at(&self, k: i64) -> f64 {
        k as f64 * self.step
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`; 0.1 for nothing.
pub fn round_step(step: f64) -> f64 {
    if !(step.is_finite() && step > 0.0) {
        return 0.1;
    }
    let power = 10f64.powf((step.log10() + 1e-9).floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= step * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// The smallest and the largest of some numbers; `None` for none.
pub fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |found, v| match found {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_range() {
        let ticks = Ticks::around(0.13, 0.47, 4.0);
        assert_eq!((ticks.step, ticks.first, ticks.last), (0.1, 1, 5));
        assert_eq!(ticks.decimals(), 1);
        assert_eq!(Ticks::around(0.0, 0.3, 3.0).last, 3);
        let wide = Ticks::around(-1200.0, 800.0, 4.0);
        assert_eq!((wide.step, wide.domain()), (500.0, (-1500.0, 1000.0)));
        assert_eq!(wide.decimals(), 0);
        let nothing = Ticks::around(0.5, 0.5, 4.0);
        assert!(nothing.domain().0 <= 0.5 && nothing.domain().1 > 0.5);
    }

    #[test]
    fn a_scale_may_run_downwards() {
        let up = Scale {
            domain: (0.0, 2.0),
            range: (100.0, 0.0),
        };
        assert_eq!((up.px(0.0), up.px(0.5), up.px(2.0)), (100.0, 75.0, 0.0));
    }
}
