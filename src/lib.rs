//! fairbit: does making this model smaller make it unfair, to whom, and how surely?
//!
//! One room per concept, and imports run one way:
//!
//! ```text
//! kernels, quant → nn → models → compress → train, export → recipe → study → cli
//! data ─────────────────→ evaluate, train
//! fairness: plain slices in, numbers out; knows neither burn nor models
//! report: figures and tables of what fairness found; knows neither burn nor models
//! study: the matrix of configurations, and what is concluded from it
//! ```
//!
//! Every room may use `error`, `files` and `toml_fault`.

pub mod cli;
pub mod compress;
pub mod config;
pub mod data;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod fairness;
pub mod files;
pub mod models;
pub mod nn;
pub mod quant;
pub mod recipe;
pub mod report;
pub mod study;
pub mod toml_fault;
pub mod train;
