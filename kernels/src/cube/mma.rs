//! One product of the tensor cores: 16 × 32 codes times 32 × 8 codes, for a plane.
//!
//! ```text
//! Lane 4g + t holds, four codes a word:      a0 (row g, slot t)   a1 (row g+8, slot t)
//!                                            a2 (row g, slot t+4) a3 (row g+8, slot t+4)
//!                                            b0 (column g, slot t)  b1 (column g, slot t+4)
//! and the sums                               c0, c1 (row g, columns 2t, 2t+1)  c2, c3 (row g+8, the same)
//! ```
//!
//! PTX ISA, "Matrix fragments for mma.m16n8k32".

use cubecl::prelude::*;

use super::tiled::Inner;

/// Words of all lanes' fragments of one plane.
const FRAGMENTS: u32 = 192;

/// c + a · b.
#[cube]
pub fn mma(
    a: Vector<u32, Const<4>>,
    b: Vector<u32, Const<2>>,
    c: Vector<i32, Const<4>>,
    exchange: &mut Shared<[u32]>,
    #[comptime] inner: Inner,
) -> Vector<i32, Const<4>> {
    if comptime!(matches!(inner, Inner::EmulatedMma)) {
        emulated(a, b, c, exchange)
    } else {
        on_tensor_cores(a, b, c)
    }
}

#[cube]
fn on_tensor_cores(
    a: Vector<u32, Const<4>>,
    b: Vector<u32, Const<2>>,
    c: Vector<i32, Const<4>>,
) -> Vector<i32, Const<4>> {
    // Scalars, since a vector would be handed over as the address of one.
    let (a0, a1, a2, a3) = (
        a.extract(0usize),
        a.extract(1usize),
        a.extract(2usize),
        a.extract(3usize),
    );
    let (b0, b1) = (b.extract(0usize), b.extract(1usize));
    let (c0, c1, c2, c3) = (
        c.extract(0usize),
        c.extract(1usize),
        c.extract(2usize),
        c.extract(3usize),
    );
    let out: Vector<i32, Const<4>>;
    gpu_asm!(
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {d}, {{{a0}, {a1}, {a2}, {a3}}}, {{{b0}, {b1}}}, {{{c0}, {c1}, {c2}, {c3}}};",
        a0 = in(_) a0, a1 = in(_) a1, a2 = in(_) a2, a3 = in(_) a3, b0 = in(_) b0, b1 = in(_) b1,
        c0 = in(_) c0, c1 = in(_) c1, c2 = in(_) c2, c3 = in(_) c3, d = out(_) out, options(nomem),
    );
    out
}

/// Every lane lays its fragments open and adds up the four sums that are its own.
#[cube]
fn emulated(
    a: Vector<u32, Const<4>>,
    b: Vector<u32, Const<2>>,
    c: Vector<i32, Const<4>>,
    exchange: &mut Shared<[u32]>,
) -> Vector<i32, Const<4>> {
    let lane = UNIT_POS % 32u32;
    let first = UNIT_POS / 32u32 * FRAGMENTS;
    #[unroll]
    for i in 0..4usize {
        exchange[(first + lane * 4u32 + comptime!(i as u32)) as usize] = a.extract(i);
    }
    #[unroll]
    for i in 0..2usize {
        exchange[(first + 128u32 + lane * 2u32 + comptime!(i as u32)) as usize] = b.extract(i);
    }
    sync_cube();
    let mut sums = Vector::<i32, Const<4>>::empty();
    #[unroll]
    for o in 0..4usize {
        let row = lane / 4u32;
        let column = (lane % 4u32) * 2u32 + comptime!(o as u32 % 2);
        let mut sum = c.extract(o);
        // Not unrolled: this stands in the kernel's text once for every product.
        for slot in 0..8u32 {
            let (holder, half) = (slot % 4u32, slot / 4u32);
            let of_a = (row * 4u32 + holder) * 4u32 + comptime!(o as u32 / 2) + 2u32 * half;
            let of_b = (column * 4u32 + holder) * 2u32 + half;
            let wa = exchange[(first + of_a) as usize];
            let wb = exchange[(first + 128u32 + of_b) as usize];
            sum = dp4a(i32::reinterpret(wa), i32::reinterpret(wb), sum);
        }
        sums.insert(o, sum);
    }
    sync_cube();
    sums
}
