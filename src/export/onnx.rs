//! A graph as the bytes of an ONNX file (<https://github.com/onnx/onnx/blob/main/docs/IR.md>).

use std::collections::BTreeMap;

use prost::Message;

use super::proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::nn::graph::{Graph, Initializer, Node, Numbers, Op, Port};

/// With layer normalization, and read by every runtime since 2022.
const OPSET: i64 = 17;
/// The format of that time.
const IR: i64 = 8;
/// The first with 4-bit codes, and its format.
const OPSET_INT4: i64 = 21;
const IR_INT4: i64 = 10;

/// Version of the set of operations that a graph needs.
pub fn opset(graph: &Graph) -> i64 {
    if graph.has_int4() { OPSET_INT4 } else { OPSET }
}

/// The file; `metadata` is kept as text beside the graph.
pub fn encode(graph: &Graph, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    model(graph, metadata).encode_to_vec()
}

pub(super) fn model(graph: &Graph, metadata: &BTreeMap<String, String>) -> ModelProto {
    let entry = |(key, value): (&String, &String)| StringStringEntryProto {
        key: key.clone(),
        value: value.clone(),
    };
    ModelProto {
        ir_version: if graph.has_int4() { IR_INT4 } else { IR },
        producer_name: "fairbit".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            node: graph.nodes.iter().map(node).collect(),
            name: metadata.get("model").cloned().unwrap_or("model".into()),
            initializer: graph.initializers.iter().map(tensor).collect(),
            input: vec![port(&graph.input)],
            output: vec![port(&graph.output)],
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: opset(graph),
        }],
        metadata_props: metadata.iter().map(entry).collect(),
    }
}

fn port(port: &Port) -> ValueInfoProto {
    let batch = DimensionProto {
        dim_param: Some("batch".into()),
        dim_value: None,
    };
    let fixed = port.shape.iter().map(|size| DimensionProto {
        dim_value: Some(*size as i64),
        dim_param: None,
    });
    let shape = TensorShapeProto {
        dim: [batch].into_iter().chain(fixed).collect(),
    };
    ValueInfoProto {
        name: port.name.clone(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: DataType::Float as i32,
                shape: Some(shape),
            }),
        }),
    }
}

fn tensor(initializer: &Initializer) -> TensorProto {
    let (kind, raw_data) = match &initializer.numbers {
        Numbers::F32(v) => (DataType::Float, bytes(v, |v| v.to_le_bytes())),
        Numbers::I64(v) => (DataType::Int64, bytes(v, |v| v.to_le_bytes())),
        Numbers::I32(v) => (DataType::Int32, bytes(v, |v| v.to_le_bytes())),
        Numbers::I8(v) => (DataType::Int8, bytes(v, |v| v.to_le_bytes())),
        Numbers::U8(v) => (DataType::Uint8, v.clone()),
        Numbers::I4(v) => (DataType::Int4, nibbles(v)),
    };
    TensorProto {
        dims: initializer.shape.iter().map(|d| *d as i64).collect(),
        data_type: kind as i32,
        name: initializer.name.clone(),
        raw_data,
    }
}

fn bytes<T: Copy, const N: usize>(values: &[T], of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|v| of(*v)).collect()
}

/// Two codes to a byte, the first in the low half.
fn nibbles(codes: &[i8]) -> Vec<u8> {
    let half = |code: i8| (code as u8) & 0x0f;
    let pairs = codes.chunks(2);
    pairs
        .map(|pair| half(pair[0]) | half(pair.get(1).copied().unwrap_or(0)) << 4)
        .collect()
}

fn node(node: &Node) -> NodeProto {
    let (op_type, attribute) = operation(&node.op);
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: op_type.into(),
        attribute,
    }
}

/// ONNX's name of an operation, and its attributes.
fn operation(op: &Op) -> (&'static str, Vec<AttributeProto>) {
    let axis_of = |name, axis: &i64| (name, vec![int("axis", *axis)]);
    match op {
        Op::Conv {
            stride,
            padding,
            dilation,
            groups,
        } => {
            let attributes = vec![
                ints("strides", stride),
                ints("pads", padding),
                ints("dilations", dilation),
                int("group", *groups as i64),
            ];
            ("Conv", attributes)
        }
        Op::MaxPool {
            kernel,
            stride,
            padding,
            ceil,
        } => {
            let attributes = vec![
                ints("kernel_shape", &[*kernel; 2]),
                ints("strides", &[*stride; 2]),
                ints("pads", &[*padding; 4]),
                int("ceil_mode", i64::from(*ceil)),
            ];
            ("MaxPool", attributes)
        }
        Op::LayerNormalization { epsilon } => {
            let attributes = vec![int("axis", -1), float("epsilon", *epsilon)];
            ("LayerNormalization", attributes)
        }
        Op::Transpose { order } => {
            let attribute = AttributeProto {
                name: "perm".into(),
                ints: order.clone(),
                r#type: AttributeType::Ints as i32,
                ..Default::default()
            };
            ("Transpose", vec![attribute])
        }
        Op::BatchSize => ("Shape", vec![int("start", 0), int("end", 1)]),
        Op::Softmax { axis } => axis_of("Softmax", axis),
        Op::Concat { axis } => axis_of("Concat", axis),
        Op::Split { axis } => axis_of("Split", axis),
        Op::Gather { axis } => axis_of("Gather", axis),
        Op::Flatten => axis_of("Flatten", &1),
        Op::QuantizeLinear { axis: Some(axis) } => axis_of("QuantizeLinear", axis),
        Op::DequantizeLinear { axis: Some(axis) } => axis_of("DequantizeLinear", axis),
        Op::QuantizeLinear { axis: None } => ("QuantizeLinear", vec![]),
        Op::DequantizeLinear { axis: None } => ("DequantizeLinear", vec![]),
        Op::Gemm => ("Gemm", vec![]),
        Op::MatMul => ("MatMul", vec![]),
        Op::Add => ("Add", vec![]),
        Op::Mul => ("Mul", vec![]),
        Op::Relu => ("Relu", vec![]),
        Op::Clip => ("Clip", vec![]),
        Op::Sigmoid => ("Sigmoid", vec![]),
        Op::Erf => ("Erf", vec![]),
        Op::GlobalAveragePool => ("GlobalAveragePool", vec![]),
        Op::Reshape => ("Reshape", vec![]),
        Op::Expand => ("Expand", vec![]),
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: value,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.iter().map(|v| *v as i64).collect(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        f: value,
        r#type: AttributeType::Float as i32,
        ..Default::default()
    }
}
