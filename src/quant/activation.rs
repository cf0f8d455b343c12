//! Activations on their grid: 4- or 8-bit codes under one range, or under the range of each image.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use fairbit_kernels::ActQuant;
use fairbit_kernels::arith::largest;
use rayon::prelude::*;

use super::fake::{fake_quant, scale_gradient};
use super::weight::{Learn, positive};

/// Fake quantization of an activation.
#[derive(Module, Debug)]
pub struct FakeAct {
    /// Real size of a step, `[1]`; none where each image has its own range.
    scale: Option<Param<Tensor<1>>>,
    #[module(skip)]
    zero: i32,
    #[module(skip)]
    bits: u32,
    #[module(skip)]
    learn: Learn,
}

impl FakeAct {
    /// Under one range for all images.
    pub fn fixed(quant: ActQuant, learn: Learn, device: &Device) -> Self {
        let scale = Param::from_tensor(Tensor::from_data([quant.scale()], device));
        Self {
            scale: Some(scale.set_require_grad(learn == Learn::Lsq)),
            zero: quant.zero(),
            bits: quant.bits(),
            learn,
        }
    }

    /// Under the range that each image has; a prediction does not depend on its batch mates.
    pub fn per_image(bits: u32) -> Self {
        Self {
            scale: None,
            zero: 0,
            bits,
            learn: Learn::Fixed,
        }
    }

    /// What the kernels are given; none where each image has its own range.
    ///
    /// # Panics
    /// Never: what training makes of a scale is brought back to where scales can be.
    pub fn quant(&self) -> Option<ActQuant> {
        let scale = self.scale.as_ref()?.val().into_data().iter::<f32>().next();
        let scale = positive(scale.expect("one scale"));
        Some(ActQuant::new(scale, self.zero, self.bits).expect("a scale and zero of its range"))
    }

    /// The quantizer of all `images`, or one for each, whose numbers `x` are.
    pub fn quants(&self, x: &[f32], images: usize) -> Vec<ActQuant> {
        if let Some(quant) = self.quant() {
            return vec![quant];
        }
        let each = x.len() / images.max(1);
        let range = |image: usize| {
            let wider = |[low, high]: [f32; 2], x: &f32| [low.min(*x), high.max(*x)];
            let image = &x[image * each..][..each];
            let [low, high] = image.iter().fold([0.0; 2], wider);
            ActQuant::from_range(low, high, self.bits)
        };
        (0..images.max(1)).into_par_iter().map(range).collect()
    }

    /// Numbers of shape `[B, …]` on the grid.
    pub fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let most = largest(self.bits);
        let Some(scale) = &self.scale else {
            return self.apply_per_image(x);
        };
        let mut scale = scale.val();
        if self.learn == Learn::Lsq {
            let features: usize = x.dims()[1..].iter().product();
            let factor = 1.0 / (features as f32 * most as f32).sqrt();
            scale = scale_gradient(scale, factor)
                .abs()
                .clamp_min(f32::MIN_POSITIVE);
        }
        fake_quant(x, scale.reshape([1; D]), self.zero, [-most, most])
    }

    /// `ActQuant::from_range` for each image.
    fn apply_per_image<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let shape = x.dims();
        let most = largest(self.bits);
        let flat: Tensor<2> = x.clone().detach().reshape([shape[0] as i64, -1]);
        let ends = [flat.clone().min_dim(1), flat.max_dim(1)]; // [B, 1]
        let ends = ends.map(|end| end.into_data().iter::<f32>().collect::<Vec<_>>());
        let quants = ends[0].iter().zip(&ends[1]);
        let quants: Vec<ActQuant> = quants
            .map(|(low, high)| ActQuant::from_range(*low, *high, self.bits))
            .collect();
        let mut column = [1; D];
        column[0] = shape[0];
        let list = |of: fn(&ActQuant) -> f32| -> Tensor<D> {
            let values: Vec<f32> = quants.iter().map(of).collect();
            Tensor::<1>::from_data(values.as_slice(), &x.device()).reshape(column)
        };
        let (scale, zero) = (list(ActQuant::scale), list(|q| q.zero() as f32));
        // As `fake_quant`, with a zero for each image; nothing is outside but by rounding.
        let steps = x * scale.clone().recip();
        let code = (steps.clone().detach().round() + zero.clone()).clamp(-most, most) - zero;
        (steps.clone() + (code - steps).detach()) * scale
    }
}
