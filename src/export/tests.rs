//! Whole models written and read back, and the parts that no model uses yet.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use prost::Message;

use super::onnx;
use super::proto::{DataType, GraphProto, ModelProto, NodeProto, TensorProto};
use crate::compress::fold::fold;
use crate::models::{Architecture, ModelConfig, ModelMeta, create};
use crate::nn::graph::{Graph, Numbers, Op};
use crate::nn::{Flow, Recorder, qdq};

const PX: usize = 64;

fn written(name: Architecture) -> ModelProto {
    let config = ModelConfig::new(name, 3, PX);
    let model = fold(create(&config, 1, &Device::flex()).unwrap());
    let meta = ModelMeta::new(&config, "Smiling").to_text();
    let bytes = onnx::encode(&model.trace(PX).unwrap(), &meta);
    ModelProto::decode(bytes.as_slice()).unwrap()
}

/// Asserts that nodes read only what is there before them, that no name means two things, and that tensors
/// hold as many bytes as their shapes need.
fn check(graph: &GraphProto) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut read: BTreeSet<&str> = BTreeSet::new();
    let ports = graph.input.iter().map(|port| &port.name);
    for name in ports.chain(graph.initializer.iter().map(|i| &i.name)) {
        assert!(known.insert(name), "{name} twice");
    }
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{}: {input}", node.name);
            read.insert(input);
        }
        for output in &node.output {
            assert!(known.insert(output), "{output} twice");
        }
    }
    assert!(known.contains(graph.output[0].name.as_str()));
    for tensor in &graph.initializer {
        assert!(read.contains(tensor.name.as_str()), "{} idle", tensor.name);
        let count = tensor.dims.iter().product::<i64>() as usize;
        let bytes = match tensor.data_type {
            t if t == DataType::Float as i32 || t == DataType::Int32 as i32 => 4 * count,
            t if t == DataType::Int64 as i32 => 8 * count,
            t if t == DataType::Int4 as i32 => count.div_ceil(2),
            _ => count,
        };
        assert_eq!(tensor.raw_data.len(), bytes, "{}", tensor.name);
    }
}

fn count(graph: &GraphProto, op: &str) -> usize {
    graph.node.iter().filter(|n| n.op_type == op).count()
}

#[test]
fn every_model_comes_back_whole() {
    // Convolutions, products with weights, sums of flows and concatenations, by the papers' tables.
    let expected = [
        (Architecture::ResNet50, 53, 1, 16, 0),
        (Architecture::MobileNetV2, 52, 1, 10, 0),
        (Architecture::EfficientNetB0, 81, 1, 9, 0),
        (Architecture::VitSmallPatch16, 1, 49, 0, 0),
        (Architecture::SqueezeNet11, 26, 0, 0, 8),
    ];
    for (name, convolutions, linear, sums, concats) in expected {
        let model = written(name);
        assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
        let graph = model.graph.unwrap();
        check(&graph);
        assert_eq!(count(&graph, "Conv"), convolutions, "{name}");
        let weights: BTreeMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .map(|i| (i.name.as_str(), i))
            .collect();
        let with_weight = |node: &&NodeProto| {
            let second = node.input.get(1);
            matches!(node.op_type.as_str(), "Gemm" | "MatMul")
                && second.is_some_and(|w| weights.contains_key(w.as_str()))
        };
        assert_eq!(graph.node.iter().filter(with_weight).count(), linear);
        if name != Architecture::VitSmallPatch16 {
            assert_eq!(count(&graph, "Add"), sums, "{name}");
            assert_eq!(count(&graph, "Concat"), concats, "{name}");
        }
        // The shape of every convolution's weight fits its bias and its groups.
        for node in graph.node.iter().filter(|n| n.op_type == "Conv") {
            let weight = weights[node.input[1].as_str()];
            assert_eq!(weight.dims.len(), 4);
            let bias = weights[node.input[2].as_str()];
            assert_eq!(bias.dims, [weight.dims[0]], "{}", node.name);
            let group = node.attribute.iter().find(|a| a.name == "group").unwrap().i;
            assert_eq!(weight.dims[0] % group, 0, "{}", node.name);
        }
        let shape = |port: usize| {
            let ports = [&graph.input[0], &graph.output[0]];
            let kind = ports[port].r#type.clone().unwrap().tensor_type.unwrap();
            let dims = kind.shape.unwrap().dim;
            assert_eq!(dims[0].dim_param.as_deref(), Some("batch"));
            dims[1..].iter().map(|d| d.dim_value).collect::<Vec<_>>()
        };
        assert_eq!(shape(0), [Some(3), Some(PX as i64), Some(PX as i64)]);
        assert_eq!(shape(1), [Some(3)]);
        let props: BTreeMap<_, _> = model
            .metadata_props
            .iter()
            .map(|p| (p.key.as_str(), p.value.as_str()))
            .collect();
        assert_eq!(props["model"], name.name());
        assert_eq!((props["px"], props["target"]), ("64", "Smiling"));
    }
}

#[test]
fn the_weights_are_those_of_the_folded_model() {
    let config = ModelConfig::new(Architecture::MobileNetV2, 3, PX);
    let folded = fold(create(&config, 1, &Device::flex()).unwrap());
    let dict = crate::models::state_dict(&folded);
    let graph = written(Architecture::MobileNetV2).graph.unwrap();
    let mut seen = 0;
    for tensor in &graph.initializer {
        // PyTorch keeps the weight of a linear layer transposed.
        let Some(host) = dict.get(&tensor.name).filter(|h| h.shape.len() != 2) else {
            continue;
        };
        let dims: Vec<usize> = tensor.dims.iter().map(|d| *d as usize).collect();
        assert_eq!(dims, host.shape, "{}", tensor.name);
        let bytes: Vec<u8> = host.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(tensor.raw_data, bytes, "{}", tensor.name);
        seen += 1;
    }
    assert_eq!(seen + 1, dict.len());
}

/// Images on a grid, their channels mixed by a weight in codes, the mean over positions.
fn quantized(codes: Numbers, zero: qdq::Zero) -> Graph {
    let (recorder, images) = Recorder::start("images", 2, BTreeMap::new());
    let images = qdq::activations(&images, "stem.input", 0.125, zero);
    let scales = [0.5, 0.25, 1.0];
    let weight = qdq::weights(&images, "stem.weight", &[3, 3, 1, 1], codes, &scales, 0);
    let op = Op::Conv {
        stride: [1, 1],
        padding: [0; 4],
        dilation: [1, 1],
        groups: 1,
    };
    let mixed = images.then("stem", op, &[weight], [1, 2, 2, 3]);
    match Flow::Symbol(mixed).global_avg_pool().flatten() {
        Flow::Symbol(last) => recorder.finish(&last, "logits"),
        _ => unreachable!("symbols in, symbols out"),
    }
}

#[test]
fn codes_are_written_with_their_scales_and_zero_points() {
    let codes: Vec<i8> = vec![1, -2, 3, -4, 5, -6, 7, -8, 0];
    let no_text = BTreeMap::new();
    let bytes = quantized(Numbers::I8(codes.clone()), qdq::Zero::U8(128));
    let model = ModelProto::decode(onnx::encode(&bytes, &no_text).as_slice()).unwrap();
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    let graph = model.graph.unwrap();
    check(&graph);
    let kinds: Vec<&str> = graph.node.iter().map(|n| n.op_type.as_str()).collect();
    let pair = ["QuantizeLinear", "DequantizeLinear"];
    assert_eq!(kinds[..3], [pair[0], pair[1], pair[1]]);
    assert!(graph.node[0].attribute.is_empty());
    let axis = &graph.node[2].attribute[0];
    assert_eq!((axis.name.as_str(), axis.i), ("axis", 0));
    let find = |name: &str| graph.initializer.iter().find(|i| i.name == name).unwrap();
    let zero = find("stem.input.zero");
    assert_eq!(
        (zero.data_type, &zero.raw_data),
        (DataType::Uint8 as i32, &vec![128])
    );
    assert_eq!(find("stem.weight.zero").dims, [3]);
    let stored = find("stem.weight.codes");
    assert_eq!(
        stored.raw_data,
        codes.iter().map(|c| *c as u8).collect::<Vec<_>>()
    );
    // Half the bytes, and what can read them.
    let small = quantized(Numbers::I4(codes), qdq::Zero::I8(-3));
    let model = ModelProto::decode(onnx::encode(&small, &no_text).as_slice()).unwrap();
    assert_eq!((model.ir_version, model.opset_import[0].version), (10, 21));
    let graph = model.graph.unwrap();
    check(&graph);
    let find = |name: &str| graph.initializer.iter().find(|i| i.name == name).unwrap();
    assert_eq!(
        find("stem.weight.codes").raw_data,
        [0xe1, 0xc3, 0xa5, 0x87, 0x00]
    );
    assert_eq!(find("stem.input.zero").raw_data, [0xfd]);
}
