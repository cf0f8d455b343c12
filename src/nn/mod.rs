//! The two leaves all models are built from, what flows between them, and the joints where flows meet.
//!
//! A model is leaves ([`ConvUnit`], [`LinearUnit`]) and joints ([`Joint`]) exchanging [`Flow`]s, and it
//! lends them through one seam ([`UnitMut`], [`Visit`]). Whatever changes how a layer computes
//! (observing, quantizing, packing, recording a [`graph`]) therefore changes this room and no model.

mod act;
mod conv_unit;
mod exact;
mod flow;
pub mod graph;
mod joint;
mod linear_unit;
mod norm;
mod packed;
mod precision;
pub mod qdq;
mod quantized;
mod random_drop;
mod record;
mod stopwatch;
mod symbol;
mod tokens;
mod unit;
mod watch;
mod whole;

pub use act::Act;
pub use conv_unit::{ConvUnit, ConvUnitConfig, Shift};
pub use flow::{Flow, Rounding, Window};
pub use joint::Joint;
pub use linear_unit::{LinearUnit, LinearUnitConfig};
pub use packed::{PackedConv, PackedLinear, Parts};
pub use precision::compute_in;
pub use quantized::LeafQuant;
pub use random_drop::{Granule, RandomDrop, RandomDropConfig};
pub use stopwatch::Stopwatch;
pub use symbol::{Recorder, Symbol};
pub use tokens::{first_token, layer_norm, self_attention, with_class_and_positions};
pub use unit::{UnitMut, Visit, join};
pub use watch::{Site, Watch};
