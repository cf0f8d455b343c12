//! A model as a list of operations: what tracing records, and what a file format is written from.
//!
//! ```text
//! input ─► node ─► node ─► … ─► output        initializers: what nodes read beside it
//! ```
//!
//! The operations are those of ONNX, because that is what every reader of exported models speaks, but this
//! is plain data: how it becomes bytes is the business of [`export`](crate::export). Four-dimensional
//! values are `[B, C, H, W]` here. The size of a batch is open.

/// An operation and its attributes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Convolution: input, weight `[out, in / groups, k, k]`, bias.
    Conv {
        /// Step down and right.
        stride: [usize; 2],
        /// Zeros at the top, left, bottom and right.
        padding: [usize; 4],
        /// Distance of the kernel's elements.
        dilation: [usize; 2],
        /// Channel groups.
        groups: usize,
    },
    /// Matrix product plus bias, both factors of two dimensions.
    Gemm,
    /// Matrix product over the last two dimensions.
    MatMul,
    /// Sum, broadcast.
    Add,
    /// Product, broadcast.
    Mul,
    /// max(x, 0)
    Relu,
    /// x between two bounds, which are inputs.
    Clip,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// Error function.
    Erf,
    /// Softmax along an axis.
    Softmax {
        /// The axis, counted from the end where negative.
        axis: i64,
    },
    /// Normalization over the last dimension: input, scale, shift.
    LayerNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Maximum over windows.
    MaxPool {
        /// Side of the window.
        kernel: usize,
        /// Step in both directions.
        stride: usize,
        /// Positions on each side.
        padding: usize,
        /// Whether windows over the edge are kept.
        ceil: bool,
    },
    /// Mean over all positions.
    GlobalAveragePool,
    /// Inputs one after another along an axis.
    Concat {
        /// The axis.
        axis: i64,
    },
    /// The input in parts along an axis; their sizes are the second input.
    Split {
        /// The axis.
        axis: i64,
    },
    /// What stands at the indices of the second input along an axis.
    Gather {
        /// The axis.
        axis: i64,
    },
    /// All dimensions but the first as one.
    Flatten,
    /// Another shape, the second input; 0 keeps a dimension.
    Reshape,
    /// Dimensions in another order.
    Transpose {
        /// Where each dimension comes from.
        order: Vec<i64>,
    },
    /// Size of the first dimension, as a list of one.
    BatchSize,
    /// Repeated to the shape of the second input.
    Expand,
    /// Codes of floats: input, scale, zero point.
    QuantizeLinear {
        /// The axis along which scales run; `None` for one scale.
        axis: Option<i64>,
    },
    /// Floats of codes: input, scale, zero point.
    DequantizeLinear {
        /// The axis along which scales run; `None` for one scale.
        axis: Option<i64>,
    },
}

/// An operation in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its own name, that of its first output.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Values that it reads.
    pub inputs: Vec<String>,
    /// Values that it gives.
    pub outputs: Vec<String>,
}

/// The numbers of an initializer, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Weights and scales.
    F32(Vec<f32>),
    /// Shapes and indices.
    I64(Vec<i64>),
    /// Biases in codes.
    I32(Vec<i32>),
    /// Codes with a sign.
    I8(Vec<i8>),
    /// Codes without one.
    U8(Vec<u8>),
    /// Codes from −8 to 7; files hold two to a byte.
    I4(Vec<i8>),
}

impl Numbers {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I8(v) | Self::I4(v) => v.len(),
            Self::U8(v) => v.len(),
        }
    }
}

/// A constant that nodes read.
#[derive(Debug, Clone, PartialEq)]
pub struct Initializer {
    /// Name of the value.
    pub name: String,
    /// Sizes of its dimensions; none for a single number.
    pub shape: Vec<usize>,
    /// As many as the sizes multiply to.
    pub numbers: Numbers,
}

/// A value that enters or leaves the graph; floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name of the value.
    pub name: String,
    /// Sizes after that of the batch.
    pub shape: Vec<usize>,
}

/// A model as data: nodes stand in an order in which they can be computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// What goes in.
    pub input: Port,
    /// What comes out.
    pub output: Port,
    /// Operations, each after those that it reads from.
    pub nodes: Vec<Node>,
    /// Constants.
    pub initializers: Vec<Initializer>,
}

impl Graph {
    /// Whether something is stored in 4 bits, which older readers do not know.
    pub fn has_int4(&self) -> bool {
        let mut all = self.initializers.iter();
        all.any(|i| matches!(i.numbers, Numbers::I4(_)))
    }
}
