//! Joints of a chain that stays in codes; what each number becomes is in [`crate::cpu::joints`].

use super::QTensor;
use super::ops;
use super::task::Task;
use crate::arith::{ActQuant, Activation, Output};
use crate::cpu::joints::{self, Pool};
use burn::tensor::Tensor;
use std::sync::Arc;

/// Sum of two tensors, activated and requantized: a residual connection.
///
/// # Panics
/// If the sizes differ.
pub fn q_add<const D: usize>(
    a: QTensor<D>,
    b: QTensor<D>,
    activation: Activation,
    out: ActQuant,
) -> QTensor<D> {
    assert_eq!(a.dims(), b.dims(), "sizes of a sum");
    let (channels, quants) = (a.channels(), [a.quant(), b.quant()]);
    let task = Task::Add(quants, activation, out);
    QTensor::new(
        ops::two_to_codes(a.into_words(), b.into_words(), task),
        channels,
        out,
    )
}

/// Channels of both side by side, requantized to `out` where they have another quantizer.
///
/// # Panics
/// If the sizes differ in more than the channels.
pub fn q_concat<const D: usize>(a: QTensor<D>, b: QTensor<D>, out: ActQuant) -> QTensor<D> {
    let channels = [a.channels(), b.channels()];
    let table = |from: ActQuant| (from != out).then(|| joints::requantizer(from, out));
    let task = Task::Concat(channels, [table(a.quant()), table(b.quant())]);
    let words = ops::two_to_codes(a.into_words(), b.into_words(), task);
    QTensor::new(words, channels[0] + channels[1], out)
}

/// Each image's channels times its gates `[B, C]`, requantized: squeeze and excitation.
///
/// # Panics
/// If there is not one gate for each image and channel.
pub fn q_scale(x: QTensor<4>, gates: Tensor<2>, out: ActQuant) -> QTensor<4> {
    let (channels, batch) = (x.channels(), x.dims()[0]);
    assert_eq!(gates.dims(), [batch, channels], "gates");
    let task = Task::Scale(channels, [x.quant(), out]);
    QTensor::new(
        ops::gated_to_codes(gates, x.into_words(), task),
        channels,
        out,
    )
}

/// An activation on its own, by a table of all codes.
pub fn q_lookup<const D: usize>(
    x: QTensor<D>,
    activation: Activation,
    out: ActQuant,
) -> QTensor<D> {
    let Output::Table { codes, .. } = Output::table(activation, x.quant(), out) else {
        unreachable!("a table was asked for");
    };
    let (channels, table) = (x.channels(), Arc::from(codes));
    QTensor::new(
        ops::codes_to_codes(x.into_words(), Task::Lookup(table)),
        channels,
        out,
    )
}

/// Largest of each window.
///
/// # Panics
/// If the windows do not fit, see [`Pool::output`].
pub fn q_max_pool2d(x: QTensor<4>, pool: Pool) -> QTensor<4> {
    let (channels, quant) = (x.channels(), x.quant());
    QTensor::new(
        ops::codes_to_codes(x.into_words(), Task::MaxPool(pool)),
        channels,
        quant,
    )
}

/// Mean over all pixels, floats `[B, C]`.
pub fn q_global_mean(x: QTensor<4>) -> Tensor<2> {
    let task = Task::GlobalMean(x.channels(), x.quant());
    ops::codes_to_float(x.into_words(), task)
}
