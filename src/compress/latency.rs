//! How long each layer takes at each width, measured where it stands in the model: what a budget of time
//! is made of.
//!
//! All layers have one width at a time. So a time holds for a layer among others of its kind; where a float
//! layer follows one in codes the change from one to the other is in neither's time.

use burn::tensor::Tensor;

use super::attach::{Grids, attach};
use super::calibrate::calibrate;
use super::pack::pack;
use super::plan::{Activation, Granularity, LayerInfo, LayerPlan, Plan, WeightBits};
use crate::error::Result;
use crate::models::Model;
use crate::nn::{Stopwatch, UnitMut};
use crate::quant::observe::Observer;
use crate::quant::{Learn, ScaleFit};

/// Passes of one image whose median counts, after two that do not.
const ROUNDS: usize = 15;

/// Nanoseconds of each layer at each width, for one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerTimes(Vec<(WeightBits, Vec<u64>)>);

impl LayerTimes {
    /// Of the layer at `place` in forward order; none for a width that was not measured.
    pub fn get(&self, place: usize, weight: WeightBits) -> Option<u64> {
        let (_, nanos) = self.0.iter().find(|(width, _)| *width == weight)?;
        nanos.get(place).copied()
    }

    /// Measures a folded float model on one of `images`, `[B, 3, px, px]`, which ranges are found on.
    ///
    /// Widths take turns, so that a machine that slows down slows them all. A layer whose sums could
    /// overflow at a width keeps its floats there: [`super::sensitivity::Offer`] does not offer it.
    ///
    /// # Errors
    /// As [`calibrate`], [`attach`] and [`pack`].
    pub fn measure(
        float: &Model,
        layers: &[LayerInfo],
        widths: &[WeightBits],
        (granularity, activation): (Granularity, Activation),
        images: Tensor<4>,
    ) -> Result<Self> {
        let batch = images.dims()[0];
        let seen = calibrate(float, [Ok((images.clone(), vec![1.0; batch]))].into_iter())?;
        let grids = Grids {
            observer: Observer::MinMax,
            scales: ScaleFit::default(),
            learn: Learn::Fixed,
        };
        let mut timed = Vec::new();
        for &weight in widths {
            let plan = Plan {
                default: None,
                layers: layers
                    .iter()
                    .map(|layer| {
                        let fits = |bits| layer.k <= fairbit_kernels::max_k(bits) as u64;
                        let plan = match weight.stored_bits() {
                            Some(bits) if fits(bits) => LayerPlan {
                                weight,
                                granularity,
                                activation,
                            },
                            _ => LayerPlan::FLOAT,
                        };
                        (layer.path.clone(), plan)
                    })
                    .collect(),
            };
            let mut model = pack(&attach(float, &plan, &seen, &grids)?)?;
            let watches = with_stopwatches(&mut model);
            timed.push((weight, model, watches, vec![Vec::new(); layers.len()]));
        }
        let image = images.narrow(0, 0, 1);
        for round in 0..ROUNDS + 2 {
            for (_, model, watches, nanos) in &mut timed {
                // Read, so that nothing is put off.
                model.forward(image.clone()).into_data();
                for (watch, nanos) in watches.iter().zip(nanos.iter_mut()) {
                    let found = watch.take();
                    if round >= 2 {
                        nanos.push(found);
                    }
                }
            }
        }
        let each = timed.into_iter().map(|(weight, _, _, mut nanos)| {
            let medians = nanos.iter_mut().map(|nanos| {
                nanos.sort_unstable();
                nanos[ROUNDS / 2]
            });
            (weight, medians.collect())
        });
        Ok(Self(each.collect()))
    }
}

/// Puts a stopwatch onto every leaf, in forward order.
fn with_stopwatches(model: &mut Model) -> Vec<Stopwatch> {
    let mut all = Vec::new();
    model.units_mut(&mut |_, unit| {
        let slot = match unit {
            UnitMut::Conv(unit) => &mut unit.stopwatch,
            UnitMut::Linear(unit) => &mut unit.stopwatch,
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
        };
        let watch = Stopwatch::default();
        *slot = Some(watch.clone());
        all.push(watch);
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::fold::fold;
    use crate::compress::rows::layer_infos;
    use crate::compress::tests::ALONE;
    use crate::models::{Architecture, ModelConfig, create};
    use burn::tensor::{Device, Distribution};

    #[test]
    fn every_layer_has_a_time_at_every_width() {
        let _alone = ALONE.lock();
        let device = Device::flex();
        let config = ModelConfig::new(Architecture::MobileNetV2, 2, 32);
        let model = fold(create(&config, 1, &device).unwrap());
        let layers = layer_infos(&model);
        let images = Tensor::random([4, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device);
        let widths = [WeightBits::Four, WeightBits::Eight, WeightBits::Float];
        let how = (Granularity::Channel, Activation::Static8);
        let times = LayerTimes::measure(&model, &layers, &widths, how, images.clone()).unwrap();
        for (place, layer) in layers.iter().enumerate() {
            for width in widths {
                let nanos = times.get(place, width);
                assert!(nanos.is_some_and(|n| n > 0), "{} {width}", layer.path);
            }
        }
        assert_eq!(times.get(0, WeightBits::Two), None);
        assert_eq!(times.get(layers.len(), WeightBits::Eight), None);
        // A watched model computes what it did.
        let mut watched = model.clone();
        let watches = with_stopwatches(&mut watched);
        let [a, b] = [&watched, &model].map(|m| m.forward(images.clone()).into_data());
        assert_eq!(a, b);
        assert_eq!(watches.len(), layers.len());
        assert!(watches.iter().all(|watch| watch.take() > 0));
        assert!(watches.iter().all(|watch| watch.take() == 0));
    }
}
