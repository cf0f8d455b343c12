//! Moving average of each image's smallest and largest value: PyTorch's MovingAverageMinMaxObserver,
//! Jacob et al., arXiv:1712.05877, section 3.1.

use super::Range;

/// `average + momentum · (new − average)` over `images` ([smallest, largest] each), in `f32` steps as
/// PyTorch takes them; the first image starts the average.
pub(super) fn range(images: &[[f32; 2]], momentum: f32) -> Range {
    let average = |low: [f32; 2], image: &[f32; 2]| {
        std::array::from_fn(|end| low[end] + momentum * (image[end] - low[end]))
    };
    match images.split_first() {
        Some((first, rest)) => {
            let [low, high] = rest.iter().fold(*first, average);
            Range::with_zero(low, high)
        }
        None => Range::default(),
    }
}
