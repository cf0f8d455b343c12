//! The table of kernels, and what is wrong with them.

use crate::arch::Arch;
use crate::compile::Compiled;
use fairbit_kernels::cube::catalogue::Variant;

/// A variant on an architecture.
pub struct Row<'a> {
    /// The kernel.
    pub variant: &'a Variant,
    /// Where it would run.
    pub arch: &'a Arch,
    /// What became of it, or why nothing did.
    pub outcome: Result<Compiled, String>,
}

impl Row<'_> {
    /// What has to be mended, a line each.
    pub fn faults(&self) -> Vec<String> {
        let faults = match &self.outcome {
            Err(why) => vec![format!("does not compile: {}", why.trim_end())],
            Ok(kernel) => self.faults_of(kernel),
        };
        let of = |fault| format!("{} {}: {fault}", self.variant.name, self.arch.name);
        faults.into_iter().map(of).collect()
    }

    fn faults_of(&self, kernel: &Compiled) -> Vec<String> {
        let mut faults = Vec::new();
        if kernel.spills > 0 {
            faults.push(format!("spills {} bytes", kernel.spills));
        }
        if kernel.stack > 0 || kernel.sass.local() > 0 {
            faults.push(format!(
                "uses local memory: {} bytes, {} instructions",
                kernel.stack,
                kernel.sass.local()
            ));
        }
        if kernel.shared > self.arch.shared_block {
            faults.push(format!(
                "needs {} bytes of shared memory; a block has {} at most",
                kernel.shared, self.arch.shared_block
            ));
        }
        let count = |name: &&&str| kernel.sass.count(name);
        let missing = self.variant.expect.iter().filter(|n| count(n) == 0);
        faults.extend(missing.map(|name| format!("has no {name}")));
        let extra = self.variant.forbid.iter().filter(|n| count(n) > 0);
        faults.extend(extra.map(|name| format!("has {name}")));
        faults
    }

    fn cells(&self, kernel: &Compiled) -> String {
        let threads = self.variant.cube_dim.num_elems();
        let occupancy = self
            .arch
            .occupancy(threads, kernel.registers, kernel.shared);
        let found = self.variant.expect.iter().map(|name| {
            let count = kernel.sass.count(name);
            format!("{count} {name}")
        });
        format!(
            "{threads} | {} | {} | {} | {} | {:.0} % ({}) | {} | {}",
            kernel.registers,
            kernel.shared,
            kernel.spills,
            kernel.stack,
            100.0 * occupancy.fraction,
            occupancy.limit,
            kernel.sass.total(),
            found.collect::<Vec<_>>().join(", ")
        )
    }
}

/// Prints every row. Instructions are those that stand in the code, however often they run.
pub fn table(rows: &[Row]) {
    println!(
        "| kernel | target | threads | registers | shared, B | spills, B | local, B | occupancy (limit) \
         | instructions | of which |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let cells = match &row.outcome {
            Ok(kernel) => row.cells(kernel),
            Err(_) => "does not compile | | | | | | |".into(),
        };
        println!("| {} | {} | {cells} |", row.variant.name, row.arch.name);
    }
}
