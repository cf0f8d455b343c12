//! Products of codes with codes: picks the instruction set and turns register tiles into scaled sums.
//! The tiles themselves are in [`super::avx2`], [`super::vnni`] and [`super::portable`].

use super::finish::Scaled;
use super::isa::Isa;
use super::panels::Order;
use super::portable;
use super::product::{Job, Scratch, Sink, Stored, Sums};
use super::rows::Block;
#[cfg(target_arch = "x86_64")]
use super::{avx2, tiles, vnni};

/// How weights of `bits` bits lie for `isa`.
pub(super) fn order(isa: Isa, bits: u32) -> Order {
    match (isa, bits) {
        (Isa::Amx, _) => Order::Tiles,
        (Isa::Avx2, 8) => Order::Pairs,
        _ => Order::Quads,
    }
}

/// Name of the kernel, as the run record lists it.
pub(super) fn name(isa: Isa, bits: u32) -> &'static str {
    match (isa, bits) {
        (Isa::Amx, 8) => "gemm-w8a8-amx",
        (Isa::Amx, _) => "gemm-w4a8-amx",
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
        Isa::Amx => job.run(16, |rows, sink, scratch| {
            tiles::block(job, rows, sink, scratch)
        }),
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
        rows,
        panel,
        sums: offsets,
        starts,
        ..
    } = scratch;
    for group in 0..job.groups {
        let pad = |image: usize| job.pad(image);
        let acts = job.rows.block([first, count], group, pad, rows, starts);
        offsets.clear();
        for segment in &job.panels.segments {
            let len = segment.len / acts.runs;
            let sum = |row: &[i8]| row.iter().map(|&code| i32::from(code)).sum::<i32>();
            for row in 0..count {
                let runs = (0..acts.runs).map(|run| sum(acts.run(row, run, segment.start, len)));
                offsets.push(runs.sum::<i32>().wrapping_mul(job.panels.bias));
            }
        }
        for p in 0..job.panels.per_group {
            let index = group * job.panels.per_group + p;
            let weights = job.panels.bytes(index, panel);
            job.panel::<_, _, MR, NR>(
                [group, p],
                &acts,
                &mut sink,
                |rows, before, acc| {
                    let weights = &weights[before * NR..][..rows[0].len() * NR];
                    tile(rows, weights, acc);
                },
                Codes {
                    job,
                    first,
                    count,
                    offsets,
                },
            );
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
    let Scratch {
        rows, wide, starts, ..
    } = scratch;
    let depth = job.panels.segments.last().map_or(0, |s| s.start + s.len);
    for group in 0..job.groups {
        let pad = |image: usize| job.pad(image);
        let acts = job.rows.block([first, count], group, pad, rows, starts);
        wide.clear();
        for row in 0..count {
            let row = acts.run(row, 0, 0, depth);
            wide.extend(row.iter().map(|&code| i16::from(code)));
        }
        starts.clear();
        starts.extend((0..count).map(|row| row * depth));
        let acts = Block {
            data: wide,
            starts,
            runs: 1,
            step: 0,
        };
        for p in 0..job.panels.per_group {
            let weights = job.panels.pairs(group * job.panels.per_group + p);
            job.panel::<_, _, MR, NR>(
                [group, p],
                &acts,
                &mut sink,
                |rows, before, acc| {
                    let weights = &weights[before * NR..][..rows[0].len() * NR];
                    tile(rows, weights, acc);
                },
                Codes {
                    job,
                    first,
                    count,
                    offsets: &[],
                },
            );
        }
    }
}

/// Scaling of sums of codes.
pub(super) struct Codes<'a> {
    pub job: &'a Job<'a, i8>,
    pub first: usize,
    pub count: usize,
    /// What the weights' bias added to each sum, `[segments, count]`; empty without a bias.
    pub offsets: &'a [i32],
}

impl<'a> Codes<'a> {
    /// Sums of rows of the block from `row` on in parts, each with what its rows are scaled with.
    #[cfg(target_arch = "x86_64")]
    pub fn alike<'s, T>(
        &self,
        row: usize,
        sums: &'s [T],
    ) -> impl Iterator<Item = (&'a Scaled, &'s [T])> {
        let (job, mut row, mut rest) = (self.job, self.first + row, sums);
        std::iter::from_fn(move || {
            let left = match job.scaled.len() {
                1 => rest.len(),
                _ => rest
                    .len()
                    .min(job.rows_per_quant - row % job.rows_per_quant),
            };
            let scaled = (left > 0).then(|| job.scaled(row))?;
            let (part, others) = rest.split_at(left);
            (row, rest) = (row + left, others);
            Some((scaled, part))
        })
    }
}

impl Sums<i32> for Codes<'_> {
    #[inline(always)]
    fn scale<const NR: usize>(&self, place: [usize; 2], row: usize, sums: &[i32; NR]) -> [f32; NR] {
        let offset = match self.offsets {
            [] => 0,
            offsets => offsets[place[0] * self.count + row],
        };
        self.job.scaled(self.first + row).scale(place, sums, offset)
    }
}

impl Job<'_, i8> {
    /// Code of the padding of image `image`.
    #[inline(always)]
    pub fn pad(&self, image: usize) -> i8 {
        match self.quants {
            [one] => one.zero() as i8,
            many => many[image].zero() as i8,
        }
    }
}

/// Where the rows of a tile begin. (`map` of an array is not inlined where instruction sets differ.)
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn starts<T, const MR: usize>(rows: &[&[T]; MR]) -> [*const T; MR] {
    let mut starts = [std::ptr::null(); MR];
    for (start, row) in starts.iter_mut().zip(rows) {
        *start = row.as_ptr();
    }
    starts
}
