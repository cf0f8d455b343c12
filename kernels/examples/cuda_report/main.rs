//! What NVIDIA's compilers make of every kernel of the catalogue, on a machine without a GPU.
//!
//! `cargo run --release -p fairbit-kernels --no-default-features --features nvrtc --example cuda_report
//! -- FOLDER [part of a name]` compiles each variant for each architecture as the CUDA runtime would,
//! leaves source, PTX, cubin and SASS in FOLDER, and prints registers, shared memory, spills, occupancy
//! and instructions, then the roofline that the named shapes allow. It fails when a variant does not
//! compile, spills, uses local memory, asks for more shared memory than there is, lacks an instruction
//! that it is written for or has one that it must not have. `scripts/cuda-wheels.sh` provides the
//! compilers; an installed CUDA toolkit does as well.

mod arch;
mod compile;
mod device;
mod nvrtc;
mod report;
mod roofline;
mod sass;

use arch::{ARCHS, Arch};
use fairbit_kernels::cube::catalogue::{self, Variant};
use rayon::prelude::*;
use report::Row;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(folder) = args.next().map(PathBuf::from) else {
        eprintln!("usage: cuda_report FOLDER [part of a name]");
        return ExitCode::FAILURE;
    };
    let only = args.next().unwrap_or_default();
    if let Err(why) = prepare(&folder) {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    let mut variants = catalogue::all();
    variants.retain(|v| v.name.contains(&only));
    let rows = compile_all(&variants, &folder);
    report::table(&rows);
    roofline::table(&variants);
    verdict(&variants, &rows)
}

/// Makes the folder and looks for the compilers.
fn prepare(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder)
        .map_err(|e| format!("{}: cannot make the folder: {e}", folder.display()))?;
    let tools = [nvrtc::version()?, sass::version()?, compile::version()?];
    println!("{}\n", tools.join(", "));
    Ok(())
}

/// Every variant on every architecture, on all cores.
fn compile_all<'a>(variants: &'a [Variant], folder: &Path) -> Vec<Row<'a>> {
    let jobs: Vec<(&Variant, &Arch)> = variants
        .iter()
        .flat_map(|v| ARCHS.iter().map(move |arch| (v, arch)))
        .collect();
    jobs.into_par_iter()
        .map(|(variant, arch)| Row {
            variant,
            arch,
            outcome: compile::compile(variant, arch, folder),
        })
        .collect()
}

/// Lists what is wrong.
fn verdict(variants: &[Variant], rows: &[Row]) -> ExitCode {
    let faults: Vec<String> = rows.iter().flat_map(Row::faults).collect();
    println!();
    for fault in &faults {
        println!("FAIL {fault}");
    }
    println!(
        "{} variants on {} architectures, {} faults",
        variants.len(),
        ARCHS.len(),
        faults.len()
    );
    // An empty catalogue, or a name that fits nothing, has checked nothing.
    if faults.is_empty() && !rows.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
