//! Where two flows meet: residual addition, concatenation, squeeze-excite scaling.
//!
//! A joint is a module with a path, not a bare function, because two 8-bit flows with different
//! scales can only meet under a third scale that has to be calibrated and kept somewhere
//! (PyTorch's `FloatFunctional` exists for the same reason). In float each is one line.

use burn::module::Module;
use burn::tensor::Tensor;
use fairbit_kernels::tensor::{q_add, q_concat, q_scale};
use fairbit_kernels::{ActQuant, Activation, train};

use super::packed::codes;
use super::quantized::on_grid;
use super::{Act, Flow, Site, Symbol, Watch, qdq, record};
use crate::quant::FakeAct;

/// A place where two flows become one.
#[derive(Module, Debug)]
pub struct Joint {
    /// Activation after the joint.
    #[module(skip)]
    pub act: Act,
    /// The grid of what goes out, where quantization is simulated.
    pub quant: Option<FakeAct>,
    /// Quantizer of what goes out, where codes do.
    #[module(skip)]
    pub out: Option<ActQuant>,
    /// Who looks at what passes.
    #[module(skip)]
    pub watch: Option<Watch>,
}

impl Joint {
    /// A joint followed by an activation ([`Act::Identity`] for none).
    pub fn new(act: Act) -> Self {
        Self {
            act,
            quant: None,
            out: None,
            watch: None,
        }
    }

    /// Sum of two flows of equal shape.
    pub fn add<const D: usize>(&self, a: Flow<D>, b: Flow<D>) -> Flow<D> {
        if let (Flow::Symbol(a), Flow::Symbol(b)) = (&a, &b) {
            return self.record(record::add(self.act, a, b));
        }
        let (a, b) = match (a, b) {
            (Flow::Q8(a), Flow::Q8(b))
                if let (Some(out), Some(act)) = (self.coder(), self.of_codes()) =>
            {
                return Flow::Q8(q_add(a, b, act, out));
            }
            (a, b) => (a.into_float(), b.into_float()),
        };
        self.leave(match self.act {
            Act::Identity | Act::Relu if train::runs_on(&a) => train::add(a, b, self.act.curve()),
            act => act.apply(a + b),
        })
    }

    /// Channels of `a`, then channels of `b`: `[B, H, W, C₁]`, `[B, H, W, C₂]` → `[B, H, W, C₁ + C₂]`.
    pub fn concat(&self, a: Flow<4>, b: Flow<4>) -> Flow<4> {
        if let (Flow::Symbol(a), Flow::Symbol(b)) = (&a, &b) {
            return self.record(record::concat(self.act, a, b));
        }
        let (a, b) = match (a, b) {
            (Flow::Q8(a), Flow::Q8(b))
                if let (Some(out), Act::Identity) = (self.coder(), self.act) =>
            {
                return Flow::Q8(q_concat(a, b, out));
            }
            (a, b) => (a.into_float(), b.into_float()),
        };
        let y = match train::runs_on(&a) {
            true => train::concat(a, b),
            false => Tensor::cat(vec![a, b], 3),
        };
        self.leave(self.act.apply(y))
    }

    /// Each channel times its gate: `[B, H, W, C]` · `[B, 1, 1, C]`.
    pub fn scale(&self, x: Flow<4>, gate: Flow<4>) -> Flow<4> {
        if let (Flow::Symbol(x), Flow::Symbol(gate)) = (&x, &gate) {
            return self.record(record::scale(self.act, x, gate));
        }
        let x = match x {
            Flow::Q8(x) if let (Some(out), Act::Identity) = (self.coder(), self.act) => {
                let [batch, _, _, channels] = gate.dims();
                let gates = gate.into_float().reshape([batch, channels]);
                return Flow::Q8(q_scale(x, gates, out));
            }
            x => x.into_float(),
        };
        let gate = gate.into_float();
        let y = match train::runs_on(&x) {
            true => train::gate(x, gate),
            false => x * gate,
        };
        self.leave(self.act.apply(y))
    }

    /// A recorded value on its way out.
    fn record<const D: usize>(&self, y: Symbol<D>) -> Flow<D> {
        let name = format!("{}.output", y.name());
        Flow::Symbol(qdq::on_grid(self.quant.as_ref(), &y, &name))
    }

    /// Quantizer of what goes out where codes come in: of a packed joint, or of one on its grid, which sees
    /// codes only in evaluation and adds them as the packed one does.
    fn coder(&self) -> Option<ActQuant> {
        self.out.or_else(|| self.quant.as_ref()?.quant())
    }

    /// The activation, where the kernels have it after a sum and need no table.
    fn of_codes(&self) -> Option<Activation> {
        self.act.of_codes().filter(|act| act.is_piecewise_linear())
    }

    /// Floats on their way out.
    fn leave<const D: usize>(&self, y: Tensor<D>) -> Flow<D> {
        if let Some(watch) = &self.watch {
            watch.see(Site::Output, &y);
        }
        match self.out {
            Some(out) => Flow::Q8(codes(y, out)),
            None => on_grid(y, self.quant.as_ref()),
        }
    }
}
