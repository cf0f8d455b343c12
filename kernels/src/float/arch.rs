//! Which vectors the float loops use.

use std::sync::OnceLock;

use pulp::Arch;

/// The widest of this processor, or narrower ones where the environment variable `FAIRBIT_ISA` (see
/// [`Isa`](crate::cpu::Isa)) names an instruction set without AVX-512. Read once.
pub(super) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| match std::env::var("FAIRBIT_ISA").as_deref() {
        Ok("portable") => Arch::Scalar,
        #[cfg(target_arch = "x86_64")]
        Ok("avx2" | "vnni256") => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
        _ => Arch::new(),
    })
}
