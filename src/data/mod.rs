//! Faces with labels, from files to batches.
//!
//! [`Table`] reads what a folder says about its images (CelebA, UTKFace, FairFace or a plain CSV),
//! [`Faces`] adds the pixels, decoded once into a memory-mapped cache, [`epoch_order`] says in which
//! order an epoch visits them, and [`loader`] turns that order into normalised [`Batch`]es behind
//! burn's own `Dataset` and `DataLoader` traits.
//!
//! Everything drawn at random here comes from ChaCha8 keyed by (seed, epoch, index): the same on
//! every platform and for any number of threads, and a resumed run can start at any step.

pub mod batch;
mod build;
pub mod cache;
pub mod celeba;
pub mod check;
pub mod config;
mod content;
pub mod decode;
pub mod detect;
mod digest;
pub mod faces;
pub mod fairface;
pub mod loader;
pub mod plain;
pub mod progress;
pub mod random;
pub mod sampler;
mod select;
pub mod split;
pub mod synth;
pub mod table;
mod text;
pub mod utkface;

pub use batch::{Augment, Batch, IMAGENET_MEAN, IMAGENET_STD};
pub use check::{CheckReport, check};
pub use config::{CsvConfig, DataConfig, Layout};
pub use faces::{Face, Faces};
pub use loader::loader;
pub use progress::Progress;
pub use sampler::{LastBatch, Sampler, epoch_order};
pub use split::Split;
pub use table::{Attribute, Record, Table};
