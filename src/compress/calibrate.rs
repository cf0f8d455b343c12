//! What activations a model has, seen in one pass over a calibration set: a histogram for each place.
//!
//! Any observer then reads its range off them, see [`crate::quant::observe`]. Images have weights, so that
//! a group can count more than its share; observers of extremes ignore them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::Tensor;
use fairbit_kernels::ActQuant;

use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{Site, UnitMut, Watch};
use crate::quant::observe::{Histogram, Observer};

/// The activations of a model by the path of a leaf or joint and where in it.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    sites: BTreeMap<(String, Site), Histogram>,
    images: usize,
}

impl Calibration {
    /// Images seen.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The quantizer that `observer` finds for a place.
    ///
    /// # Errors
    /// Model error naming the layer when nothing was seen there.
    pub fn quant(
        &self,
        path: &str,
        site: Site,
        observer: &Observer,
        bits: u32,
    ) -> Result<ActQuant> {
        let seen = self.sites.get(&(path.to_string(), site)).ok_or_else(|| {
            Fault::plain("no range of its activations")
                .key(path)
                .expected("calibration images that reach every layer")
                .model()
        })?;
        let range = observer.range(seen, bits);
        Ok(ActQuant::from_range(range.low, range.high, bits))
    }
}

/// What the watches share.
#[derive(Default)]
struct Shared {
    seen: Calibration,
    /// Weights of the images in the batch that passes now.
    weights: Vec<f64>,
    /// The first place where something was not a number, or infinite.
    broken: Option<String>,
}

/// Runs the batches, images `[B, 3, px, px]` with a weight for each, and says what passed where.
///
/// # Errors
/// Model error naming the layer where an activation was not a number or infinite; whatever error a batch
/// is.
pub fn calibrate(
    model: &Model,
    batches: impl Iterator<Item = Result<(Tensor<4>, Vec<f64>)>>,
) -> Result<Calibration> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let watched = watch(model, &shared);
    for batch in batches {
        let (images, weights) = batch?;
        {
            let mut shared = shared.lock().expect("no panic while it is held");
            shared.seen.images += weights.len();
            shared.weights = weights;
        }
        watched.forward(images);
        let shared = shared.lock().expect("no panic while it is held");
        if let Some(path) = &shared.broken {
            return Err(Fault::plain("an activation that is not finite")
                .key(path)
                .next("the model's weights have diverged, or the images are not those it was made for")
                .model());
        }
    }
    let mut shared = shared.lock().expect("no panic while it is held");
    Ok(std::mem::take(&mut shared.seen))
}

/// The model with a watch on every leaf and joint.
fn watch(model: &Model, shared: &Arc<Mutex<Shared>>) -> Model {
    let mut watched = model.clone();
    watched.units_mut(&mut |path, unit| {
        let (path, shared) = (path.to_string(), shared.clone());
        let watch = Some(Watch::new(move |site, values, shape| {
            let mut shared = shared.lock().expect("no panic while it is held");
            let Shared {
                seen,
                weights,
                broken,
            } = &mut *shared;
            assert_eq!(shape[0], weights.len(), "a weight for each image");
            let seen = seen.sites.entry((path.clone(), site)).or_default();
            let per_image = values.len() / shape[0].max(1);
            for (image, weight) in values.chunks(per_image.max(1)).zip(weights.iter()) {
                seen.add(image, *weight);
            }
            if seen.not_finite() > 0 && broken.is_none() {
                *broken = Some(path.clone());
            }
        }));
        match unit {
            UnitMut::Conv(unit) => unit.watch = watch,
            UnitMut::Linear(unit) => unit.watch = watch,
            UnitMut::Joint(joint) => joint.watch = watch,
            UnitMut::Norm(_) | UnitMut::Token(_) => {}
        }
    });
    watched
}
