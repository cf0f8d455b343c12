//! The study: a matrix of configurations as units of work, each a child process with a folder of its own,
//! carried out by any number of processes, killed at any moment, and finished all the same.
//!
//! ```text
//! config, methods ─► matrix: units and what they need
//! ledger: what is finished and by what identity      claims: who works on what, among shards
//! command ─► child ─► job: one unit at work          timing: what it took, what others will
//! engine: what is next, until nothing is left         journal: lines for people, events for programs
//! analysis: tables, tests, verdicts, from committed files alone
//! ```

pub mod analysis;
pub mod baselines;
mod child;
pub mod claims;
mod command;
pub mod config;
mod engine;
mod job;
mod journal;
pub mod ledger;
pub mod matrix;
pub mod methods;
pub mod options;
pub mod timing;

pub use config::StudyConfig;
pub use engine::{Engine, Outcome};
pub use options::{Data, Options, Shard};
