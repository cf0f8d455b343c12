//! What a transformer does between its leaves, none of which is ever quantized: layer normalization,
//! attention, class token and positions.

use burn::module::Param;
use burn::nn::LayerNorm;
use burn::tensor::Tensor;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use fairbit_kernels::train;

use super::graph::Op;
use super::record::constant;
use super::{Flow, Symbol};

/// Normalizes every token, `[..., width]`. burn's layer does not show its ε.
pub fn layer_norm<const D: usize>(norm: &LayerNorm, epsilon: f64, x: Flow<D>) -> Flow<D> {
    if let Flow::Symbol(x) = &x {
        let path = x.recorder().path(norm.gamma.id, "norm");
        let mut more = vec![constant(x, &format!("{path}.weight"), &norm.gamma)];
        if let Some(beta) = &norm.beta {
            more.push(constant(x, &format!("{path}.bias"), beta));
        }
        let epsilon = epsilon as f32;
        return Flow::Symbol(x.map(&path, Op::LayerNormalization { epsilon }, &more));
    }
    let x = x.into_float();
    Flow::F32(match &norm.beta {
        Some(beta) if train::runs_on(&x) => {
            train::layer_norm(x, norm.gamma.val(), beta.val(), epsilon as f32)
        }
        _ => norm.forward(x),
    })
}

/// softmax(Q Kᵀ / √d) V per head: `[B, N, 3 · width]`, queries, keys and values side by side, → `[B, N, width]`.
///
/// # Panics
/// If the width is not divisible by the heads.
pub fn self_attention(qkv: Flow<3>, heads: usize) -> Flow<3> {
    let [b, n, width] = qkv.dims();
    let width = width / 3;
    assert!(width.is_multiple_of(heads), "heads share the width evenly");
    if let Flow::Symbol(qkv) = &qkv {
        return Flow::Symbol(record_attention(qkv, heads, width));
    }
    let qkv = qkv
        .into_float()
        .reshape([b, n, 3, heads, width / heads])
        .permute([2, 0, 3, 1, 4]);
    let [q, k, v] = [0, 1, 2].map(|i| qkv.clone().narrow(0, i, 1).squeeze_dim::<4>(0)); // [B, heads, N, d]
    let y = attention(q, k, v, None, None, AttentionModuleOptions::default());
    Flow::F32(y.swap_dims(1, 2).reshape([b, n, width]))
}

fn record_attention(qkv: &Symbol<3>, heads: usize, width: usize) -> Symbol<3> {
    let graph = qkv.recorder();
    let [b, n, _] = qkv.dims();
    let d = width / heads;
    let base = qkv.name().trim_end_matches(".qkv").to_string();
    let name = |what: &str| format!("{base}.{what}");
    let sizes = graph.whole_numbers("attention.sizes", &[width as i64; 3]);
    let inputs = vec![qkv.name().into(), sizes];
    let parts = graph.node(&name("split"), Op::Split { axis: 2 }, inputs, 3);
    let by_head = [0, n as i64, heads as i64, d as i64];
    let by_head = graph.whole_numbers("attention.by_head", &by_head);
    // [B, N, width] → [B, N, heads, d] → [B, heads, N, d], the keys transposed.
    let head = |what: &str, part: usize, order: [i64; 4], dims: [usize; 4]| {
        let flat = qkv.other(parts[part].clone(), [b, n, width]);
        let order = order.to_vec();
        let shape = std::slice::from_ref(&by_head);
        flat.then(
            &name(&format!("{what}.heads")),
            Op::Reshape,
            shape,
            [b, n, heads, d],
        )
        .then(&name(what), Op::Transpose { order }, &[], dims)
    };
    let q = head("q", 0, [0, 2, 1, 3], [b, heads, n, d]);
    let k = head("k", 1, [0, 2, 3, 1], [b, heads, d, n]);
    let v = head("v", 2, [0, 2, 1, 3], [b, heads, n, d]);
    let root = graph.scalar("attention.scale", 1.0 / (d as f32).sqrt());
    let product = [k.name().to_string()];
    let weights = q
        .map(&name("q.scaled"), Op::Mul, &[root])
        .then(&name("scores"), Op::MatMul, &product, [b, heads, n, n])
        .map(&name("softmax"), Op::Softmax { axis: -1 }, &[]);
    let (value, order) = ([v.name().to_string()], vec![0, 2, 1, 3]);
    let joined = graph.whole_numbers("attention.joined", &[0, n as i64, width as i64]);
    weights
        .then(&name("heads"), Op::MatMul, &value, [b, heads, n, d])
        .then(
            &name("by_token"),
            Op::Transpose { order },
            &[],
            [b, n, heads, d],
        )
        .then(&name("joined"), Op::Reshape, &[joined], [b, n, width])
}

/// The class token before the others, and a position added to each: `[B, N, width]` → `[B, 1 + N, width]`.
pub fn with_class_and_positions(
    x: Flow<3>,
    class: &Param<Tensor<3>>,
    positions: &Param<Tensor<3>>,
) -> Flow<3> {
    let [b, n, width] = x.dims();
    if let Flow::Symbol(x) = &x {
        let graph = x.recorder();
        let path = graph.path(class.id, "class_token");
        let token = constant(x, &path, class);
        let rest = graph.whole_numbers(&format!("{path}.shape"), &[1, width as i64]);
        let shape = x.then("batch", Op::BatchSize, &[], [1]).then(
            "class.shape",
            Op::Concat { axis: 0 },
            &[rest],
            [3],
        );
        let places = constant(
            x,
            &graph.path(positions.id, "position_embedding"),
            positions,
        );
        let all = [b, n + 1, width];
        let expanded = [shape.name().to_string()];
        return Flow::Symbol(
            x.other(token, [1, 1, width])
                .then("class", Op::Expand, &expanded, [b, 1, width])
                .then(
                    "with_class",
                    Op::Concat { axis: 1 },
                    &[x.name().into()],
                    all,
                )
                .map("with_positions", Op::Add, &[places]),
        );
    }
    let class = class.val().expand([b, 1, width]);
    let all = Tensor::cat(vec![class, x.into_float()], 1); // [B, 1 + N, width]
    Flow::F32(all + positions.val())
}

/// The first token of each image, `[B, N, width]` → `[B, width]`.
pub fn first_token(x: Flow<3>) -> Flow<2> {
    let [b, _, width] = x.dims();
    if let Flow::Symbol(x) = &x {
        let numbers = super::graph::Numbers::I64(vec![0]);
        // A single index, not a list of one: the dimension goes.
        let first = x.recorder().constant("first", &[], numbers);
        return Flow::Symbol(x.then("first_token", Op::Gather { axis: 1 }, &[first], [b, width]));
    }
    Flow::F32(x.into_float().narrow(1, 0, 1).squeeze_dim::<2>(1))
}
