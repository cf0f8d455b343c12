//! Numbers rounded to a grid but kept as floats: x̂ = (clamp(rne(x / s) + z, q_min, q_max) − z) · s.
//!
//! Values and both gradients are those of PyTorch's `fake_quantize_per_tensor_affine`, its per-channel form
//! and their learnable ones: straight through where the rounded code is inside the range, nothing outside
//! (Bengio et al., arXiv:1308.3432). The gradient of the scale is LSQ's (arXiv:1902.08153, eq. 3).

use burn::tensor::Tensor;
use fairbit_kernels::train;

/// `x` on the grid of `scale` (positive, of a shape that broadcasts to `x`) and `zero`, codes from
/// `codes[0]` to `codes[1]`.
///
/// Gradients: of x, 1 inside and 0 outside; of the scale, x̂/s − x/s inside and the clipped code outside.
pub fn fake_quant<const D: usize>(
    x: Tensor<D>,
    scale: Tensor<D>,
    zero: i32,
    codes: [i32; 2],
) -> Tensor<D> {
    let range = codes.map(|code| (code - zero) as f32);
    match one_axis(x.dims(), scale.dims()) {
        Some((steps, inner)) if train::runs_on(&x) => {
            let grid = train::Grid {
                steps,
                inner,
                range,
            };
            train::on_grid(x, scale.reshape([steps]), grid)
        }
        _ => by_operations(x, scale, range),
    }
}

/// Number of scales and of consecutive numbers under each, where scales lie along one axis.
fn one_axis<const D: usize>(x: [usize; D], scale: [usize; D]) -> Option<(usize, usize)> {
    let mut along = (0..D).filter(|&axis| scale[axis] != 1);
    match (along.next(), along.next()) {
        (None, _) => Some((1, x.iter().product())),
        (Some(axis), None) => Some((x[axis], x[axis + 1..].iter().product())),
        _ => None,
    }
}

/// [`fake_quant`] of what our kernels do not run on, or with scales along several axes.
pub(super) fn by_operations<const D: usize>(
    x: Tensor<D>,
    scale: Tensor<D>,
    [low, high]: [f32; 2],
) -> Tensor<D> {
    // The product with the reciprocal, as the kernels and PyTorch compute it: a quotient rounds differently.
    let steps = x * scale.clone().recip();
    let rounded = steps.clone().detach().round();
    let outside = rounded
        .clone()
        .lower_elem(low)
        .bool_or(rounded.clone().greater_elem(high));
    let passing = steps.mask_fill(outside, 0.0);
    // Exact: the difference of a float and its rounding is one (Sterbenz), and so is the sum.
    let code = passing.clone() + (rounded.clamp(low, high) - passing).detach();
    code * scale
}

/// `scale` with its gradient multiplied by `factor`; the value stays the same to the last bit.
pub fn scale_gradient<const D: usize>(scale: Tensor<D>, factor: f32) -> Tensor<D> {
    let fixed = scale.clone().detach();
    (scale - fixed.clone()).mul_scalar(factor) + fixed
}
