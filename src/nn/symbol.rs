//! What stands in a flow for activations while a model is traced: the name of a value, and who records.
//!
//! A model is written once, in layers. Run on a symbol instead of an image, each layer adds to the graph
//! what it would have computed, so that there is no second description to keep in step with the first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use burn::module::ParamId;

use super::graph::{Graph, Initializer, Node, Numbers, Op, Port};

/// Sizes of the dimensions of a batch of one: what layers may ask for; files leave the batch open.
const BATCH: usize = 1;

struct State {
    graph: Graph,
    /// Names of layers by their weights: a layer does not know its own.
    paths: BTreeMap<ParamId, String>,
    /// How often a name was asked for.
    uses: BTreeMap<String, usize>,
}

/// Records what flows through a model.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<State>>);

/// A value that is not computed but recorded. Its sizes are those of the flow, `[B, H, W, C]` in four
/// dimensions, while the graph holds it as `[B, C, H, W]`.
#[derive(Debug, Clone)]
pub struct Symbol<const D: usize> {
    recorder: Recorder,
    name: String,
    dims: [usize; D],
    /// Whether it lies on the grid of some codes, see [`Flow::Grid`](super::Flow::Grid).
    on_grid: bool,
}

impl Recorder {
    /// Starts with images `[B, 3, px, px]` called `input`. `paths` names layers by their weights.
    pub fn start(
        input: &str,
        px: usize,
        paths: BTreeMap<ParamId, String>,
    ) -> (Recorder, Symbol<4>) {
        let port = |name: &str, shape| Port {
            name: name.into(),
            shape,
        };
        let graph = Graph {
            input: port(input, vec![3, px, px]),
            output: port("", Vec::new()),
            nodes: Vec::new(),
            initializers: Vec::new(),
        };
        let state = State {
            graph,
            paths,
            uses: BTreeMap::from([(input.to_string(), 1)]),
        };
        let recorder = Recorder(Arc::new(Mutex::new(state)));
        let symbol = Symbol {
            recorder: recorder.clone(),
            name: input.into(),
            dims: [BATCH, px, px, 3],
            on_grid: false,
        };
        (recorder, symbol)
    }

    /// The graph, with what `last` stands for as its output called `output`.
    pub fn finish(self, last: &Symbol<2>, output: &str) -> Graph {
        let mut graph = self.state().graph.clone();
        let of_nodes = graph.nodes.iter_mut();
        for name in of_nodes.flat_map(|n| n.outputs.iter_mut().chain(&mut n.inputs)) {
            if *name == last.name {
                *name = output.into();
            }
        }
        graph.output = Port {
            name: output.into(),
            shape: last.dims[1..].to_vec(),
        };
        graph
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is held")
    }

    /// The path of the layer whose weight this is, or `otherwise`.
    pub(super) fn path(&self, weight: ParamId, otherwise: &str) -> String {
        let state = self.state();
        let path = state.paths.get(&weight);
        path.map_or_else(|| otherwise.to_string(), Clone::clone)
    }

    /// A constant, by its name. The same name again has to mean the same numbers.
    ///
    /// # Panics
    /// If it does not, or there are not as many numbers as the shape says.
    pub fn constant(&self, name: &str, shape: &[usize], numbers: Numbers) -> String {
        assert_eq!(shape.iter().product::<usize>(), numbers.count(), "{name}");
        let new = Initializer {
            name: name.into(),
            shape: shape.to_vec(),
            numbers,
        };
        let all = &mut self.state().graph.initializers;
        match all.iter().find(|old| old.name == new.name) {
            Some(old) => assert!(*old == new, "{name} already has other numbers"),
            None => all.push(new),
        }
        name.into()
    }

    /// A single number.
    pub(super) fn scalar(&self, name: &str, value: f32) -> String {
        self.constant(name, &[], Numbers::F32(vec![value]))
    }

    /// Shape, sizes or indices.
    pub(super) fn whole_numbers(&self, name: &str, values: &[i64]) -> String {
        self.constant(name, &[values.len()], Numbers::I64(values.to_vec()))
    }

    /// Adds a node with as many outputs as asked for and returns their names, made unique.
    pub(super) fn node(
        &self,
        name: &str,
        op: Op,
        inputs: Vec<String>,
        outputs: usize,
    ) -> Vec<String> {
        let mut state = self.state();
        let uses = state.uses.entry(name.into()).or_default();
        *uses += 1;
        let name = match *uses {
            1 => name.to_string(),
            n => format!("{name}.{n}"),
        };
        let outputs = (0..outputs)
            .map(|i| match i {
                0 => name.clone(),
                _ => format!("{name}.out{i}"),
            })
            .collect::<Vec<_>>();
        state.graph.nodes.push(Node {
            name,
            op,
            inputs,
            outputs: outputs.clone(),
        });
        outputs
    }
}

impl<const D: usize> Symbol<D> {
    /// Sizes of the dimensions, that of the batch being 1.
    pub fn dims(&self) -> [usize; D] {
        self.dims
    }

    /// The value in the graph.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_on_grid(&self) -> bool {
        self.on_grid
    }

    /// Says that it lies on a grid where `other` does.
    pub(super) fn on_grid_as(mut self, on_grid: bool) -> Self {
        self.on_grid = on_grid;
        self
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// A value of the same graph.
    pub(super) fn other<const E: usize>(&self, name: String, dims: [usize; E]) -> Symbol<E> {
        Symbol {
            recorder: self.recorder.clone(),
            name,
            dims,
            on_grid: false,
        }
    }

    /// What `op` makes of this value and `more`, other values of the graph, under a name like `name`.
    pub fn then<const E: usize>(
        &self,
        name: &str,
        op: Op,
        more: &[String],
        dims: [usize; E],
    ) -> Symbol<E> {
        let inputs = [std::slice::from_ref(&self.name), more].concat();
        let mut outputs = self.recorder.node(name, op, inputs, 1);
        self.other(outputs.remove(0), dims)
    }

    /// As [`then`](Self::then), for what keeps the shape.
    pub fn map(&self, name: &str, op: Op, more: &[String]) -> Symbol<D> {
        self.then(name, op, more, self.dims)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}
