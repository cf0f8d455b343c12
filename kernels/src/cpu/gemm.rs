//! Products of codes with codes: picks the instruction set and turns register tiles into scaled sums.
//! The tiles themselves are in [`super::avx2`], [`super::vnni`] and [`super::portable`].

use super::isa::Isa;
use super::panels::Order;
use super::portable;
use super::product::{Job, Scratch, Sink, Stored};
#[cfg(target_arch = "x86_64")]
use super::{avx2, vnni};

/// How weights of `bits` bits lie for `isa`.
pub(super) fn order(isa: Isa, bits: u32) -> Order {
    match (isa, bits) {
        (Isa::Avx2, 8) => Order::Pairs,
        _ => Order::Quads,
    }
}

/// Name of the kernel, as the run record lists it.
pub(super) fn name(isa: Isa, bits: u32) -> &'static str {
    match (isa, bits) {
        (Isa::Vnni512, 8) => "gemm-w8a8-vnni512",
        (Isa::Vnni512, _) => "gemm-w4a8-vnni512",
        (Isa::Vnni256, 8) => "gemm-w8a8-vnni256",
        (Isa::Vnni256, _) => "gemm-w4a8-vnni256",
        (Isa::Avx2, 8) => "gemm-w8a8-avx2",
        (Isa::Avx2, _) => "gemm-w4a8-avx2",
        (Isa::Portable, 8) => "gemm-w8a8-portable",
        (Isa::Portable, _) => "gemm-w4a8-portable",
    }
}

/// Computes a product.
pub(super) fn run(job: &Job<i8>) -> Stored {
    match job.isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Vnni512 => job.run(8, |rows, sink, scratch| {
            vnni::block512(job, rows, sink, scratch)
        }),
        #[cfg(target_arch = "x86_64")]
        Isa::Vnni256 => job.run(6, |rows, sink, scratch| {
            vnni::block256(job, rows, sink, scratch)
        }),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => job.run(6, |rows, sink, scratch| {
            avx2::block(job, rows, sink, scratch)
        }),
        _ => job.run(4, |rows, sink, scratch| {
            portable::block(job, rows, sink, scratch)
        }),
    }
}

/// A block of rows by tiles over quads: `tile` adds the products of biased weights and signed codes.
#[inline(always)]
pub(super) fn quads<const MR: usize, const NR: usize>(
    job: &Job<i8>,
    [first, count]: [usize; 2],
    mut sink: Sink,
    scratch: &mut Scratch,
    tile: impl Fn(&[&[i8]; MR], &[u8], &mut [[i32; NR]; MR]),
) {
    let Scratch {
        rows, panel, sums, ..
    } = scratch;
    for group in 0..job.groups {
        let pad = |image: usize| job.pad(image);
        let (acts, stride) = job.rows.block([first, count], group, pad, rows);
        sums.clear();
        for segment in &job.panels.segments {
            let all = (0..count).map(|r| &acts[r * stride + segment.start..][..segment.len]);
            let sum = |row: &[i8]| row.iter().map(|&code| i32::from(code)).sum::<i32>();
            sums.extend(all.map(|row| sum(row).wrapping_mul(job.panels.bias)));
        }
        for p in 0..job.panels.per_group {
            let index = group * job.panels.per_group + p;
            let weights = job.panels.bytes(index, panel);
            let acts = (acts, stride);
            job.panel([group, p], [first, count], acts, &mut sink, |at, y| {
                let weights = &weights[at.before * NR..][..at.rows[0].len() * NR];
                let mut acc = [[0; NR]; MR];
                tile(&at.rows, weights, &mut acc);
                for r in 0..MR {
                    let offset = sums[at.segment * count + at.index[r]];
                    let quant = job.quant(at.first + at.index[r]);
                    let place = [at.segment, at.column];
                    job.finish.add(place, &acc[r], offset, quant, &mut y[r]);
                }
            });
        }
    }
}

/// A block of rows by tiles over pairs: `tile` adds the products of 16-bit codes.
#[inline(always)]
pub(super) fn pairs<const MR: usize, const NR: usize>(
    job: &Job<i8>,
    [first, count]: [usize; 2],
    mut sink: Sink,
    scratch: &mut Scratch,
    tile: impl Fn(&[&[i16]; MR], &[i16], &mut [[i32; NR]; MR]),
) {
    for group in 0..job.groups {
        let pad = |image: usize| job.pad(image);
        let block = job
            .rows
            .block([first, count], group, pad, &mut scratch.rows);
        let (acts, stride) = block;
        scratch.wide.clear();
        scratch
            .wide
            .extend(acts.iter().map(|&code| i16::from(code)));
        let acts = (&scratch.wide[..], stride);
        for p in 0..job.panels.per_group {
            let weights = job.panels.pairs(group * job.panels.per_group + p);
            job.panel([group, p], [first, count], acts, &mut sink, |at, y| {
                let weights = &weights[at.before * NR..][..at.rows[0].len() * NR];
                let mut acc = [[0; NR]; MR];
                tile(&at.rows, weights, &mut acc);
                for r in 0..MR {
                    let quant = job.quant(at.first + at.index[r]);
                    let place = [at.segment, at.column];
                    job.finish.add(place, &acc[r], 0, quant, &mut y[r]);
                }
            });
        }
    }
}

impl Job<'_, i8> {
    /// Code of the padding of image `image`.
    #[inline(always)]
    fn pad(&self, image: usize) -> i8 {
        match self.quants {
            [one] => one.zero() as i8,
            many => many[image].zero() as i8,
        }
    }
}
