//! Tiles of AMX: 16 rows of 64 bytes each. `tdpbssd` adds, to 16 × 16 sums of 32 bits, the products of 16
//! rows of up to 64 signed codes with 16 channels of as many signed weights.
//!
//! ```text
//!                           tmm6: 16 channels × chunk k   tmm7: the next 16 channels
//!   tmm4: 16 rows × chunk k   tmm0                          tmm1
//!   tmm5: 16 rows × chunk k   tmm2                          tmm3
//! ```
//!
//! A chunk is as many k as one tile takes, the same for a whole layer: panels of order `Tiles` fill each
//! run of k up to whole chunks with weights 0, so that it does not matter what the rows hold there.
//!
//! Rust has no intrinsics for these instructions, hence assembly. A thread configures its tiles for a
//! block of rows and releases them after it (50 ns both): while they are in use, every change of threads
//! has to save 8 KiB of them.

use std::arch::asm;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;

/// Bytes of a tile's row.
pub(super) const WIDTH: usize = 64;

/// Channels of a product, those of a panel.
pub(super) const COLUMNS: usize = 32;

/// Whether the processor has AMX for bytes and the system lets this process use it: asked once, because
/// Linux wants to be asked before the first tile.
pub(super) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| has_tiles() && ask())
}

fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    // `amx-tile` and `amx-int8`.
    let wanted = 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & wanted == wanted
}

#[cfg(target_os = "linux")]
fn ask() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    // SAFETY: asks for a permission; no memory is passed.
    unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        ) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}

/// Tiles of this thread for chunks of some k; released when dropped.
pub(super) struct Tiles {
    chunk: usize,
    /// Tiles stay with their thread.
    thread: PhantomData<*const ()>,
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles {
    /// # Safety
    /// [`is_permitted`], and no other tiles of this thread.
    pub unsafe fn new(chunk: usize) -> Self {
        assert!(chunk.is_multiple_of(4) && (4..=WIDTH).contains(&chunk));
        let mut config = Config {
            palette: 1,
            start: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        let (full, a, b) = (WIDTH as u16, chunk as u16, (chunk / 4) as u8);
        config.row_bytes[..8].copy_from_slice(&[full, full, full, full, a, a, full, full]);
        config.rows[..8].copy_from_slice(&[16, 16, 16, 16, 16, 16, b, b]);
        // SAFETY: a valid configuration of palette 1; the caller vouches for the permission.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly, preserves_flags));
        }
        Self {
            chunk,
            thread: PhantomData,
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the tiles are there, and nobody uses them any more.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }
}

/// Sums of 32 rows × 32 channels.
#[repr(C, align(64))]
pub(super) struct Sums(pub [[i32; COLUMNS]; 2 * ROWS]);

/// Sixteen rows: row i is at i · `stride`, each `runs` runs, one every `step` bytes.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub data: &'a [i8],
    pub stride: usize,
    pub step: usize,
}

/// The k of a product: in each of `runs` runs `chunks` chunks from byte `start` on.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    pub start: usize,
    pub runs: usize,
    pub chunks: usize,
}

/// Bytes of a panel from one quad of k to the next, and of the sums from one row to the next.
const LINE: usize = 4 * COLUMNS;

/// What the loop of [`Tiles::multiply`] has no register for.
#[repr(C)]
struct Rest {
    chunks: usize,
    skip: [usize; 2],
    sums: *mut i32,
}

impl Tiles {
    /// The products of twice 16 rows with a panel's weights, which begin with the first chunk.
    ///
    /// # Panics
    /// If rows or weights are too short.
    #[inline]
    pub fn multiply(&self, rows: [&Rows; 2], depth: Depth, weights: &[u8], sums: &mut Sums) {
        let Depth {
            start,
            runs,
            chunks,
        } = depth;
        let run = chunks * self.chunk;
        assert!(chunks > 0 && runs > 0 && weights.len() >= runs * run * COLUMNS);
        for rows in rows {
            let last = (ROWS - 1) * rows.stride + (runs - 1) * rows.step;
            assert!(last + start + run <= rows.data.len());
        }
        let rest = Rest {
            chunks,
            skip: rows.map(|rows| rows.step.wrapping_sub(run)),
            sums: sums.0.as_mut_ptr().cast(),
        };
        // SAFETY: `Tiles` shows that the tiles are configured as the text above says. Reads stay within
        // rows and weights by the assertions, the results fill the sums, and nothing else is written.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "mov {k}, [{rest}]",
                "3:",
                "tileloadd tmm6, [{b} + {line}]",
                "tileloadd tmm4, [{a0} + {stride0}]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {line} + 64]",
                "tdpbssd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a1} + {stride1}]",
                "tdpbssd tmm2, tmm5, tmm6",
                "tdpbssd tmm3, tmm5, tmm7",
                "add {a0}, {chunk}",
                "add {a1}, {chunk}",
                "add {b}, {weights}",
                "dec {k}",
                "jnz 3b",
                "add {a0}, [{rest} + 8]",
                "add {a1}, [{rest} + 16]",
                "dec {runs}",
                "jnz 2b",
                "mov {k}, [{rest} + 24]",
                "tilestored [{k} + {line}], tmm0",
                "tilestored [{k} + {line} + 64], tmm1",
                "add {k}, {half}",
                "tilestored [{k} + {line}], tmm2",
                "tilestored [{k} + {line} + 64], tmm3",
                k = out(reg) _,
                rest = in(reg) &rest,
                line = in(reg) LINE,
                half = const ROWS * LINE,
                a0 = inout(reg) rows[0].data.as_ptr().add(start) => _,
                a1 = inout(reg) rows[1].data.as_ptr().add(start) => _,
                stride0 = in(reg) rows[0].stride,
                stride1 = in(reg) rows[1].stride,
                b = inout(reg) weights.as_ptr() => _,
                chunk = in(reg) self.chunk,
                weights = in(reg) self.chunk * COLUMNS,
                runs = inout(reg) runs => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
