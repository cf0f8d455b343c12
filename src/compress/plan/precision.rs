//! In what precision one layer computes, and the bytes of its weights then.

use std::fmt;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// What a weight is stored in, narrow to wide. In TOML `2`, `4`, `6`, `8` or `"float"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WeightBits {
    /// Codes −1, 0, 1.
    Two,
    /// Codes −7 to 7.
    Four,
    /// Codes −31 to 31. The kernels have no such layout: a code takes a byte.
    Six,
    /// Codes −127 to 127.
    Eight,
    /// As trained, f32.
    Float,
}

impl WeightBits {
    /// Every width, narrow to wide.
    pub const ALL: [Self; 5] = [Self::Two, Self::Four, Self::Six, Self::Eight, Self::Float];

    /// Bits that a code's values need; none for floats.
    pub fn bits(self) -> Option<u32> {
        match self {
            Self::Two => Some(2),
            Self::Four => Some(4),
            Self::Six => Some(6),
            Self::Eight => Some(8),
            Self::Float => None,
        }
    }

    /// Bits that a code takes in memory and in a file; none for floats.
    pub fn stored_bits(self) -> Option<u32> {
        self.bits().map(stored_bits)
    }
}

/// The width that the kernels store codes of `bits` bits in.
pub fn stored_bits(bits: u32) -> u32 {
    match bits {
        0..=2 => 2,
        3..=4 => 4,
        _ => 8,
    }
}

impl fmt::Display for WeightBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits() {
            Some(bits) => write!(f, "{bits}"),
            None => write!(f, "float"),
        }
    }
}

impl Serialize for WeightBits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.bits() {
            Some(bits) => to.serialize_u32(bits),
            None => to.serialize_str("float"),
        }
    }
}

impl<'de> Deserialize<'de> for WeightBits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl de::Visitor<'_> for Visit {
            type Value = WeightBits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "2, 4, 6, 8 or \"float\"")
            }

            fn visit_i64<E: de::Error>(self, bits: i64) -> Result<WeightBits, E> {
                let named = WeightBits::ALL.into_iter();
                let mut named = named.filter(|w| w.bits().map(i64::from) == Some(bits));
                let fault = || E::invalid_value(de::Unexpected::Signed(bits), &self);
                named.next().ok_or_else(fault)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WeightBits, E> {
                match text {
                    "float" => Ok(WeightBits::Float),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        from.deserialize_any(Visit)
    }
}

/// How many weights share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granularity {
    /// All of an output channel.
    Channel,
    /// 32 consecutive weights of an output channel.
    #[serde(rename = "group-32")]
    Group32,
    /// 64 consecutive weights of an output channel.
    #[serde(rename = "group-64")]
    Group64,
    /// 128 consecutive weights of an output channel.
    #[serde(rename = "group-128")]
    Group128,
}

impl Granularity {
    /// Consecutive weights under one scale; none where that is the whole channel.
    pub fn group(self) -> Option<u64> {
        match self {
            Self::Channel => None,
            Self::Group32 => Some(32),
            Self::Group64 => Some(64),
            Self::Group128 => Some(128),
        }
    }
}

/// What a layer multiplies its weights by, and what it hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Activation {
    /// 8-bit codes under ranges from a calibration set.
    #[serde(rename = "static-8")]
    Static8,
    /// 8-bit codes whose range is found for each image.
    #[serde(rename = "dynamic-8")]
    Dynamic8,
    /// 4-bit codes under ranges from a calibration set.
    #[serde(rename = "static-4")]
    Static4,
    /// Floats.
    #[serde(rename = "float")]
    Float,
}

impl Activation {
    /// Bits of codes under calibrated ranges; none for the others.
    pub fn static_bits(self) -> Option<u32> {
        match self {
            Self::Static8 => Some(8),
            Self::Static4 => Some(4),
            Self::Dynamic8 | Self::Float => None,
        }
    }
}

/// The precision of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerPlan {
    /// Width of its weights.
    pub weight: WeightBits,
    /// Weights under one scale.
    pub granularity: Granularity,
    /// Its activations.
    pub activation: Activation,
}

impl LayerPlan {
    /// As trained.
    pub const FLOAT: Self = Self {
        weight: WeightBits::Float,
        granularity: Granularity::Channel,
        activation: Activation::Float,
    };
}

/// Bytes of a layer's packed weights and their scales, `rows` output channels of `k` weights; rows are
/// whole 32-bit words. Biases are left out.
pub fn weight_bytes(weight: WeightBits, granularity: Granularity, rows: u64, k: u64) -> u64 {
    let Some(bits) = weight.stored_bits() else {
        return 4 * rows * k;
    };
    let words = k.div_ceil(u64::from(32 / bits));
    let scales = granularity.group().map_or(1, |group| k.div_ceil(group));
    4 * rows * (words + scales)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fairbit_kernels::{Granularity as Packed, PackedWeights};

    #[test]
    fn bytes_are_those_of_the_kernels() {
        for weight in WeightBits::ALL.into_iter().filter(|w| w.bits().is_some()) {
            for (granularity, packed) in [
                (Granularity::Channel, Packed::PerChannel),
                (Granularity::Group32, Packed::PerGroup(32)),
                (Granularity::Group64, Packed::PerGroup(64)),
                (Granularity::Group128, Packed::PerGroup(128)),
            ] {
                for k in [1usize, 3, 16, 17, 32, 33, 127, 128, 129, 300] {
                    let rows = 3;
                    let groups = granularity
                        .group()
                        .map_or(1, |group| k.div_ceil(group as usize));
                    let scales = vec![1.0; rows * groups];
                    let bits = weight.stored_bits().unwrap();
                    let shape = [rows, k];
                    let layer =
                        PackedWeights::pack(&vec![0; rows * k], scales, shape, bits, packed);
                    assert_eq!(
                        weight_bytes(weight, granularity, rows as u64, k as u64),
                        layer.unwrap().size_bytes() as u64,
                        "{weight} {granularity:?} {k}"
                    );
                }
            }
        }
        let float = weight_bytes(WeightBits::Float, Granularity::Group32, 3, 5);
        assert_eq!(float, 60);
    }
}
