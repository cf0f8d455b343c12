//! Train, validation and test partitions, official or by a stable hash.

use std::fmt;

use sha2::{Digest, Sha256};

/// One of the three partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Split {
    /// Partition 0 in CelebA.
    Train = 0,
    /// Partition 1 in CelebA.
    Val = 1,
    /// Partition 2 in CelebA.
    Test = 2,
}

impl Split {
    /// All three, in CelebA's order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Name in file names, tables and the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    /// Reads a name or CelebA's number; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "0" | "train" | "training" => Some(Self::Train),
            "1" | "val" | "valid" | "validation" => Some(Self::Val),
            "2" | "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }

    /// Split for data without official partitions: 70 % train, 10 % val, 20 % test by the SHA-256
    /// of `key` (the identity where it is known, so that no person is on both sides, else the image
    /// name). It does not depend on the order or number of the other images.
    pub fn by_hash(key: &str) -> Self {
        match hash_percent(key) {
            0..70 => Self::Train,
            70..80 => Self::Val,
            _ => Self::Test,
        }
    }
}

/// A stable number in 0..100 for a name.
pub(super) fn hash_percent(key: &str) -> u64 {
    let digest = Sha256::digest(key.as_bytes());
    let mut head = [0u8; 8];
    head.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(head) % 100
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("found \"{text}\", expected train, val or test"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_splits_have_the_stated_shares() {
        let mut n = [0usize; 3];
        for i in 0..20_000 {
            n[Split::by_hash(&format!("{i}.jpg")) as usize] += 1;
        }
        // Binomial standard deviations: 65, 42, 57 images; five of them allowed.
        for (got, (want, sd)) in n.iter().zip([(14_000, 65), (2_000, 42), (4_000, 57)]) {
            assert!((*got as i64 - want).abs() < 5 * sd, "{n:?}");
        }
    }
}
