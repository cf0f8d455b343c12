//! The ranges of activations, seen in one pass over a calibration set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::error::{Fault, Result};
use crate::models::Model;
use crate::nn::{Site, UnitMut, Watch};

/// Smallest and largest number seen, 0 among them: what padding and ReLU give has to be exact.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// Smallest.
    pub low: f32,
    /// Largest.
    pub high: f32,
}

/// Ranges by the path of a leaf or joint and where in it.
pub type Ranges = BTreeMap<(String, Site), Range>;

#[derive(Default)]
struct Seen {
    ranges: Ranges,
    /// The first place where something was not a number, or infinite.
    broken: Option<String>,
}

/// Runs `pass`, which gives the model its calibration images, and says what passed where.
///
/// # Errors
/// Model error naming the layer where an activation was not a number or infinite, or where `pass` fails.
pub fn calibrate(model: &Model, pass: impl FnOnce(&Model) -> Result<()>) -> Result<Ranges> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut watched = model.clone();
    watched.units_mut(&mut |path, unit| {
        let (path, seen) = (path.to_string(), seen.clone());
        let watch = Some(Watch::new(move |site, values| {
            let mut seen = seen.lock().expect("no panic while it is held");
            if seen.broken.is_none() && values.iter().any(|v| !v.is_finite()) {
                seen.broken = Some(path.clone());
            }
            let range = seen.ranges.entry((path.clone(), site)).or_default();
            for v in values {
                range.low = range.low.min(*v);
                range.high = range.high.max(*v);
            }
        }));
        match unit {
            UnitMut::Conv(unit) => unit.watch = watch,
            UnitMut::Linear(unit) => unit.watch = watch,
            UnitMut::Joint(joint) => joint.watch = watch,
            UnitMut::Norm(_) | UnitMut::Token(_) => {}
        }
    });
    pass(&watched)?;
    // The watches of the clone hold it too.
    let mut seen = seen.lock().expect("no panic while it is held");
    match seen.broken.take() {
        Some(path) => Err(Fault::plain("an activation that is not finite")
            .key(path)
            .next("the model's weights have diverged, or the images are not those it was made for")
            .model()),
        None => Ok(std::mem::take(&mut seen.ranges)),
    }
}
