//! What one layer multiplies its weights by, at some places of some images: what rounding is fitted to.

use std::sync::{Arc, Mutex};

use burn::nn::PaddingConfig2d;
use burn::tensor::Tensor;

use crate::models::Model;
use crate::nn::{ConvUnit, Site, UnitMut, Watch};

/// Images `[B, 3, px, px]` with a weight for each.
pub type Batches = [(Tensor<4>, Vec<f64>)];

/// Inputs of a layer, unfolded.
#[derive(Debug, Clone, Default)]
pub struct LayerInputs {
    /// `[groups, samples, k]`, K as in [`super::rows`].
    pub values: Vec<f32>,
    /// The weight of each sample's image. `[samples]`
    pub weights: Vec<f32>,
    /// Groups of a convolution, 1 otherwise.
    pub groups: usize,
    /// Inputs of a row.
    pub k: usize,
}

impl LayerInputs {
    /// Of the leaf at `path`, about `samples` of them: the same number from each image, spread over it. Two
    /// models of one architecture are seen at the same places.
    ///
    /// # Panics
    /// If the model has no such leaf.
    pub fn of(model: &Model, path: &str, batches: &Batches, samples: usize) -> Self {
        let images: usize = batches.iter().map(|(_, weights)| weights.len()).sum();
        let mut watched = model.clone();
        let mut found = None;
        watched.units_mut(&mut |at, unit| {
            if at != path {
                return;
            }
            let (window, slot) = match unit {
                UnitMut::Conv(unit) => (Window::of(unit), &mut unit.watch),
                UnitMut::Linear(unit) => {
                    let [k, _] = unit.linear.weight.lazy_shape().dims();
                    (Window::row(k), &mut unit.watch)
                }
                UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
            };
            let seen = Arc::new(Mutex::new(Seen {
                window,
                per_image: samples.div_ceil(images.max(1)),
                image: 0,
                rows: Vec::new(),
                counts: Vec::new(),
            }));
            found = Some(seen.clone());
            *slot = Some(Watch::new(move |site, values, shape| {
                if site == Site::Input {
                    let mut seen = seen.lock().expect("no panic while it is held");
                    seen.take(values, shape);
                }
            }));
        });
        let seen = found.expect("the model has the leaf");
        for (images, _) in batches {
            watched.forward(images.clone());
        }
        let seen = seen.lock().expect("no panic while it is held");
        seen.sorted(batches.iter().flat_map(|(_, weights)| weights))
    }

    /// Weighted mean of the inputs, `[groups, k]`.
    pub fn mean(&self) -> Vec<f64> {
        let total: f64 = self.weights.iter().map(|w| f64::from(*w)).sum();
        let samples = self.weights.len();
        let groups = self.values.chunks((samples * self.k).max(1));
        groups
            .flat_map(|group| {
                let mut sums = vec![0f64; self.k];
                for (row, weight) in group.chunks(self.k).zip(&self.weights) {
                    for (sum, x) in sums.iter_mut().zip(row) {
                        *sum += f64::from(*weight) * f64::from(*x);
                    }
                }
                sums.into_iter().map(move |sum| sum / total)
            })
            .collect()
    }
}

/// What a layer sees of `[B, H, W, C]`: windows of a convolution, or rows.
#[derive(Debug, Clone, Copy)]
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
    /// Channels of a group.
    channels: usize,
}

impl Window {
    fn of(unit: &ConvUnit) -> Self {
        let conv = &unit.conv;
        let [_, channels, kh, kw] = conv.weight.lazy_shape().dims();
        let PaddingConfig2d::Explicit(top, left, _, _) = conv.padding else {
            unreachable!("padding is always explicit here")
        };
        Self {
            kernel: [kh, kw],
            stride: conv.stride,
            padding: [top, left],
            groups: conv.groups,
            channels,
        }
    }

    fn row(channels: usize) -> Self {
        Self {
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            groups: 1,
            channels,
        }
    }

    fn k(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    fn outputs(&self, axis: usize, input: usize) -> usize {
        (input + 2 * self.padding[axis] - self.kernel[axis]) / self.stride[axis] + 1
    }
}

/// The samples as they come: image by image, `[samples, groups, k]`.
struct Seen {
    window: Window,
    per_image: usize,
    image: usize,
    rows: Vec<f32>,
    /// Samples of each image.
    counts: Vec<usize>,
}

impl Seen {
    /// Takes the samples of a batch `[B, H, W, C]`, `[B, N, C]` or `[B, C]`.
    fn take(&mut self, values: &[f32], shape: &[usize]) {
        let [height, width] = match *shape {
            [_, height, width, _] => [height, width],
            [_, tokens, _] => [1, tokens],
            _ => [1, 1],
        };
        let out = [
            self.window.outputs(0, height),
            self.window.outputs(1, width),
        ];
        let places = out[0] * out[1];
        let count = self.per_image.min(places);
        for image in values.chunks(values.len() / shape[0]) {
            // Evenly spread, and shifted from image to image by a step that shares no pattern with rows.
            let shift = self.image * 7919;
            for i in 0..count {
                let place = (i * places / count + shift) % places;
                self.unfold(image, [height, width], [place / out[1], place % out[1]]);
            }
            self.counts.push(count);
            self.image += 1;
        }
    }

    /// One window of an image `[H, W, C]`; outside it is zero.
    fn unfold(&mut self, image: &[f32], [height, width]: [usize; 2], at: [usize; 2]) {
        let Window {
            kernel,
            stride,
            padding,
            groups,
            channels,
        } = self.window;
        for group in 0..groups {
            for ky in 0..kernel[0] {
                for kx in 0..kernel[1] {
                    let y = (at[0] * stride[0] + ky).wrapping_sub(padding[0]);
                    let x = (at[1] * stride[1] + kx).wrapping_sub(padding[1]);
                    if y < height && x < width {
                        let from = (y * width + x) * groups * channels + group * channels;
                        self.rows.extend_from_slice(&image[from..from + channels]);
                    } else {
                        self.rows.extend(std::iter::repeat_n(0.0, channels));
                    }
                }
            }
        }
    }

    fn sorted<'a>(&self, weights: impl Iterator<Item = &'a f64>) -> LayerInputs {
        let (groups, k) = (self.window.groups, self.window.k());
        let samples = self.rows.len() / (groups * k);
        let mut values = Vec::with_capacity(self.rows.len());
        for group in 0..groups {
            for sample in 0..samples {
                let from = (sample * groups + group) * k;
                values.extend_from_slice(&self.rows[from..from + k]);
            }
        }
        let weights = self.counts.iter().zip(weights);
        let weights = weights.flat_map(|(count, w)| std::iter::repeat_n(*w as f32, *count));
        LayerInputs {
            values,
            weights: weights.collect(),
            groups,
            k,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::fold::fold;
    use crate::compress::rows::{Rows, floats};
    use crate::models::{Architecture, ModelConfig, create};
    use burn::tensor::{Device, Distribution};

    /// Sums of a leaf at the places that samples are of, from the model itself.
    fn outputs(model: &Model, path: &str, images: &Tensor<4>) -> (Vec<f32>, Vec<usize>) {
        let seen = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let mut watched = model.clone();
        watched.units_mut(&mut |at, unit| {
            let seen = seen.clone();
            let watch = Some(Watch::new(move |site, values, shape| {
                if site == Site::Sum {
                    *seen.lock().unwrap() = (values.to_vec(), shape.to_vec());
                }
            }));
            match unit {
                UnitMut::Conv(unit) if at == path => unit.watch = watch,
                UnitMut::Linear(unit) if at == path => unit.watch = watch,
                _ => {}
            }
        });
        watched.forward(images.clone());
        let seen = seen.lock().unwrap();
        (seen.0.clone(), seen.1.clone())
    }

    #[test]
    fn a_row_times_a_sample_is_what_the_layer_gives_there() {
        let device = Device::flex();
        device.seed(3);
        for (name, paths) in [
            (
                Architecture::MobileNetV2,
                vec![
                    "features.0.0",
                    "features.2.conv.1.0",
                    "features.3.conv.2",
                    "classifier.1",
                ],
            ),
            (
                Architecture::VitSmallPatch16,
                vec!["patch_embed.proj", "blocks.0.attn.qkv", "head"],
            ),
        ] {
            let model = fold(create(&ModelConfig::new(name, 2, 32), 5, &device).unwrap());
            let images = Tensor::random([3, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device);
            for path in paths {
                // As many samples as there are places: all of them, in some order.
                let batches = [(images.clone(), vec![1.0, 2.0, 3.0])];
                let inputs = LayerInputs::of(&model, path, &batches, 1_000_000);
                let (mut rows, mut bias) = (None, None);
                model.clone().units_mut(&mut |at, unit| match unit {
                    UnitMut::Conv(unit) if at == path => {
                        rows = Some(Rows::of_conv(&unit.conv));
                        bias = unit.conv.bias.as_ref().map(|b| floats(b.val()));
                    }
                    UnitMut::Linear(unit) if at == path => {
                        rows = Some(Rows::of_linear(&unit.linear));
                        bias = unit.linear.bias.as_ref().map(|b| floats(b.val()));
                    }
                    _ => {}
                });
                let (rows, bias) = (rows.unwrap(), bias.unwrap());
                let (expected, _) = outputs(&model, path, &images);
                let [n, k] = rows.shape;
                let places = expected.len() / 3 / n;
                assert_eq!(inputs.weights.len(), 3 * places, "{path}");
                assert_eq!(inputs.weights[places], 2.0);
                for image in 0..3 {
                    for i in 0..places {
                        let sample = image * places + i;
                        let place = (i + image * 7919) % places;
                        for row in 0..n {
                            let group = row / (n / inputs.groups);
                            let x = &inputs.values[(group * 3 * places + sample) * k..][..k];
                            let w = &rows.values[row * k..][..k];
                            let dot: f64 = x
                                .iter()
                                .zip(w)
                                .map(|(x, w)| f64::from(*x) * f64::from(*w))
                                .sum();
                            let found = dot + f64::from(bias[row]);
                            let expected = f64::from(expected[(image * places + place) * n + row]);
                            // Up to 768 products of numbers around 1 in another order.
                            assert!(
                                (found - expected).abs() < 1e-3 * expected.abs().max(1.0),
                                "{path} {row}: {found} and {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}
