//! Linear layers: K that is a multiple of nothing, one row, many rows, ranges per image.

use crate::cases::{Draw, assert_same, words};
use fairbit_kernels::cpu::{Acts, Input, Isa, QLinear, Stored};
use fairbit_kernels::{ActQuant, Epilogue, Granularity, Output, reference};

/// What the twin stores, as words or floats.
fn expected(scaled: &[f32], channels: usize, epilogue: &Epilogue) -> Stored {
    match epilogue.output {
        Output::F32 => Stored::Floats(reference::floats(scaled, channels, epilogue)),
        _ => {
            let codes = reference::codes(scaled, channels, epilogue);
            let padded = channels.next_multiple_of(4);
            let mut bytes = vec![0; codes.len() / channels * padded];
            for (to, from) in bytes.chunks_mut(padded).zip(codes.chunks(channels)) {
                to[..channels].copy_from_slice(from);
            }
            Stored::Codes(words(&bytes, padded))
        }
    }
}

#[test]
fn every_k_equals_the_twin() {
    let mut kind = 0;
    for k in [1, 3, 4, 5, 31, 32, 33, 47, 64, 100, 127, 129, 200, 257] {
        for (m, n) in [(1, 1), (1, 37), (5, 16), (13, 33), (50, 7)] {
            for bits in [8, 4, 2] {
                for granularity in [
                    Granularity::PerChannel,
                    Granularity::PerGroup(32),
                    Granularity::PerGroup(128),
                ] {
                    kind += 1;
                    let mut draw = Draw::new(kind as u64);
                    let weights = draw.weights([n, k], bits, granularity);
                    let epilogue = draw.epilogue(n, kind);
                    let quant = draw.quant(8);
                    let codes = draw.codes(m * k, 8);
                    let want = reference::linear(&codes, &[quant], &weights);
                    let want = expected(&want, n, &epilogue);
                    let codes = words(&codes, k);
                    for isa in Isa::available() {
                        let layer =
                            QLinear::new(&weights, Input::Static(quant), &epilogue, isa).unwrap();
                        let found = layer.run(1, Acts::Codes(&codes));
                        let what = format!("{} {m} {k} {n} {granularity:?}", layer.kernel());
                        assert_same(&found, &want, &epilogue, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn the_rows_of_an_image_share_a_range() {
    let (images, tokens, k, n) = (3, 5, 21, 18);
    let mut draw = Draw::new(5);
    let weights = draw.weights([n, k], 8, Granularity::PerChannel);
    let x: Vec<f32> = draw.floats(images * tokens * k);
    let mut quants = Vec::new();
    let mut codes = Vec::new();
    for image in x.chunks(tokens * k) {
        let low = image.iter().copied().fold(0.0, f32::min);
        let high = image.iter().copied().fold(0.0, f32::max);
        let quant = ActQuant::from_range(low, high, 8);
        quants.extend([quant; 5]);
        codes.extend(image.iter().map(|&x| quant.code(x)));
    }
    let want = reference::linear(&codes, &quants, &weights);
    for isa in Isa::available() {
        let layer = QLinear::new(&weights, Input::Dynamic, &Epilogue::plain(), isa).unwrap();
        let found = layer.run(images, Acts::Floats(&x));
        assert_eq!(found, Stored::Floats(want.clone()), "{}", layer.kernel());
    }
}
