//! Mixed precision: products of convolutions and linear layers in a narrow float format, everything
//! else in f32 (Micikevicius et al., arXiv:1710.03740, sec. 3.1: master weights stay in f32).
//!
//! The weights get burn's `Reparameterization`: the stored base stays f32 and is what the optimizer
//! and every record see; its effective value is cast. The leaves cast their input to match and their
//! output back, so that no model knows. bfloat16 has f32's exponent and needs no loss scaling.

use burn::module::{Module, Param, Reparameterization, Reparameterizer};
use burn::tensor::{FloatDType, Tensor};

/// Effective value of a weight: its base, cast.
#[derive(Module, Debug)]
pub struct ComputeIn {
    #[module(skip)]
    dtype: FloatDType,
}

impl Reparameterization for ComputeIn {
    const NAME: &'static str = "compute_in";

    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        base.cast(self.dtype)
    }
}

/// Attaches [`ComputeIn`] to the weights and biases of every leaf.
struct Attach(FloatDType);

impl Reparameterizer for Attach {
    type Reparam = ComputeIn;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<ComputeIn>) {
        let mut parts = path.rsplit('.');
        let (name, layer) = (parts.next(), parts.next());
        let is_leaf =
            matches!(layer, Some("conv" | "linear")) && matches!(name, Some("weight" | "bias"));
        (param, is_leaf.then_some(ComputeIn { dtype: self.0 }))
    }
}

/// Makes every leaf of `module` compute its products in `dtype`.
pub fn compute_in<M: Module>(module: M, dtype: FloatDType) -> M {
    module.apply_reparameterization(Attach(dtype))
}

/// Whether a layer computes in another format than f32.
pub(super) fn is_narrow<const W: usize>(weight: &Param<Tensor<W>>) -> bool {
    weight.reparameterization::<ComputeIn>().is_some()
}

/// Runs a layer in the format of its weight: input cast to it, output cast back to f32.
pub(super) fn in_format_of<const W: usize, const I: usize, const O: usize>(
    weight: &Param<Tensor<W>>,
    input: Tensor<I>,
    layer: impl FnOnce(Tensor<I>) -> Tensor<O>,
) -> Tensor<O> {
    match weight.reparameterization::<ComputeIn>() {
        None => layer(input),
        Some(format) => layer(input.cast(format.dtype)).cast(FloatDType::F32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Flow, LinearUnitConfig};
    use burn::tensor::{DType, Device, Distribution};

    #[test]
    fn products_are_narrow_and_everything_else_is_f32() {
        let device = Device::flex().autodiff();
        device.seed(3);
        let plain = LinearUnitConfig::new(64, 8).init(&device);
        let narrow = compute_in(plain.clone(), FloatDType::BF16);
        let x = Tensor::<2>::random([4, 64], Distribution::Default, &device);
        let exact = plain.forward(Flow::F32(x.clone())).into_float();
        let y = narrow.forward(Flow::F32(x)).into_float();
        assert_eq!(y.dtype(), DType::F32);
        assert_eq!(narrow.linear.weight.val().dtype(), DType::BF16);
        let error: f32 = (y.clone() - exact.clone()).abs().max().into_scalar();
        let scale: f32 = exact.abs().max().into_scalar();
        // bf16 keeps 8 bits: input, weight and output are each off by at most 2⁻⁹ of themselves, and
        // |x|·|w| sums to at most 64 · 1 · 1/8 here.
        assert!(
            error > 0.0 && error < 3.0 / 512.0 * 8.0,
            "{error} of {scale}"
        );
        let grads = y.sum().backward();
        let grad = narrow
            .linear
            .weight
            .base()
            .grad(&grads)
            .expect("the f32 base has a gradient");
        assert_eq!(grad.dtype(), DType::F32);
    }
}
