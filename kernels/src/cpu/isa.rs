//! Which instructions the integer kernels use: found when the program runs, or forced for a comparison.
//!
//! | name | instruction | weights × activations per multiply | exact because |
//! |---|---|---|---|
//! | `amx` | `tdpbssd` on tiles | 16,384 | sums of four products go to 32 bits without saturation |
//! | `vnni512` | `vpdpbusd` zmm | 64 | the same |
//! | `vnni256` | `vpdpbusd` ymm (AVX-VNNI) | 32 | the same |
//! | `avx2`, 8-bit weights | `vpmaddwd` | 16 | both operands are 16 bits wide, no pair can overflow 32 |
//! | `avx2`, 2- and 4-bit weights | `vpmaddubsw` | 32 | a pair is at most 15 · 128 · 2, and eight fit 16 bits |
//! | `portable` | what the compiler finds | | plain `i32` |
//!
//! Eight-bit weights on plain AVX2 do not use `vpmaddubsw`: 255 · 127 · 2 saturates its 16 bits. Sign and
//! magnitude (|w| times a · sign w) would be exact too, at four instructions per 32 products like
//! `vpmaddwd`'s four, but three of them compete for two ports where `vpmaddwd` needs two.

use std::sync::OnceLock;

/// An instruction set with a kernel of its own, the fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// AMX for bytes, and all of the next.
    Amx,
    /// AVX-512 with VNNI.
    Vnni512,
    /// AVX2 with AVX-VNNI.
    Vnni256,
    /// AVX2 and FMA.
    Avx2,
    /// No intrinsics: any machine.
    Portable,
}

impl Isa {
    /// All, the fastest first.
    pub const ALL: [Self; 5] = [
        Self::Amx,
        Self::Vnni512,
        Self::Vnni256,
        Self::Avx2,
        Self::Portable,
    ];

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            match self {
                Self::Amx => Self::Vnni512.is_available() && super::amx::is_permitted(),
                Self::Vnni512 => {
                    let wide = has!("avx512f") && has!("avx512bw") && has!("avx512vl");
                    avx2 && wide && has!("avx512dq") && has!("avx512vnni")
                }
                Self::Vnni256 => avx2 && has!("avxvnni"),
                Self::Avx2 => avx2,
                Self::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    /// Those of this machine, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The fastest of this machine, or from the one on that the environment variable `FAIRBIT_ISA` names
    /// (`avx2` leaves out VNNI, `vnni512` AMX). Decided once per process.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wish = std::env::var("FAIRBIT_ISA").unwrap_or_default();
            Self::best_from(&wish)
        })
    }

    /// The fastest from the one named `wish` on; of all, where none is named so.
    fn best_from(wish: &str) -> Self {
        let from = Self::ALL.into_iter().find(|isa| isa.name() == wish);
        let from = from.unwrap_or(Self::ALL[0]);
        let mut rest = Self::available().filter(|&isa| isa >= from);
        rest.next().unwrap_or(Self::Portable)
    }

    /// As in `FAIRBIT_ISA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Vnni512 => "vnni512",
            Self::Vnni256 => "vnni256",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Output channels of a register tile, hence of a panel of weights.
    pub(super) fn columns(self) -> usize {
        match self {
            Self::Amx | Self::Vnni512 => 32,
            _ => 16,
        }
    }
}

/// Plain code that is to be compiled once per instruction set. `run` has to be `#[inline(always)]`, or
/// it stays portable.
pub(super) trait Work {
    type Output;
    fn run(self) -> Self::Output;
}

impl Isa {
    /// Runs `work` compiled for this instruction set.
    ///
    /// # Panics
    /// If the machine does not have it.
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")]
            fn wide<W: Work>(work: W) -> W::Output {
                work.run()
            }
            #[target_feature(enable = "avx2,fma")]
            fn middle<W: Work>(work: W) -> W::Output {
                work.run()
            }
            assert!(self.is_available(), "{} on this machine", self.name());
            match self {
                // SAFETY: just tested.
                Self::Amx | Self::Vnni512 => return unsafe { wide(work) },
                // SAFETY: just tested.
                Self::Vnni256 | Self::Avx2 => return unsafe { middle(work) },
                Self::Portable => {}
            }
        }
        work.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_kernel_is_always_there_and_last() {
        assert_eq!(Isa::available().last(), Some(Isa::Portable));
        assert!(Isa::best().is_available());
    }

    #[test]
    fn a_wish_leaves_out_what_is_faster() {
        for isa in Isa::available() {
            assert_eq!(Isa::best_from(isa.name()), isa);
        }
        assert_eq!(Some(Isa::best_from("")), Isa::available().next());
    }
}
