//! (room)

pub mod synth;
