//! CUDA C++ to PTX with the options that cubecl's CUDA runtime gives to NVRTC.
//!
//! Those of `cubecl_cuda::compute::context::compile_to_ptx`: the architecture, the headers and line
//! numbers. Floating point is left at NVRTC's defaults: `--fmad=true`, `--prec-div=true`,
//! `--prec-sqrt=true`, `--ftz=false`.

use crate::arch::Arch;
use cudarc::nvrtc::{result, sys};
use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;

/// `NVRTC 12.9`, or why there is none.
pub fn version() -> Result<String, String> {
    // SAFETY: tries to open the library and does nothing else.
    if !unsafe { sys::is_culib_present() } {
        return Err("NVRTC not found: expected libnvrtc.so.12 on LD_LIBRARY_PATH".into());
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is present; both pointers are valid for the call.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }
        .result()
        .map_err(|e| format!("nvrtcVersion: {e}"))?;
    Ok(format!("NVRTC {major}.{minor}"))
}

/// The options, in cubecl's order.
fn options(arch: &Arch) -> Vec<String> {
    let home = std::env::var("CUDA_PATH").unwrap_or_else(|_| "/usr/local/cuda".into());
    let include = PathBuf::from(home).join("include");
    let cccl = include.join("cccl");
    let mut options = vec![
        format!("--gpu-architecture={}", arch.name),
        format!("--include-path={}", include.display()),
        "-lineinfo".to_string(),
    ];
    if cccl.exists() {
        options.push(format!("--include-path={}", cccl.display()));
    }
    options
}

/// PTX of `source`, or NVRTC's log.
pub fn to_ptx(source: &str, arch: &Arch) -> Result<Vec<u8>, String> {
    let source = CString::new(source).map_err(|e| e.to_string())?;
    let program = result::create_program(&source, None).map_err(|e| e.to_string())?;
    // SAFETY: `program` was just created, `source` outlives it, and it is destroyed once, after its
    // last use.
    unsafe {
        let ptx = match result::compile_program(program, &options(arch)) {
            Ok(()) => result::get_ptx(program).map_err(|e| e.to_string()),
            Err(e) => Err(format!("{e}\n{}", log(program))),
        };
        let _ = result::destroy_program(program);
        ptx.map(|ptx| bytes(&ptx))
    }
}

/// # Safety
///
/// `program` must not have been destroyed.
unsafe fn log(program: sys::nvrtcProgram) -> String {
    // SAFETY: by the caller.
    match unsafe { result::get_program_log(program) } {
        Ok(log) => String::from_utf8_lossy(&bytes(&log)).into_owned(),
        Err(e) => format!("no log: {e}"),
    }
}

/// Up to the NUL that ends a C string.
fn bytes(text: &[c_char]) -> Vec<u8> {
    let text: Vec<u8> = text.iter().map(|&c| c as u8).collect();
    let text = CStr::from_bytes_until_nul(&text).map(|c| c.to_bytes().to_vec());
    text.unwrap_or_default()
}
