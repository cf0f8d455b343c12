//! burn-flex's own layers, with nothing of ours.

use burn::tensor::{Device, Distribution, Tensor, module, ops::ConvOptions};
use fairbit_kernels::ConvShape;
use std::hint::black_box;

/// The float layer of `shape`: a matrix product where it is one of rows, else a convolution.
pub fn layer(shape: &ConvShape) -> Box<dyn FnMut()> {
    let device = Device::flex();
    let normal = Distribution::Normal(0.0, 1.0);
    let s = *shape;
    if s.is_pointwise() && s.input[1] == 1 {
        let x = Tensor::<2>::random([s.input[0], s.c_in], normal, &device);
        let w = Tensor::<2>::random([s.c_in, s.c_out], normal, &device);
        return Box::new(move || {
            black_box(module::linear(x.clone(), w.clone(), None));
        });
    }
    let x = Tensor::<4>::random([s.batch, s.c_in, s.input[0], s.input[1]], normal, &device);
    let [kh, kw] = s.kernel;
    let w = Tensor::<4>::random([s.c_out, s.c_in_group(), kh, kw], normal, &device);
    Box::new(move || {
        let options = ConvOptions::new(s.stride, s.padding, s.dilation, s.groups);
        black_box(module::conv2d(x.clone(), w.clone(), None, options));
    })
}
