//! One variant on one architecture: kernel → CUDA C++ → PTX → cubin → SASS, and what `ptxas` says.
//!
//! At run time the driver turns the same PTX into machine code. `ptxas` stands in for it: the same
//! compiler in the version of the toolkit, not that of the driver.

use crate::arch::Arch;
use crate::sass::Sass;
use crate::{device, nvrtc, sass};
use cubecl::Compiler;
use cubecl::prelude::*;
use cubecl_cpp::shared::{ComputeKernel, CppCompiler};
use cubecl_cpp::target::Cuda;
use fairbit_kernels::cube::catalogue::Variant;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// What became of a kernel.
pub struct Compiled {
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory of a block.
    pub shared: u32,
    /// Bytes of local memory of a thread, spills included.
    pub stack: u32,
    /// Bytes stored to and loaded from it because registers ran out.
    pub spills: u32,
    /// Its instructions.
    pub sass: Sass,
}

/// `ptxas 12.9.86`, or why there is none.
pub fn version() -> Result<String, String> {
    let text = tool(Command::new("ptxas").arg("--version"))?;
    let version = text.split(", V").nth(1).and_then(|v| v.lines().next());
    Ok(format!("ptxas {}", version.unwrap_or("of unknown version")))
}

/// Compiles and leaves every stage in `folder`.
pub fn compile(variant: &Variant, arch: &Arch, folder: &Path) -> Result<Compiled, String> {
    let file = |ending: &str| folder.join(format!("{}.{}.{ending}", variant.name, arch.name));
    let kernel = to_cpp(variant, arch)?;
    write(&file("cu"), kernel.source.as_bytes())?;
    write(&file("ptx"), &nvrtc::to_ptx(&kernel.source, arch)?)?;
    let said = tool(
        Command::new("ptxas")
            .args(["-v", "-arch", arch.name])
            .arg(file("ptx"))
            .arg("-o")
            .arg(file("cubin")),
    )?;
    let text = sass::disassemble(&file("cubin"))?;
    write(&file("sass"), text.as_bytes())?;
    let count = |label| before(&said, label);
    Ok(Compiled {
        registers: count(" registers").ok_or_else(|| format!("no registers in: {said}"))?,
        // Shared memory of a cube is one dynamic block, which ptxas does not see.
        shared: kernel.shared_memory_size as u32 + count(" bytes smem").unwrap_or(0),
        stack: count(" bytes stack frame").unwrap_or(0),
        spills: count(" bytes spill stores").unwrap_or(0)
            + count(" bytes spill loads").unwrap_or(0),
        sass: Sass::parse(&text),
    })
}

/// The CUDA C++ that would be compiled at run time.
fn to_cpp(variant: &Variant, arch: &Arch) -> Result<ComputeKernel, String> {
    let settings = KernelSettings::new(*variant.cube_dim, variant.mode, AddressType::U32);
    let properties = Arc::new(device::properties(arch));
    let target = Arc::new(device::target());
    // Assertions on comptime values panic.
    let kernel = catch_unwind(AssertUnwindSafe(|| {
        (variant.define)(settings, properties, target)
    }));
    let kernel = kernel.map_err(|_| "the kernel's expansion panicked (see above)".to_string())?;
    CppCompiler::<Cuda>::default()
        .compile(kernel, &device::options(arch))
        .map_err(|e| format!("cubecl: {e:?}"))
}

/// The largest number that stands right before `label`: there is one for each function.
fn before(text: &str, label: &str) -> Option<u32> {
    text.match_indices(label)
        .filter_map(|(at, _)| {
            let number = text[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?;
            number.parse().ok()
        })
        .max()
}

/// Everything a tool printed, or that it failed.
pub fn tool(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .map_err(|e| format!("{name} cannot be run: {e}; is CUDA's bin folder on PATH?"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&done.stdout) + &text(&done.stderr);
    if done.status.success() {
        Ok(said)
    } else {
        Err(format!("{name} failed ({}): {said}", done.status))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'w4a32' for 'sm_80'
ptxas info    : Function properties for w4a32
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Function properties for other
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 131 registers, used 1 barriers, 16 bytes cumulative stack size, 512 bytes smem
";

    #[test]
    fn numbers_of_ptxas() {
        assert_eq!(before(SAID, " registers"), Some(131));
        assert_eq!(before(SAID, " bytes smem"), Some(512));
        assert_eq!(before(SAID, " bytes stack frame"), Some(16));
        assert_eq!(before(SAID, " bytes spill stores"), Some(8));
        assert_eq!(before(SAID, " bytes spill loads"), Some(12));
        assert_eq!(before(SAID, " bytes lmem"), None);
    }
}
