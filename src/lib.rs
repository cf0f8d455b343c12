//! fairbit: does making this model smaller make it unfair, to whom, and how surely?
//!
//! One room per concept; imports run one way:
//! `kernels → nn → models → train → cli`, with `data` serving `train`, and `fairness` and `report`
//! knowing neither burn nor models.

pub mod data;
pub mod error;
pub mod fairness;
pub mod files;
pub mod models;
pub mod nn;
