//! `PackedWeights::from_parts` takes words from files that nobody vouches for: whatever they hold, it
//! answers, and what it accepts computes what the twin computes.

use crate::cases::{Draw, words};
use fairbit_kernels::cpu::{Acts, Input, Isa, QLinear, Stored};
use fairbit_kernels::{Epilogue, Granularity, PackedWeights, reference};

#[test]
fn random_words_are_refused_or_right() {
    let mut accepted = 0;
    for seed in 0..20_000 {
        let mut draw = Draw::new(seed);
        let bits = [0, 1, 2, 3, 4, 8, 16, 32, u32::MAX][draw.below(9)];
        let huge = [usize::MAX, usize::MAX / 2 + 1, 1 << 40, 1 << 31];
        let mut size = |most: usize| match draw.below(20) {
            0 => huge[draw.below(4)],
            _ => draw.below(most),
        };
        let (rows, k) = (size(5), size(80));
        let granularity = match draw.below(6) {
            0 => Granularity::PerGroup(draw.below(200)),
            1 => Granularity::PerGroup(32),
            _ => Granularity::PerChannel,
        };
        let groups = match granularity {
            Granularity::PerChannel => 1,
            Granularity::PerGroup(group) => k.div_ceil(group.max(1)),
        };
        // The right lengths more often than not.
        let right = |n: usize| if n < 4000 { n } else { 7 };
        let per_word = (32 / bits.clamp(1, 32)) as usize;
        let count = right(rows.saturating_mul(k.div_ceil(per_word)));
        let count = if draw.below(8) == 0 {
            draw.below(40)
        } else {
            count
        };
        let mask = [u32::MAX, 0x1111_1111, 0x0707_0707, 0x4545_4545, 0][draw.below(5)];
        let packed = (0..count).map(|_| draw.bits() as u32 & mask).collect();
        let scale = [1.0, 0.5, 0.25, f32::NAN, 0.0][if draw.below(10) == 0 {
            draw.below(5)
        } else {
            0
        }];
        let scales = vec![scale; right(rows.saturating_mul(groups))];
        let Ok(weights) = PackedWeights::from_parts(packed, scales, [rows, k], bits, granularity)
        else {
            continue;
        };
        accepted += 1;
        let again = PackedWeights::pack(
            &weights.unpack(),
            weights.scales().to_vec(),
            [rows, k],
            bits,
            granularity,
        );
        assert_eq!(again.as_ref(), Ok(&weights));
        let quant = draw.quant(8);
        let codes = draw.codes(3 * k, 8);
        let want = Stored::Floats(reference::linear(&codes, &[quant], &weights));
        let acts = words(&codes, k);
        for isa in Isa::available() {
            let layer =
                QLinear::new(&weights, Input::Static(quant), &Epilogue::plain(), isa).unwrap();
            assert_eq!(
                layer.run(1, Acts::Codes(&acts)),
                want,
                "seed {seed}, {}",
                layer.kernel()
            );
        }
    }
    assert!(
        accepted > 500,
        "only {accepted} of the words were acceptable"
    );
}
