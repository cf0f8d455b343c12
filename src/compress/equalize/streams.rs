//! Which layers have to agree on how channels are scaled: read off the recorded graph, so that no model says
//! it a second time.
//!
//! A stream is the set of values that scale together: what a layer gives, through ReLU, residual additions,
//! pooling and gates, up to the layers that read it. Wherever something else touches a value (a curve, a
//! concatenation, the logits), its stream cannot be scaled.

use std::collections::BTreeMap;

use crate::nn::graph::{Graph, Node, Op};

/// Layers around one set of values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stream {
    /// Paths of the layers whose output channels it is.
    pub producers: Vec<String>,
    /// Paths of the layers that read it, and whether each channel by itself (depthwise).
    pub consumers: Vec<(String, bool)>,
    /// Whether values are cut off at 6 somewhere.
    pub capped: bool,
    blocked: bool,
}

/// The streams of a folded float model's graph that can be scaled, in forward order.
pub(super) fn streams(graph: &Graph) -> Vec<Stream> {
    let mut sets = Sets::default();
    sets.at(&graph.input.name).blocked = true;
    for node in &graph.nodes {
        walk(node, graph, &mut sets);
    }
    sets.at(&graph.output.name).blocked = true;
    let all = sets.streams.into_iter().flatten();
    all.filter(|s| !s.blocked && !s.producers.is_empty() && !s.consumers.is_empty())
        .collect()
}

fn walk(node: &Node, graph: &Graph, sets: &mut Sets) {
    let (input, output) = (&node.inputs[0], &node.outputs[0]);
    let constant = |name: &String| graph.initializers.iter().any(|i| i.name == *name);
    match &node.op {
        Op::Conv { groups, .. } => {
            sets.at(input)
                .consumers
                .push((node.name.clone(), *groups > 1));
            sets.at(output).producers.push(node.name.clone());
        }
        Op::Gemm => {
            sets.at(input).consumers.push((node.name.clone(), false));
            sets.at(output).producers.push(node.name.clone());
        }
        Op::Relu | Op::MaxPool { .. } | Op::GlobalAveragePool | Op::Flatten => {
            sets.join(input, output);
        }
        Op::Clip => {
            sets.join(input, output);
            sets.at(output).capped = true;
        }
        Op::Add if !node.inputs.iter().any(constant) => {
            sets.join(input, &node.inputs[1]);
            sets.join(input, output);
        }
        // Channels times gates: the gates are not scaled.
        Op::Mul => {
            sets.join(input, output);
            sets.at(&node.inputs[1]).blocked = true;
        }
        _ => {
            for value in node.inputs.iter().chain(&node.outputs) {
                if !constant(value) {
                    sets.at(value).blocked = true;
                }
            }
        }
    }
}

/// Values by stream; streams that became part of another are `None`.
#[derive(Default)]
struct Sets {
    of: BTreeMap<String, usize>,
    streams: Vec<Option<Stream>>,
}

impl Sets {
    fn index(&mut self, value: &str) -> usize {
        if let Some(&at) = self.of.get(value) {
            return at;
        }
        self.streams.push(Some(Stream::default()));
        self.of.insert(value.into(), self.streams.len() - 1);
        self.streams.len() - 1
    }

    fn at(&mut self, value: &str) -> &mut Stream {
        let at = self.index(value);
        self.streams[at]
            .as_mut()
            .expect("values name streams that are")
    }

    fn join(&mut self, a: &str, b: &str) {
        let (a, b) = (self.index(a), self.index(b));
        if a == b {
            return;
        }
        // The earlier one stays, so that streams keep the order of the model.
        let (keep, gone) = (a.min(b), a.max(b));
        let other = self.streams[gone]
            .take()
            .expect("values name streams that are");
        let stream = self.streams[keep]
            .as_mut()
            .expect("values name streams that are");
        stream.producers.extend(other.producers);
        stream.consumers.extend(other.consumers);
        stream.capped |= other.capped;
        stream.blocked |= other.blocked;
        self.of
            .values_mut()
            .filter(|at| **at == gone)
            .for_each(|at| *at = keep);
    }
}
