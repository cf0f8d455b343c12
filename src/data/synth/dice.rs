//! Random numbers that are the same on every machine and for every number of threads.
//!
//! Each image, each person and the plan of the whole set have a ChaCha8 stream of their own
//! (D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008), so nothing depends on the order in which
//! images are drawn. Only `+ − × ÷ √` are used, which IEEE 754 rounds exactly: no `ln`, `cos` or `exp`,
//! whose last bit differs between platforms.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Who a stream belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The allocation of labels and identities.
    Plan,
    /// An identity, counted from 1.
    Person(usize),
    /// An image's scene, images counted from 1.
    Image(usize),
    /// An image's sensor noise.
    Sensor(usize),
}

/// One stream of random numbers.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of `owner` under `seed`.
    pub fn new(seed: u64, owner: Owner) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&super::GENERATOR_VERSION.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(match owner {
            Owner::Plan => 0,
            Owner::Person(i) => 3 * i as u64,
            Owner::Image(i) => 3 * i as u64 + 1,
            Owner::Sensor(i) => 3 * i as u64 + 2,
        });
        Self(rng)
    }

    /// Thirty-two random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)`, 24 bits.
    pub fn unit(&mut self) -> f32 {
        // 2^-24: every value is exact in f32.
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Uniform in `0..n`; the bias is below `n / 2^32`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.bits()) * n as u64) >> 32) as usize
    }

    /// Bell-shaped with mean 0, variance 1 and support ±3: the sum of three uniforms, whose density
    /// is a quadratic B-spline (see [`super::smile::bell_density`]).
    pub fn bell(&mut self) -> f32 {
        (self.unit() + self.unit() + self.unit() - 1.5) * 2.0
    }

    /// Fisher–Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_owner_and_seed_and_repeat() {
        let first = |seed, owner| Dice::new(seed, owner).bits();
        let all = [
            first(7, Owner::Plan),
            first(7, Owner::Person(1)),
            first(7, Owner::Image(1)),
            first(7, Owner::Image(2)),
            first(7, Owner::Sensor(1)),
            first(8, Owner::Image(2)),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(first(7, Owner::Image(2)), all[3]);
    }

    #[test]
    fn bell_has_mean_zero_and_variance_one() {
        let mut dice = Dice::new(1, Owner::Plan);
        let n = 20_000;
        let draws: Vec<f64> = (0..n).map(|_| f64::from(dice.bell())).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        // Five standard errors: 1/√n for the mean; the fourth moment of this B-spline is 2.6, so
        // √(1.6/n) for the variance.
        assert!(mean.abs() < 5.0 / f64::from(n).sqrt(), "{mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (1.6 / f64::from(n)).sqrt(),
            "{variance}"
        );
    }
}
