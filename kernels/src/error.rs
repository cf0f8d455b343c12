//! What can be wrong with packed weights, shapes and scales: found when a layer is built, never while
//! it runs.

/// Result of everything here that data can make fail.
pub type Result<T> = std::result::Result<T, KernelError>;

/// A layer that cannot be computed as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// Sizes that do not belong together.
    #[error("{what}: found {found}, expected {expected}")]
    Shape {
        /// Which size, in words.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// A scale that is zero, negative, infinite or not a number.
    #[error("scale {index} is {value}, expected a positive finite number")]
    Scale {
        /// Position in the list of scales.
        index: usize,
        /// The scale.
        value: f32,
    },
    /// A code outside the symmetric range of its bit width.
    #[error("{what} {index} is {value}, expected ±{largest} at most")]
    Code {
        /// `weight code` or `zero point`.
        what: &'static str,
        /// Position in row-major order.
        index: usize,
        /// The code.
        value: i32,
        /// Largest magnitude.
        largest: i32,
    },
    /// A sum that an `i32` accumulator may not hold.
    #[error(
        "a sum of {k} products of {weight_bits}-bit weights may overflow 32 bits; at most {limit} fit"
    )]
    Overflow {
        /// Number of products.
        k: usize,
        /// Bits of a weight.
        weight_bits: u32,
        /// Largest number of products that is safe.
        limit: usize,
    },
    /// Weights or activations that a device does not hold in one piece.
    #[error("{what} of {bytes} bytes; the device holds {limit} in one piece: {next}")]
    Memory {
        /// `weights` or `activations`.
        what: &'static str,
        /// What helps.
        next: &'static str,
        /// Bytes of the arranged weights, or of the batch's input or output.
        bytes: u64,
        /// Largest piece of memory of the device.
        limit: u64,
    },
}

impl KernelError {
    /// Sizes that do not belong together.
    pub fn shape(
        what: &'static str,
        found: impl std::fmt::Debug,
        expected: impl std::fmt::Display,
    ) -> Self {
        Self::Shape {
            what,
            found: format!("{found:?}"),
            expected: expected.to_string(),
        }
    }
}
