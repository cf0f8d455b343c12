//! Results that tasks fill part by part, each in memory that it was the first to touch: a part is zeroed
//! while it is about to be used anyway, and by the thread that uses it.

use bytemuck::Zeroable;
use rayon::prelude::*;

/// `len` numbers in parts of `size` (the last may be shorter), each filled by `task`, given its index and
/// zeros.
pub(super) fn filled<T: Zeroable + Copy + Send>(
    len: usize,
    size: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = Vec::with_capacity(len);
    let parts = out.spare_capacity_mut()[..len].par_chunks_mut(size.max(1));
    parts.enumerate().for_each(|(index, part)| {
        for slot in &mut *part {
            slot.write(T::zeroed());
        }
        // SAFETY: every slot has just been written.
        task(index, unsafe { part.assume_init_mut() });
    });
    // SAFETY: the parts are the first `len` numbers, and each has been written.
    unsafe { out.set_len(len) };
    out
}
