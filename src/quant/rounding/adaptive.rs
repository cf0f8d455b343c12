//! Which way each weight goes: a soft choice h in [0, 1] that a regularizer makes hard, by Adam.
//!
//! - code = ⌊w/s⌋ + h, and h(V) = clip(1.2 · σ(V) − 0.1, 0, 1): eq. 22 and 23
//! - regularizer Σ 1 − |2h − 1|^β, β annealed: eq. 24
//! - Adam: Kingma and Ba, arXiv:1412.6980, algorithm 1

use std::f32::consts::PI;
use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::objective::{Objective, Wanted};
use super::{Adaptive, Layer};

/// ζ and γ of the rectified sigmoid.
const STRETCH: [f32; 2] = [1.1, -0.1];
/// Decay of Adam's averages, and what keeps its quotient finite.
const DECAY: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// Weights of some rows, in steps.
pub(super) struct Rows {
    /// w/s. [rows, k]
    steps: Vec<f32>,
    most: f32,
}

impl Rows {
    pub(super) fn of(layer: &Layer, rows: Range<usize>) -> Self {
        let weights = layer.weights.chunks(layer.k).zip(layer.scales);
        let rows = weights.skip(rows.start).take(rows.len());
        let steps = rows.flat_map(|(row, scale)| {
            let inverse = 1.0 / scale;
            row.iter().map(move |w| w * inverse)
        });
        Self {
            steps: steps.collect(),
            most: ((1 << (layer.bits - 1)) - 1) as f32,
        }
    }

    /// Nearest codes, ties to even.
    pub(super) fn nearest(&self) -> Vec<i8> {
        let code = |w: &f32| w.round_ties_even().clamp(-self.most, self.most) as i8;
        self.steps.iter().map(code).collect()
    }

    /// Errors of weights in steps.
    pub(super) fn deltas(&self, codes: &[i8]) -> Vec<f32> {
        let errors = codes.iter().zip(&self.steps);
        errors.map(|(code, w)| f32::from(*code) - w).collect()
    }

    /// The codes below and above, equal where there is no choice: at whole numbers, and where one of both
    /// is no code.
    fn choice(&self, w: f32) -> [f32; 2] {
        [w.floor(), w.ceil()].map(|code| code.clamp(-self.most, self.most))
    }

    /// The other code of a weight's choice; none where there is no choice.
    pub(super) fn reverse(&self, i: usize, code: i8) -> Option<i8> {
        let [below, above] = self.choice(self.steps[i]).map(|code| code as i8);
        (below != above).then_some(if code == below { above } else { below })
    }

    /// Learns the choices and makes them.
    pub(super) fn learn(
        &self,
        objective: &Objective,
        wanted: &Wanted,
        how: &Adaptive,
        seed: u64,
    ) -> Vec<i8> {
        let mut soft = Soft::of(self);
        let mut batches = objective
            .samples_of_a_step()
            .map(|samples| Batches::new(samples, how.batch, seed));
        // Squared steps of inputs of mean square 1, whatever the layer's units.
        let unit = if objective.power > 0.0 {
            (1.0 / objective.power) as f32
        } else {
            0.0
        };
        let mut gradient = vec![0.0; self.steps.len()];
        for iteration in 0..how.iterations {
            let batch = batches.as_mut().map_or(&[][..], Batches::draw);
            objective.gradient(&soft.deltas, wanted, batch, &mut gradient);
            let beta = beta(iteration as f32 / how.iterations as f32, how);
            soft.chain(&mut gradient, unit, beta, how.lambda);
            soft.step(&gradient, how.lr, iteration);
            if soft.is_settled() {
                break;
            }
        }
        let choices = self.steps.iter().zip(&soft.h);
        choices
            .map(|(w, h)| self.choice(*w)[usize::from(*h >= 0.5)] as i8)
            .collect()
    }
}

/// The regularizer's exponent when `progress` of all steps are done; none during warm-up.
fn beta(progress: f32, how: &Adaptive) -> Option<f32> {
    let progress = (progress - how.warmup) / (1.0 - how.warmup);
    let [from, to] = how.beta;
    let annealed = to + (from - to) * 0.5 * (1.0 + (PI * progress).cos());
    (progress >= 0.0).then_some(annealed)
}

/// The variables of one block and Adam's averages. All [rows, k].
struct Soft {
    /// V, for the choices that there are.
    v: Vec<f32>,
    /// h(V).
    h: Vec<f32>,
    /// Code above less code below: 1, or 0 where there is no choice.
    span: Vec<f32>,
    /// Error of the code below, in steps.
    base: Vec<f32>,
    /// `base` + `span` · `h`.
    deltas: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Soft {
    /// Starts at the float weights.
    fn of(rows: &Rows) -> Self {
        let [top, bottom] = STRETCH;
        let start = |w: &f32| {
            let share = (w - w.floor() - bottom) / (top - bottom);
            (share / (1.0 - share)).ln()
        };
        let choices = || rows.steps.iter().map(|w| (*w, rows.choice(*w)));
        let count = rows.steps.len();
        let mut soft = Self {
            v: rows.steps.iter().map(start).collect(),
            h: vec![0.0; count],
            span: choices().map(|(_, [below, above])| above - below).collect(),
            base: choices().map(|(w, [below, _])| below - w).collect(),
            deltas: vec![0.0; count],
            first: vec![0.0; count],
            second: vec![0.0; count],
        };
        soft.harden();
        soft
    }

    /// h and errors of V.
    fn harden(&mut self) {
        for i in 0..self.v.len() {
            self.h[i] = rectified(self.v[i]);
            self.deltas[i] = self.base[i] + self.span[i] * self.h[i];
        }
    }

    /// From ∂L/∂δ to the gradient by V of L · `unit` + `lambda` · regularizer.
    fn chain(&self, gradient: &mut [f32], unit: f32, beta: Option<f32>, lambda: f32) {
        let [top, bottom] = STRETCH;
        for ((gradient, h), span) in gradient.iter_mut().zip(&self.h).zip(&self.span) {
            if *span == 0.0 || *h <= 0.0 || *h >= 1.0 {
                *gradient = 0.0;
                continue;
            }
            let mut by_h = *gradient * unit;
            if let Some(beta) = beta {
                let side = 2.0 * h - 1.0;
                by_h -= lambda * 2.0 * beta * side.abs().powf(beta - 1.0).copysign(side);
            }
            // σ' = σ (1 − σ), with σ from h, which is not clipped here.
            let sigmoid = (h - bottom) / (top - bottom);
            *gradient = by_h * (top - bottom) * sigmoid * (1.0 - sigmoid);
        }
    }

    fn step(&mut self, gradient: &[f32], lr: f32, iteration: usize) {
        let correct = |decay: f32| 1.0 / (1.0 - decay.powf(iteration as f32 + 1.0));
        let [one, two] = DECAY.map(correct);
        let averages = self.first.iter_mut().zip(&mut self.second);
        for ((v, (first, second)), g) in self.v.iter_mut().zip(averages).zip(gradient) {
            *first += (1.0 - DECAY[0]) * (g - *first);
            *second += (1.0 - DECAY[1]) * (g * g - *second);
            *v -= lr * *first * one / ((*second * two).sqrt() + EPSILON);
        }
        self.harden();
    }

    /// Whether every choice is made: beyond the clip no gradient leads back.
    fn is_settled(&self) -> bool {
        let mut choices = self.h.iter().zip(&self.span);
        choices.all(|(h, span)| *span == 0.0 || *h <= 0.0 || *h >= 1.0)
    }
}

/// h(V).
fn rectified(v: f32) -> f32 {
    let [top, bottom] = STRETCH;
    ((top - bottom) / (1.0 + (-v).exp()) + bottom).clamp(0.0, 1.0)
}

/// Batches without replacement, in a new order each time round.
struct Batches {
    order: Vec<u32>,
    next: usize,
    size: usize,
    random: ChaCha8Rng,
}

impl Batches {
    fn new(samples: usize, size: usize, seed: u64) -> Self {
        Self {
            order: (0..samples as u32).collect(),
            // So that the first draw shuffles.
            next: samples,
            size: size.clamp(1, samples),
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn draw(&mut self) -> &[u32] {
        if self.next + self.size > self.order.len() {
            self.order.shuffle(&mut self.random);
            self.next = 0;
        }
        self.next += self.size;
        &self.order[self.next - self.size..self.next]
    }
}
