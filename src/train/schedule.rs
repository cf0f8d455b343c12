//! Learning rate: linear warm-up, then half a cosine (SGDR without restarts, arXiv:1608.03983, eq. 5).

/// The learning rate of every step of a run.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    peak: f64,
    floor: f64,
    warm: usize,
    total: usize,
}

impl Schedule {
    /// A schedule over `total` updates: up to `peak` during the first `warmup` share of them, down to
    /// `peak · final_share` after it.
    pub fn new(peak: f64, final_share: f64, warmup: f64, total: usize) -> Self {
        let warm = ((warmup * total as f64).round() as usize).max(1);
        Self {
            peak,
            floor: peak * final_share,
            warm,
            total,
        }
    }

    /// Learning rate of update `step`, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warm {
            return self.peak * (step + 1) as f64 / self.warm as f64;
        }
        let rest = self.total.saturating_sub(self.warm).max(1);
        let share = ((step - self.warm) as f64 / rest as f64).min(1.0);
        self.floor + (self.peak - self.floor) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_to_the_peak_and_falls_to_the_floor() {
        let s = Schedule::new(1.0, 0.01, 0.1, 100);
        assert!((s.at(0) - 0.1).abs() < 1e-12);
        assert!((s.at(9) - 1.0).abs() < 1e-12);
        assert!((s.at(10) - 1.0).abs() < 1e-12);
        assert!((s.at(55) - 0.505).abs() < 1e-12);
        assert!((s.at(100) - 0.01).abs() < 1e-12);
        assert!((10..99).all(|i| s.at(i + 1) < s.at(i)));
    }

    #[test]
    fn no_warm_up_starts_at_the_peak() {
        assert_eq!(Schedule::new(0.5, 0.0, 0.0, 10).at(0), 0.5);
    }
}
