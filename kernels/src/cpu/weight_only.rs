//! Products of float activations with packed weights: a weight's code becomes a float in a register, and
//! the scale multiplies the sum of a segment, so that no weight is ever stored as a float.
//!
//! Sums of K products in `f32`, fused or not: the error is at most (K + 4) · 2⁻²⁴ · Σ |w · x|, which
//! the tests hold it to.

use super::finish::Finish;
use super::isa::Isa;
use super::product::{Job, Scratch, Sink, Stored, Sums};

/// Name of the kernel, as the run record lists it.
pub(super) fn name(isa: Isa, bits: u32) -> &'static str {
    match (isa, bits) {
        (Isa::Amx | Isa::Vnni512, 8) => "gemm-w8f32-avx512",
        (Isa::Amx | Isa::Vnni512, _) => "gemm-w4f32-avx512",
        (Isa::Vnni256 | Isa::Avx2, 8) => "gemm-w8f32-avx2",
        (Isa::Vnni256 | Isa::Avx2, _) => "gemm-w4f32-avx2",
        (Isa::Portable, 8) => "gemm-w8f32-portable",
        (Isa::Portable, _) => "gemm-w4f32-portable",
    }
}

/// Computes a product.
pub(super) fn run(job: &Job<f32>) -> Stored {
    match job.isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Amx | Isa::Vnni512 => job.run(8, |rows, sink, scratch| {
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")]
            fn inside(job: &Job<f32>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
                block::<8, 32>(job, rows, sink, scratch, f32::mul_add);
            }
            // SAFETY: a job has an instruction set only if `Isa::is_available`, which tests these.
            unsafe { inside(job, rows, sink, scratch) }
        }),
        #[cfg(target_arch = "x86_64")]
        Isa::Vnni256 | Isa::Avx2 => job.run(6, |rows, sink, scratch| {
            #[target_feature(enable = "avx2,fma")]
            fn inside(job: &Job<f32>, rows: [usize; 2], sink: Sink, scratch: &mut Scratch) {
                block::<6, 16>(job, rows, sink, scratch, f32::mul_add);
            }
            // SAFETY: as above.
            unsafe { inside(job, rows, sink, scratch) }
        }),
        _ => job.run(4, |rows, sink, scratch| {
            block::<4, 16>(job, rows, sink, scratch, |a, b, c| a * b + c);
        }),
    }
}

#[inline(always)]
fn block<const MR: usize, const NR: usize>(
    job: &Job<f32>,
    [first, count]: [usize; 2],
    mut sink: Sink,
    scratch: &mut Scratch,
    mul_add: impl Fn(f32, f32, f32) -> f32,
) {
    let Scratch {
        floats,
        panel,
        starts,
        ..
    } = scratch;
    let bias = job.panels.bias as f32;
    for group in 0..job.groups {
        let acts = job
            .rows
            .block([first, count], group, |_| 0.0, floats, starts);
        for p in 0..job.panels.per_group {
            let index = group * job.panels.per_group + p;
            let weights = job.panels.bytes(index, panel);
            job.panel::<_, _, MR, NR>(
                [group, p],
                &acts,
                &mut sink,
                |rows, before, acc| {
                    let weights = &weights[before * NR..][..rows[0].len() * NR];
                    for (k, weights) in weights.chunks_exact(NR).enumerate() {
                        let mut line = [0.0; NR];
                        for j in 0..NR {
                            line[j] = f32::from(weights[j]) - bias;
                        }
                        for (acc, row) in acc.iter_mut().zip(rows) {
                            for j in 0..NR {
                                acc[j] = mul_add(row[k], line[j], acc[j]);
                            }
                        }
                    }
                },
                Floats(job.finish),
            );
        }
    }
}

/// Scaling of sums of floats.
struct Floats<'a>(&'a Finish);

impl Sums<f32> for Floats<'_> {
    #[inline(always)]
    fn scale<const NR: usize>(&self, place: [usize; 2], _: usize, sums: &[f32; NR]) -> [f32; NR] {
        self.0.scale_floats(place, sums)
    }
}
