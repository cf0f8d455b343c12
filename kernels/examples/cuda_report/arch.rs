//! The architectures, their limits and the occupancy that follows from them.
//!
//! Numbers: CUDA C++ Programming Guide 12.9, table "Technical Specifications per Compute Capability".

/// Limits of one compute capability.
pub struct Arch {
    /// Compute capability × 10.
    pub sm: u32,
    /// As compilers call it, and as cubecl asks for it.
    pub name: &'static str,
    /// Warps that a multiprocessor holds.
    pub warps: u32,
    /// Blocks that a multiprocessor holds.
    pub blocks: u32,
    /// Bytes of shared memory of a multiprocessor.
    pub shared: u32,
    /// Bytes of shared memory that a block may ask for.
    pub shared_block: u32,
}

/// A100; RTX 30 and A10; RTX 40 and L4; H100.
pub const ARCHS: [Arch; 4] = [
    arch(80, "sm_80", 64, 32, 164),
    arch(86, "sm_86", 48, 16, 100),
    arch(89, "sm_89", 48, 24, 100),
    // From 9.0 on, cubecl compiles for the architecture-specific target.
    arch(90, "sm_90a", 64, 32, 228),
];

/// Threads of a warp.
const WARP: u32 = 32;
/// Registers of a multiprocessor.
const REGISTERS: u32 = 65536;
/// Registers are given to warps in units of this many.
const REGISTER_UNIT: u32 = 256;
/// Warps get registers in groups of this many, one for each part of a multiprocessor.
const WARP_UNIT: u32 = 4;
/// Bytes of shared memory that the system takes from each block.
const SHARED_SYSTEM: u32 = 1024;
/// Shared memory is given to blocks in units of this many bytes.
const SHARED_UNIT: u32 = 128;

const fn arch(sm: u32, name: &'static str, warps: u32, blocks: u32, shared_kib: u32) -> Arch {
    Arch {
        sm,
        name,
        warps,
        blocks,
        shared: shared_kib * 1024,
        shared_block: shared_kib * 1024 - SHARED_SYSTEM,
    }
}

/// How full a multiprocessor gets.
#[derive(Debug, PartialEq)]
pub struct Occupancy {
    /// Resident warps of those it could hold, 0 to 1.
    pub fraction: f64,
    /// What keeps it from being larger.
    pub limit: &'static str,
}

impl Arch {
    /// Occupancy of blocks of `threads` with these `registers` a thread and bytes of `shared` memory.
    pub fn occupancy(&self, threads: u32, registers: u32, shared: u32) -> Occupancy {
        let warps = threads.div_ceil(WARP);
        let for_warp = (registers * WARP).next_multiple_of(REGISTER_UNIT).max(1);
        let by_registers = REGISTERS / for_warp / WARP_UNIT * WARP_UNIT / warps;
        let by_shared = self.shared / (shared + SHARED_SYSTEM).next_multiple_of(SHARED_UNIT);
        let limits = [
            (self.warps / warps, "warps"),
            (self.blocks, "blocks"),
            (by_registers, "registers"),
            (by_shared, "shared memory"),
        ];
        // The first of equals: more registers would not help a kernel that has all warps.
        let (blocks, limit) = limits.into_iter().min_by_key(|l| l.0).unwrap_or_default();
        Occupancy {
            fraction: f64::from(blocks * warps) / f64::from(self.warps),
            limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(arch: usize, threads: u32, registers: u32, shared: u32) -> (u32, &'static str) {
        let found = ARCHS[arch].occupancy(threads, registers, shared);
        ((100.0 * found.fraction).round() as u32, found.limit)
    }

    /// By hand from the limits.
    #[test]
    fn occupancy_follows_the_scarcest() {
        assert_eq!(percent(0, 256, 32, 0), (100, "warps"));
        // 65536 / (32 × 64) = 32 of 64 warps; of 48 on 8.6.
        assert_eq!(percent(0, 256, 64, 0), (50, "registers"));
        assert_eq!(percent(1, 256, 64, 0), (67, "registers"));
        // One warp a block: as many as there may be blocks.
        assert_eq!(percent(0, 32, 16, 0), (50, "blocks"));
        assert_eq!(percent(1, 32, 16, 0), (33, "blocks"));
        // 164 / (40 + 1) = 4 blocks of 8 warps.
        assert_eq!(percent(0, 256, 32, 40 * 1024), (50, "shared memory"));
        assert_eq!(percent(3, 256, 32, 227 * 1024), (13, "shared memory"));
    }

    #[test]
    fn registers_are_rounded_up() {
        // 65 × 32 is given as 2304: 28 warps.
        assert_eq!(percent(0, 128, 65, 0), (44, "registers"));
    }

    #[test]
    fn what_does_not_fit_has_none() {
        assert_eq!(percent(1, 256, 32, 101 * 1024), (0, "shared memory"));
    }
}
