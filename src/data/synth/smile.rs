//! The latent smile: what the picture shows, what the label says, and how well the best possible
//! classifier can do.
//!
//! A label `y` is given; with probability [`PERCEPTION_NOISE`] the annotator saw it wrongly, so the
//! expression `c` is `1 − y`; the strength is `s = (2c − 1) + SPREAD · bell`. The two strengths overlap
//! and the label is noisy, so the Bayes accuracy (Devroye, Györfi & Lugosi 1996, ch. 2),
//! `∫ max(π f(s|1), (1 − π) f(s|0)) ds`, stays well below 1: about 0.94. Difficulty only lowers what can be
//! read off the picture, so this is an upper bound for every classifier of the images.

use super::dice::Dice;

/// Share of labels that contradict the drawn expression.
pub const PERCEPTION_NOISE: f32 = 0.02;

/// Standard deviation of the strength around its mean (−1 not smiling, +1 smiling).
pub const SPREAD: f32 = 0.57;

/// Draws a strength for an image labelled `smiling`; support ±(1 + 3·[`SPREAD`]).
pub fn strength(dice: &mut Dice, smiling: bool) -> f32 {
    let shown = smiling != dice.chance(PERCEPTION_NOISE);
    let mean = if shown { 1.0 } else { -1.0 };
    mean + SPREAD * dice.bell()
}

/// Density at `x` of [`Dice::bell`]: the quadratic B-spline of unit variance.
pub fn bell_density(x: f64) -> f64 {
    let u = (x / 2.0).abs();
    let spline = if u < 0.5 {
        0.75 - u * u
    } else if u < 1.5 {
        0.5 * (1.5 - u) * (1.5 - u)
    } else {
        0.0
    };
    spline / 2.0
}

/// Accuracy of the best classifier that sees the strength itself and knows the smiling rate of the
/// group, `rate` in `[0, 1]`. Between 0.5 and 1 − [`PERCEPTION_NOISE`] for rates near one half.
pub fn bayes_accuracy(rate: f64) -> f64 {
    let spread = f64::from(SPREAD);
    let noise = f64::from(PERCEPTION_NOISE);
    let reach = 1.0 + 3.0 * spread;
    // Midpoint rule; the integrand is Lipschitz, so the error is far below 1e-4.
    let steps = 20_000;
    let width = 2.0 * reach / f64::from(steps);
    (0..steps)
        .map(|i| {
            let s = -reach + (f64::from(i) + 0.5) * width;
            let smile = bell_density((s - 1.0) / spread) / spread;
            let calm = bell_density((s + 1.0) / spread) / spread;
            let yes = rate * ((1.0 - noise) * smile + noise * calm);
            let no = (1.0 - rate) * ((1.0 - noise) * calm + noise * smile);
            yes.max(no) * width
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::dice::Owner;
    use super::*;

    #[test]
    fn bayes_accuracy_at_equal_rates_matches_the_closed_form() {
        // P(bell > 1/SPREAD) = ((3 − 1/SPREAD)/2)³/6, the tail of three uniforms.
        let tail = ((3.0 - 1.0 / f64::from(SPREAD)) / 2.0).powi(3) / 6.0;
        let noise = f64::from(PERCEPTION_NOISE);
        let closed = (1.0 - tail) * (1.0 - noise) + tail * noise;
        // The midpoint sum of 20,000 steps of width 2.7e-4 is off by at most the kink's cell.
        assert!((bayes_accuracy(0.5) - closed).abs() < 3e-4);
        assert!(bayes_accuracy(0.5) > 0.93 && bayes_accuracy(0.5) < 0.95);
        assert!((bayes_accuracy(1.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn drawn_strengths_reach_the_bayes_accuracy_and_not_more() {
        let mut dice = Dice::new(3, Owner::Plan);
        let n = 20_000;
        let right = (0..n)
            .filter(|i| {
                let smiling = i % 2 == 0;
                (strength(&mut dice, smiling) > 0.0) == smiling
            })
            .count();
        let accuracy = right as f64 / f64::from(n);
        // Five binomial standard errors.
        let tolerance = 5.0 * (0.94 * 0.06 / f64::from(n)).sqrt();
        assert!(
            (accuracy - bayes_accuracy(0.5)).abs() < tolerance,
            "{accuracy}"
        );
    }
}
