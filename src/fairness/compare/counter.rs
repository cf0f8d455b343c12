//! Counting 64 yes-or-no votes at once.
//!
//! ```text
//!            bit 0  bit 1  …  bit 63        a word is the votes of 64 models on one image
//! plane 0      1      0         1           count of a model = its bits, plane 0 the lowest:
//! plane 1      1      1         0           model 0 has 3 votes, model 1 has 2, model 63 has 1
//! ```
//!
//! Eight words at a time go through a tree of carry-save adders (Harley & Seal; Warren, Hacker's
//! Delight, §5-1), some five logical operations a word for all 64 models together.

/// Votes so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    planes: Vec<u64>,
    waiting: [u64; 8],
    len: usize,
}

impl Tally {
    /// For at most `votes` words.
    pub fn new(votes: usize) -> Self {
        let bits = (usize::BITS - votes.leading_zeros()).max(3) as usize;
        Self {
            planes: vec![0; bits],
            waiting: [0; 8],
            len: 0,
        }
    }

    /// Adds one image.
    #[inline]
    pub fn push(&mut self, word: u64) {
        self.waiting[self.len] = word;
        self.len += 1;
        if self.len == 8 {
            self.add_eight();
            self.len = 0;
        }
    }

    #[inline]
    fn add_eight(&mut self) {
        let w = &self.waiting;
        let [ones, twos, fours, rest @ ..] = &mut self.planes[..] else {
            unreachable!("three planes at least");
        };
        let (a, one) = add(*ones, w[0], w[1]);
        let (b, one) = add(one, w[2], w[3]);
        let (c, two) = add(*twos, a, b);
        let (a, one) = add(one, w[4], w[5]);
        let (b, one) = add(one, w[6], w[7]);
        let (d, two) = add(two, a, b);
        let (carry, four) = add(*fours, c, d);
        (*ones, *twos, *fours) = (one, two, four);
        ripple(rest, carry);
    }

    /// Adds each model's votes to its place in `counts`, in steps of `stride`, and starts anew.
    pub fn drain(&mut self, counts: &mut [u32], stride: usize) {
        for word in &self.waiting[..self.len] {
            ripple(&mut self.planes, *word);
        }
        self.len = 0;
        for (bit, plane) in self.planes.iter_mut().enumerate() {
            let mut left = std::mem::take(plane);
            while left != 0 {
                counts[left.trailing_zeros() as usize * stride] += 1 << bit;
                left &= left - 1;
            }
        }
    }
}

/// A full adder in every bit: carry and sum.
#[inline]
fn add(a: u64, b: u64, c: u64) -> (u64, u64) {
    let half = a ^ b;
    ((a & b) | (half & c), half ^ c)
}

#[inline]
fn ripple(planes: &mut [u64], mut carry: u64) {
    for plane in planes {
        if carry == 0 {
            return;
        }
        let sum = *plane ^ carry;
        carry &= *plane;
        *plane = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn counts_are_those_of_a_loop() {
        let mut rng = crate::fairness::resample::draw::replicate_rng(1, 1);
        for votes in [0, 1, 7, 8, 9, 63, 64, 255, 256, 1000] {
            let mut tally = Tally::new(votes);
            // Twice: draining starts anew.
            for _ in 0..2 {
                let words: Vec<u64> = (0..votes)
                    .map(|i| rng.next_u64() | u64::from(i % 3 == 0))
                    .collect();
                words.iter().for_each(|word| tally.push(*word));
                let mut found = vec![0; 128];
                tally.drain(&mut found, 2);
                for model in 0..64 {
                    let expected = words.iter().filter(|w| **w >> model & 1 == 1).count();
                    assert_eq!(
                        found[2 * model] as usize,
                        expected,
                        "{votes} votes, model {model}"
                    );
                }
            }
        }
    }
}
