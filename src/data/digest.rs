//! SHA-256 over fields whose boundaries count.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A running hash of length-prefixed fields: `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone)]
pub(super) struct Fields(Sha256);

impl Fields {
    /// Starts with a version tag, so that a change of meaning changes every hash.
    pub fn new(tag: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.add(tag.as_bytes());
        fields
    }

    /// One field.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The hash as 64 hexadecimal digits.
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
