//! Training: one step, one run, resume, and the supervisor that outlives a failing device.

mod adamw;
pub mod checkpoint;
mod config;
pub mod events;
pub mod fault;
pub mod fit;
pub mod folder;
mod group_loss;
pub mod loss;
pub mod metrics;
pub mod run;
pub mod schedule;
mod setup;
pub mod step;
pub mod supervisor;
pub mod update;
pub mod verify;

pub use adamw::OnePassAdamW;
pub use config::{Precision, SamplerName, Select, TrainConfig};
pub use group_loss::Fairness;
pub use loss::Distill;

use sha2::{Digest, Sha256};

use crate::config::RunConfig;

/// Hash of everything in `config` that decides what is learned: not the devices, not where the
/// images are kept (their content has a hash of its own). Hexadecimal SHA-256 of the TOML.
pub fn config_hash(config: &RunConfig) -> String {
    let mut plain = config.clone();
    let default = RunConfig::default();
    plain.device = default.device;
    plain.fallback_device = default.fallback_device;
    plain.hang_seconds = default.hang_seconds;
    plain.data.dir = None;
    plain.train.checkpoint_seconds = default.train.checkpoint_seconds;
    hex(&Sha256::digest(plain.to_toml().as_bytes()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
