//! How the process keeps its memory.
//!
//! Training allocates the same tens of megabytes at every step. glibc hands such blocks back to the
//! system as soon as they are freed, and each new one then costs a page fault per 4 KiB and an interrupt on
//! every core: measured on ResNet50's last stage, 30 ms instead of 3 for one gradient of weights.

/// Keeps freed memory in the process instead of handing it back. To be called once, first of all; does
/// nothing where the C library is not glibc.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // Blocks grow the heap in steps of this many bytes.
        const STEP: libc::c_int = 64 << 20;
        // SAFETY: sets parameters of the allocator; no other thread is running yet.
        unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
            libc::mallopt(libc::M_TOP_PAD, STEP);
        }
    }
}
