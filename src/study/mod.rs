//! The study: a matrix of configurations, and what is concluded from it.

pub mod analysis;
