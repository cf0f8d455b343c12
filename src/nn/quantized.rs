//! A leaf on its grid: what it computes when quantization is simulated, for training and for choosing.
//!
//! ```text
//! floats ─▶ input ─┐                       ┌─ (sum) ─▶ activation ─▶ (output) ─▶ next
//! on a grid ───────┴▶ rounded weights, bias┘
//! ```
//!
//! The same places round as in a packed leaf, see [`super::PackedConv`]; the rounded weights are those of
//! [`crate::quant::FakeWeight`] beside the layer's own. In training all of it is floats that gradients pass.
//! In evaluation codes go from leaf to leaf, and a folded leaf computes what its packed twin does, see
//! [`super::exact`].

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use fairbit_kernels::{Activation, ConvShape, Epilogue, Output, train};

use super::exact::{Inputs, Weights, finish, numbers, scaled_sums};
use super::packed::codes;
use super::{Act, Flow, Site, Watch};
use crate::quant::{FakeAct, FakeWeight, weight_codes};

/// The grids of a leaf's activations.
#[derive(Module, Debug)]
pub struct LeafQuant {
    /// Of what comes in as floats; what is on the grid of another leaf stays on it.
    pub input: FakeAct,
    /// Of the sum, where the activation is a table of its codes (SiLU, GELU).
    pub sum: Option<FakeAct>,
    /// Of what goes out; none where floats do.
    pub output: Option<FakeAct>,
}

/// What the two leaves differ in.
pub(super) trait Leaf<const D: usize> {
    /// Activation, grids and who looks.
    fn parts(&self) -> (Act, Option<&LeafQuant>, Option<&Watch>);

    /// Product, normalization or bias, then `act`, in floats.
    fn compute(&self, x: Tensor<D>, act: Act) -> Tensor<D>;

    /// The product of codes with an input of this shape; none where weights have no grid, or more than a
    /// bias follows.
    fn product(&self, input: [usize; D]) -> Option<Product<D>>;
}

/// A leaf's product of codes.
pub(super) struct Product<const D: usize> {
    /// It as a convolution.
    pub shape: ConvShape,
    /// The shape of what comes out.
    pub output: [usize; D],
    pub weights: Weights,
    pub bias: Option<Vec<f32>>,
}

/// What a leaf that is not packed makes of its input.
pub(super) fn forward<const D: usize>(leaf: &impl Leaf<D>, x: Flow<D>) -> Flow<D> {
    let (act, quant, watch) = leaf.parts();
    let Some(quant) = quant else {
        let x = x.into_float();
        return Flow::F32(match watch {
            Some(watch) => watch.around(x, act, |x| leaf.compute(x, Act::Identity)),
            None => leaf.compute(x, act),
        });
    };
    let product = match &x {
        Flow::F32(x) if !evaluated(x) => None,
        Flow::Grid(_) | Flow::Symbol(_) => None,
        x => leaf.product(x.dims()),
    };
    if let Some(product) = product {
        return quant.exact(x, &product, act, watch);
    }
    let x = quant.enter(x);
    if let Some(watch) = watch {
        watch.see(Site::Input, &x);
    }
    quant.leave(leaf.compute(x, Act::Identity), act)
}

impl LeafQuant {
    /// What the kernels do to sums that are scaled.
    ///
    /// # Panics
    /// Where a grid of what goes out is one per image.
    pub fn epilogue(&self, act: Act, bias: Option<Vec<f32>>) -> Epilogue {
        // A sigmoid follows on the floats that are stored.
        let activation = act.of_codes().unwrap_or(Activation::Identity);
        let of = |grid: &FakeAct| grid.quant().expect("grids of outputs are static");
        let output = match (&self.sum, &self.output) {
            (_, None) => Output::F32,
            (None, Some(output)) => Output::Codes(of(output)),
            (Some(sum), Some(output)) => Output::table(activation, of(sum), of(output)),
        };
        Epilogue {
            bias,
            activation,
            output,
        }
    }

    /// As the packed leaf.
    fn exact<const D: usize>(
        &self,
        x: Flow<D>,
        product: &Product<D>,
        act: Act,
        watch: Option<&Watch>,
    ) -> Flow<D> {
        let dims = x.dims();
        let (device, inputs) = match x {
            Flow::Q8(x) => (x.words().device(), Inputs::of_codes(x)),
            x => {
                let x = x.into_float();
                (x.device(), Inputs::of_floats(x, &self.input))
            }
        };
        if let Some(watch) = watch {
            let floats = TensorData::new(inputs.floats(), dims);
            watch.see(Site::Input, &Tensor::<D>::from_data(floats, &device));
        }
        let sums = scaled_sums(&product.shape, &inputs, &product.weights);
        let epilogue = self.epilogue(act, product.bias.clone());
        after_floats(finish(sums, product.output, &epilogue, &device), act)
    }

    /// What the weights are multiplied by.
    fn enter<const D: usize>(&self, x: Flow<D>) -> Tensor<D> {
        match x {
            Flow::F32(x) => self.input.apply(x),
            rounded => rounded.into_float(),
        }
    }

    /// From the sum with its bias or normalization to what goes out.
    fn leave<const D: usize>(&self, sum: Tensor<D>, act: Act) -> Flow<D> {
        if evaluated(&sum) {
            let (dims, device) = (sum.dims(), sum.device());
            let epilogue = self.epilogue(act, None);
            return after_floats(finish(numbers(sum), dims, &epilogue, &device), act);
        }
        let sum = match &self.sum {
            Some(grid) => grid.apply(sum),
            None => sum,
        };
        on_grid(act.apply(sum), self.output.as_ref())
    }
}

/// Whether nothing is learned from `x`, and the host has its numbers: codes go from leaf to leaf then.
fn evaluated<const D: usize>(x: &Tensor<D>) -> bool {
    train::runs_on(x) && !x.device().is_autodiff()
}

/// Floats on their way out, on a grid where there is one.
pub(super) fn on_grid<const D: usize>(y: Tensor<D>, grid: Option<&FakeAct>) -> Flow<D> {
    let Some(grid) = grid else {
        return Flow::F32(y);
    };
    match evaluated(&y).then(|| grid.quant()).flatten() {
        Some(quant) => Flow::Q8(codes(y, quant)),
        None => Flow::Grid(grid.apply(y)),
    }
}

/// The activation that no kernel has: a sigmoid follows on the floats that one stores.
pub(super) fn after_floats<const D: usize>(y: Flow<D>, act: Act) -> Flow<D> {
    match (y, act) {
        (Flow::F32(y), Act::Sigmoid) => Flow::F32(Act::Sigmoid.apply(y)),
        (y, _) => y,
    }
}

/// The codes of a leaf's weights, `[out, in, kernel, kernel]` or `[in, out]`; none without a grid.
pub(super) fn weights<const D: usize>(weight: &Param<Tensor<D>>) -> Option<Weights> {
    let grid = weight.reparameterization::<FakeWeight>()?;
    let base = weight.base();
    let rows = if D == 2 { base.swap_dims(0, 1) } else { base };
    let count = rows.dims()[0];
    let k = rows.shape().num_elements() / count;
    let segment = grid.group().filter(|group| *group < k);
    let rows = match segment {
        // The channel fastest: scales are of neighbours in that order.
        Some(_) if D == 4 => rows.swap_dims(1, D - 1).swap_dims(1, D - 2),
        _ => rows,
    };
    let scales = grid.scales();
    Some(Weights {
        codes: weight_codes(&numbers(rows), k, segment, grid.bits(), &scales),
        scales,
        segment,
    })
}
