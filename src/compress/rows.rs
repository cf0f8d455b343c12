//! The weights of a leaf as a matrix on the host, and back: what rounding, folding and packing work on.
//!
//! `[rows, k]`, a row for each output channel. K runs through (kernel row, kernel column, input channel of
//! the group), the channel fastest: the order of `fairbit_kernels::packed`.

use burn::module::Param;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Tensor, TensorData};

use super::plan::LayerInfo;
use crate::models::Model;
use crate::nn::{ConvUnit, LinearUnit, UnitMut};
use crate::quant::{FakeWeight, Learn, attach, weight_codes};

/// Weights of a leaf and what they are rounded to.
#[derive(Debug, Clone)]
pub struct Rows {
    /// `[rows, k]`, floats as trained.
    pub values: Vec<f32>,
    /// Rows and k.
    pub shape: [usize; 2],
    /// The grid that they are rounded to, where there is one.
    pub grid: Option<Grid>,
}

/// The grid of a leaf's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// `[rows, groups]`
    pub scales: Vec<f32>,
    /// Bits of a code.
    pub bits: u32,
    /// Consecutive weights under one scale; all of a row where there is none.
    pub group: Option<usize>,
    /// Whether training moves the scales.
    pub learn: Learn,
}

impl Grid {
    fn of(state: &FakeWeight) -> Self {
        Self {
            scales: state.scales(),
            bits: state.bits(),
            group: state.group(),
            learn: state.learn(),
        }
    }

    fn state(&self, device: &burn::tensor::Device) -> FakeWeight {
        FakeWeight::new(&self.scales, self.bits, self.group, self.learn, device)
    }
}

impl Rows {
    /// Of a convolution.
    pub fn of_conv(conv: &Conv2d) -> Self {
        let base = conv.weight.base();
        let [rows, c_in, kh, kw] = base.dims();
        let state = conv.weight.reparameterization::<FakeWeight>();
        Self {
            values: floats(base.permute([0, 2, 3, 1])),
            shape: [rows, c_in * kh * kw],
            grid: state.map(Grid::of),
        }
    }

    /// Of a linear layer, which burn stores as `[in, out]`.
    pub fn of_linear(linear: &Linear) -> Self {
        let base = linear.weight.base();
        let [k, rows] = base.dims();
        let state = linear.weight.reparameterization::<FakeWeight>();
        Self {
            values: floats(base.transpose()),
            shape: [rows, k],
            grid: state.map(Grid::of),
        }
    }

    /// Puts the matrix, and its grid, into a convolution of the same shape.
    pub fn into_conv(self, mut conv: Conv2d) -> Conv2d {
        // Of a model that is being read the weight may not have been drawn, and need not be.
        let [rows, c_in, kh, kw] = conv.weight.lazy_shape().dims();
        let device = conv.weight.lazy_device();
        let values = TensorData::new(self.values, [rows, kh, kw, c_in]);
        let values = Tensor::<4>::from_data(values, &device).permute([0, 3, 1, 2]);
        // Laid out anew: a permuted weight would be gathered at each use.
        conv.weight = renewed(&conv.weight, values.into_data());
        match &self.grid {
            Some(grid) => attach(conv, grid.state(&device)),
            None => conv,
        }
    }

    /// Puts the matrix, and its grid, into a linear layer of the same shape.
    pub fn into_linear(self, mut linear: Linear) -> Linear {
        let device = linear.weight.lazy_device();
        let values = Tensor::<2>::from_data(TensorData::new(self.values, self.shape), &device);
        linear.weight = renewed(&linear.weight, values.transpose().into_data());
        match &self.grid {
            Some(grid) => attach(linear, grid.state(&device)),
            None => linear,
        }
    }

    /// The codes; none without a grid.
    pub fn codes(&self) -> Option<Vec<i8>> {
        let grid = self.grid.as_ref()?;
        let Grid {
            scales,
            bits,
            group,
            ..
        } = grid;
        Some(weight_codes(
            &self.values,
            self.shape[1],
            *group,
            *bits,
            scales,
        ))
    }

    /// Signal to quantization noise of these weights, 10 log10(Σ w² / Σ (w − ŵ)²), `float` being the w; none
    /// without a grid or without noise.
    pub fn sqnr_db(&self, float: &Self) -> Option<f64> {
        let codes = self.codes()?;
        let mut rounded = self.clone();
        rounded.set_codes(&codes);
        let square = |x: f64| x * x;
        let signal: f64 = float.values.iter().map(|w| square(f64::from(*w))).sum();
        let both = float.values.iter().zip(&rounded.values);
        let noise: f64 = both
            .map(|(w, r)| square(f64::from(*w) - f64::from(*r)))
            .sum();
        (noise > 0.0 && signal > 0.0).then(|| 10.0 * (signal / noise).log10())
    }

    /// Replaces the weights by codes times their scales, which round to those codes again.
    ///
    /// # Panics
    /// Without a grid, or if the number of codes is another.
    pub fn set_codes(&mut self, codes: &[i8]) {
        assert_eq!(codes.len(), self.values.len(), "a code for each weight");
        let grid = self.grid.as_ref().expect("codes are of a grid");
        let k = self.shape[1];
        let size = grid.group.unwrap_or(k);
        let groups = k.div_ceil(size);
        for (i, (value, code)) in self.values.iter_mut().zip(codes).enumerate() {
            *value = f32::from(*code) * grid.scales[i / k * groups + i % k / size];
        }
    }
}

/// The same parameter, which optimizers know by its id, with other numbers and nothing beside it.
fn renewed<const D: usize>(param: &Param<Tensor<D>>, data: TensorData) -> Param<Tensor<D>> {
    let mut renewed = Param::from_data(data, &param.lazy_device());
    renewed.id = param.id;
    renewed
}

/// A tensor's numbers on the host.
pub fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    let data: TensorData = x.into_data().convert::<f32>();
    data.try_to_vec().expect("converted to f32")
}

/// Applies `change` to the weights of a leaf.
pub fn change_conv(unit: &mut ConvUnit, change: impl FnOnce(&mut Rows)) {
    let mut rows = Rows::of_conv(&unit.conv);
    change(&mut rows);
    unit.conv = rows.into_conv(unit.conv.clone());
}

/// Applies `change` to the weights of a leaf.
pub fn change_linear(unit: &mut LinearUnit, change: impl FnOnce(&mut Rows)) {
    let mut rows = Rows::of_linear(&unit.linear);
    change(&mut rows);
    unit.linear = rows.into_linear(unit.linear.clone());
}

/// What a plan has to know of a model's layers, in forward order.
pub fn layer_infos(model: &Model) -> Vec<LayerInfo> {
    let mut infos = Vec::new();
    // A clone shares the tensors; the seam only lends mutably.
    model.clone().units_mut(&mut |path, unit| {
        let [rows, k] = match unit {
            UnitMut::Conv(unit) => {
                let [rows, c_in, kh, kw] = unit.conv.weight.lazy_shape().dims();
                [rows, c_in * kh * kw]
            }
            UnitMut::Linear(unit) => {
                let [k, rows] = unit.linear.weight.lazy_shape().dims();
                [rows, k]
            }
            UnitMut::Joint(_) | UnitMut::Norm(_) | UnitMut::Token(_) => return,
        };
        infos.push(LayerInfo {
            path: path.to_string(),
            rows: rows as u64,
            k: k as u64,
        });
    });
    infos
}
