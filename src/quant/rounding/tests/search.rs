//! Layers so small that every choice can be tried.

use super::*;

/// The least error of all ways to round one row up or down.
fn exhaustive(layer: &Layer) -> f64 {
    let k = layer.k;
    let steps: Vec<f32> = layer
        .weights
        .iter()
        .map(|w| w * (1.0 / layer.scales[0]))
        .collect();
    let most = ((1 << (layer.bits - 1)) - 1) as f32;
    (0..1 << k)
        .map(|choice: u32| {
            let code = |(i, w): (usize, &f32)| {
                let code = if choice >> i & 1 == 1 {
                    w.ceil()
                } else {
                    w.floor()
                };
                code.clamp(-most, most) as i8
            };
            let codes: Vec<i8> = steps.iter().enumerate().map(code).collect();
            plain_error(layer, &codes)
        })
        .fold(f64::INFINITY, f64::min)
}

/// How many of `count` tiny layers get the best rounding there is, how many one within 5 % of it, and
/// the mean share that is left of nearest rounding's error, at best and in fact.
fn tiny_layers(how: &Adaptive, count: u64) -> ([u64; 2], [f64; 2]) {
    let (mut found, mut shares) = ([0; 2], [0.0; 2]);
    for seed in 0..count {
        let turn = seed as usize;
        let made = Made::new([1, 3 + turn % 8, 60], 1, [2, 3, 4][turn % 3], seed + 1);
        let layer = made.layer(KINDS[turn / 3 % 3]);
        let best = exhaustive(&layer);
        let got = adaptive(&layer, how, 0).unwrap();
        for (found, over) in found.iter_mut().zip([1.0001, 1.05]) {
            *found += u64::from(got.error <= best * over);
        }
        for (share, error) in shares.iter_mut().zip([best, got.error]) {
            *share += error / got.nearest_error / count as f64;
        }
    }
    (found, shares)
}

/// With few inputs there is little to cancel, and descent ends beside the optimum more often than in a
/// real layer: no step size, length or regularizer tried made it better.
#[test]
fn most_tiny_layers_are_at_their_optimum() {
    let ([equal, near], [best, got]) = tiny_layers(&Adaptive::default(), 240);
    println!("{equal} equal, {near} near of 240; {best:.3} is left at best, {got:.3} in fact");
    assert!(equal >= 120 && near >= 132 && got < 0.85);
    let how = Adaptive {
        finish: Finish::Flips,
        ..Adaptive::default()
    };
    let ([equal, near], [best, got]) = tiny_layers(&how, 240);
    println!(
        "{equal} equal, {near} near of 240; {best:.3} is left at best, {got:.3} in fact: flips"
    );
    assert!(equal >= 156 && near >= 168 && got < 0.77);
}

#[test]
fn after_flips_no_single_reversal_is_better() {
    for kind in KINDS {
        let made = Made::new([5, 30, 200], 1, 3, 77);
        let layer = made.layer(kind);
        let learned = adaptive(&layer, &Adaptive::default(), 0).unwrap();
        let how = Adaptive {
            finish: Finish::Flips,
            ..Adaptive::default()
        };
        let got = adaptive(&layer, &how, 0).unwrap();
        assert!(got.error <= learned.error, "{kind:?}");
        let whole = plain_error(&layer, &got.codes);
        let rows = Rows::of(&layer, 0..5);
        for i in 0..got.codes.len() {
            let mut codes = got.codes.clone();
            let Some(reverse) = rows.reverse(i, codes[i]) else {
                continue;
            };
            codes[i] = reverse;
            let error = plain_error(&layer, &codes);
            assert!(
                error >= whole * (1.0 - 1e-4),
                "{kind:?} {i}: {error:e}, {whole:e}"
            );
        }
    }
}
