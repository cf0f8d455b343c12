//! The weights of tests/golden/models.py, bit by bit: value(name, index).

use std::collections::BTreeMap;
use std::path::Path;

/// Names, shapes and values of a state dict.
pub type StateDict = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// `count` values in [0, 1) on a grid of 2⁻²⁴: splitmix64 started at fnv1a64(name).
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let start = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    (1..=count as u64).map(move |i| {
        let mut z = start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / 16_777_216.0
    })
}

/// Which normalizations to make up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Weights near 1, biases near 0.
    Plain,
    /// Weights near 1/8, biases near 1: ReLU inputs stay away from zero. The generator says why.
    Calm,
}

/// The tensor called `name`.
pub fn value(name: &str, shape: &[usize], mood: Mood) -> Vec<f32> {
    let u = uniform(name, shape.iter().product()).map(|u| (u, 2.0 * u - 1.0));
    let last = name.rsplit('.').next().unwrap_or(name);
    match last {
        "running_var" => u.map(|(u, _)| u + 0.5).collect(),
        "weight" if shape.len() >= 2 => {
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f64).sqrt() as f32;
            u.map(|(_, signed)| signed * bound).collect()
        }
        "weight" if mood == Mood::Calm => u.map(|(_, signed)| 0.03125 * signed + 0.125).collect(),
        "bias" if mood == Mood::Calm => u.map(|(_, signed)| 0.125 * signed + 1.0).collect(),
        "weight" => u.map(|(_, signed)| 0.25 * signed + 1.0).collect(),
        _ => u.map(|(_, signed)| 0.125 * signed).collect(),
    }
}

/// A batch of images `[batch, 3, px, px]` in ±2.
pub fn images(batch: usize, px: usize) -> Vec<f32> {
    uniform(&format!("images.{px}"), batch * 3 * px * px)
        .map(|u| (2.0 * u - 1.0) * 2.0)
        .collect()
}

/// Fills the named shapes by the formula.
pub fn fill(shapes: &BTreeMap<String, Vec<usize>>, mood: Mood) -> StateDict {
    let filled = |(name, shape): (&String, &Vec<usize>)| {
        (name.clone(), (shape.clone(), value(name, shape, mood)))
    };
    shapes.iter().map(filled).collect()
}

/// Writes a state dict as a `.safetensors` file.
pub fn write_safetensors(dict: &StateDict, path: &Path) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = dict
        .iter()
        .map(|(name, (shape, values))| {
            (
                name.clone(),
                shape.clone(),
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (
            name.clone(),
            view.expect("as many bytes as the shape needs"),
        )
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}
