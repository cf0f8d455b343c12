//! How much of the tensor cores a shape can use before memory is the limit.

use fairbit_kernels::cube::catalogue::Variant;

/// A GPU by its data sheet.
struct Gpu {
    name: &'static str,
    /// Dense INT8 operations a second.
    ops: f64,
    /// Bytes of device memory a second.
    bytes: f64,
}

/// NVIDIA A100 Tensor Core GPU data sheet (A100 40GB SXM): 624 TOPS INT8, 1,555 GB/s. NVIDIA H100
/// Tensor Core GPU data sheet (H100 SXM): 3,958 TOPS INT8 with sparsity, which is half of that without;
/// 3.35 TB/s.
const GPUS: [Gpu; 2] = [
    Gpu {
        name: "A100",
        ops: 624e12,
        bytes: 1555e9,
    },
    Gpu {
        name: "H100",
        ops: 1979e12,
        bytes: 3350e9,
    },
];

impl Gpu {
    /// Operations a second at `intensity` operations a byte (Williams, Waterman and Patterson 2009).
    fn attainable(&self, intensity: f64) -> f64 {
        self.ops.min(self.bytes * intensity)
    }
}

/// Prints every variant that names a shape.
pub fn table(variants: &[Variant]) {
    if variants.iter().all(|v| v.work.is_none()) {
        return;
    }
    let heads = GPUS.map(|g| format!("{} TOPS | of its peak", g.name));
    println!(
        "\n| kernel | shape | GOP | MB | OP/B | {} |",
        heads.join(" | ")
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for variant in variants {
        let Some(work) = &variant.work else { continue };
        let intensity = work.ops / work.bytes;
        let cells = GPUS.map(|gpu| {
            let ops = gpu.attainable(intensity);
            format!("{:.0} | {:.0} %", ops / 1e12, 100.0 * ops / gpu.ops)
        });
        println!(
            "| {} | {} | {:.3} | {:.2} | {intensity:.0} | {} |",
            variant.name,
            work.shape,
            work.ops / 1e9,
            work.bytes / 1e6,
            cells.join(" | ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ridge of the A100 is at 624e12 / 1555e9 = 401 operations a byte.
    #[test]
    fn memory_limits_up_to_the_ridge() {
        assert_eq!(GPUS[0].attainable(100.0), 155.5e12);
        assert_eq!(GPUS[0].attainable(402.0), 624e12);
    }
}
