//! What each leaf, joint and pooling adds to a graph when it is given a symbol.

use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::tensor::Tensor;

use super::graph::{Numbers, Op};
use super::{Act, ConvUnit, LinearUnit, Rounding, Symbol, Window, qdq};

/// Numbers of a parameter, row-major.
pub(super) fn numbers<const D: usize>(param: &Param<Tensor<D>>) -> Numbers {
    let data = param.val().into_data().convert::<f32>();
    Numbers::F32(data.try_to_vec().expect("converted to f32"))
}

/// A parameter as a constant called `name`.
pub(super) fn constant<const D: usize, const E: usize>(
    x: &Symbol<E>,
    name: &str,
    param: &Param<Tensor<D>>,
) -> String {
    let shape = param.lazy_shape().to_vec();
    x.recorder().constant(name, &shape, numbers(param))
}

/// Convolution and activation.
pub(super) fn conv(unit: &ConvUnit, x: &Symbol<4>) -> Symbol<4> {
    // `Model::trace` refuses these with the layer's name.
    assert!(
        unit.norm.is_none() && unit.packed.is_none(),
        "only a folded float layer can be recorded"
    );
    let conv = &unit.conv;
    let PaddingConfig2d::Explicit(top, left, bottom, right) = conv.padding else {
        unreachable!("padding is always explicit here")
    };
    let path = x.recorder().path(conv.weight.id, "conv");
    let quant = unit.quant.as_ref();
    let x = &qdq::enter(quant, x, &path);
    let mut more = vec![weight(x, &format!("{path}.weight"), &conv.weight)];
    if let Some(bias) = &conv.bias {
        more.push(constant(x, &format!("{path}.bias"), bias));
    }
    let [out, _, kh, kw] = conv.weight.lazy_shape().dims();
    let [batch, h, w, _] = x.dims();
    let size = |input: usize, around: usize, kernel: usize, i: usize| {
        (input + around - conv.dilation[i] * (kernel - 1) - 1) / conv.stride[i] + 1
    };
    let dims = [
        batch,
        size(h, top + bottom, kh, 0),
        size(w, left + right, kw, 1),
        out,
    ];
    let op = Op::Conv {
        stride: conv.stride,
        padding: [top, left, bottom, right],
        dilation: conv.dilation,
        groups: conv.groups,
    };
    qdq::leave(quant, unit.act, &x.then(&path, op, &more, dims), &path)
}

/// Linear layer and activation. The weight stays `[in, out]`, as it is held.
pub(super) fn linear<const D: usize>(unit: &LinearUnit, x: &Symbol<D>) -> Symbol<D> {
    assert!(unit.packed.is_none(), "only a float layer can be recorded");
    let linear = &unit.linear;
    let path = x.recorder().path(linear.weight.id, "linear");
    let quant = unit.quant.as_ref();
    let x = &qdq::enter(quant, x, &path);
    let weight = weight(x, &format!("{path}.weight"), &linear.weight);
    let bias = linear.bias.as_ref();
    let bias = bias.map(|bias| constant(x, &format!("{path}.bias"), bias));
    let mut dims = x.dims();
    dims[D - 1] = linear.weight.lazy_shape().dims::<2>()[1];
    let y = match (D, bias) {
        (2, bias) => {
            let more: Vec<String> = [weight].into_iter().chain(bias).collect();
            x.then(&path, Op::Gemm, &more, dims)
        }
        (_, None) => x.then(&path, Op::MatMul, &[weight], dims),
        (_, Some(bias)) => x
            .then(&format!("{path}.product"), Op::MatMul, &[weight], dims)
            .map(&path, Op::Add, &[bias]),
    };
    qdq::leave(quant, unit.act, &y, &path)
}

/// A leaf's weight, as codes where it has a grid.
fn weight<const D: usize, const E: usize>(
    x: &Symbol<E>,
    name: &str,
    weight: &Param<Tensor<D>>,
) -> String {
    qdq::parameter(x, name, weight).unwrap_or_else(|| constant(x, name, weight))
}

/// An activation after the layer at `path`.
pub(super) fn act<const D: usize>(act: Act, x: &Symbol<D>, path: &str) -> Symbol<D> {
    let graph = x.recorder();
    let name = |what: &str| format!("{path}.{what}");
    match act {
        Act::Identity => x.clone(),
        Act::Relu => x.map(&name("relu"), Op::Relu, &[]),
        Act::Relu6 => {
            let bounds = [graph.scalar("zero", 0.0), graph.scalar("six", 6.0)];
            x.map(&name("relu6"), Op::Clip, &bounds)
        }
        Act::Sigmoid => x.map(&name("sigmoid"), Op::Sigmoid, &[]),
        Act::Silu => {
            let gate = x.map(&name("sigmoid"), Op::Sigmoid, &[]);
            x.map(&name("silu"), Op::Mul, &[gate.name().into()])
        }
        Act::Gelu => {
            // x · (1 + erf(x / √2)) / 2
            let root = graph.scalar("sqrt_half", std::f32::consts::FRAC_1_SQRT_2);
            let (half, one) = (graph.scalar("half", 0.5), graph.scalar("one", 1.0));
            let gate = x
                .map(&name("scaled"), Op::Mul, &[root])
                .map(&name("erf"), Op::Erf, &[])
                .map(&name("shifted"), Op::Add, &[one]);
            x.map(&name("gated"), Op::Mul, &[gate.name().into()]).map(
                &name("gelu"),
                Op::Mul,
                &[half],
            )
        }
    }
}

/// Sum of two flows, then an activation.
pub(super) fn add<const D: usize>(after: Act, a: &Symbol<D>, b: &Symbol<D>) -> Symbol<D> {
    let y = a.map("add", Op::Add, &[b.name().into()]);
    let path = y.name().to_string();
    act(after, &y, &path)
}

/// Channels of `a`, then channels of `b`, then an activation.
pub(super) fn concat(after: Act, a: &Symbol<4>, b: &Symbol<4>) -> Symbol<4> {
    let [batch, h, w, c] = a.dims();
    let dims = [batch, h, w, c + b.dims()[3]];
    let y = a.then("concat", Op::Concat { axis: 1 }, &[b.name().into()], dims);
    let path = y.name().to_string();
    act(after, &y, &path)
}

/// Each channel times its gate, then an activation.
pub(super) fn scale(after: Act, x: &Symbol<4>, gate: &Symbol<4>) -> Symbol<4> {
    let y = x.map("scale", Op::Mul, &[gate.name().into()]);
    let path = y.name().to_string();
    act(after, &y, &path)
}

/// Maximum over windows.
pub(super) fn max_pool(x: &Symbol<4>, window: Window, size: [usize; 2]) -> Symbol<4> {
    let [batch, _, _, channels] = x.dims();
    let op = Op::MaxPool {
        kernel: window.kernel,
        stride: window.stride,
        padding: window.padding,
        ceil: window.rounding == Rounding::Ceil,
    };
    x.then("max_pool", op, &[], [batch, size[0], size[1], channels])
        .on_grid_as(x.is_on_grid())
}

/// Mean over all positions.
pub(super) fn global_avg_pool(x: &Symbol<4>) -> Symbol<4> {
    let [batch, _, _, channels] = x.dims();
    x.then("mean", Op::GlobalAveragePool, &[], [batch, 1, 1, channels])
}

/// One vector per image, channels last.
pub(super) fn flatten(x: &Symbol<4>) -> Symbol<2> {
    let ([batch, h, w, channels], on_grid) = (x.dims(), x.is_on_grid());
    let order = vec![0, 2, 3, 1];
    let x = match h * w {
        1 => x.clone(),
        _ => x.map("channels_last", Op::Transpose { order }, &[]),
    };
    x.then("flatten", Op::Flatten, &[], [batch, h * w * channels])
        .on_grid_as(on_grid)
}

/// One token per position, row by row.
pub(super) fn into_tokens(x: &Symbol<4>) -> Symbol<3> {
    let [batch, h, w, channels] = x.dims();
    let tokens = h * w;
    let shape = [0, channels as i64, tokens as i64];
    let shape = x.recorder().whole_numbers("positions.shape", &shape);
    let order = vec![0, 2, 1];
    x.then(
        "positions",
        Op::Reshape,
        &[shape],
        [batch, channels, tokens],
    )
    .then(
        "tokens",
        Op::Transpose { order },
        &[],
        [batch, tokens, channels],
    )
    .on_grid_as(x.is_on_grid())
}
