//! The data room through its public API.

mod batches;
mod decoding;
mod fixture;
mod layouts;
mod official;
mod pixels;
mod tables;
