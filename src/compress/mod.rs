//! What is done to a model to make it small.

pub mod fold;
