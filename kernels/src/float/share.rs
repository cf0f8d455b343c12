//! Parallel writes to disjoint parts of one slice.

use std::marker::PhantomData;

/// A mutable slice that several threads write to, each its own part.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: access goes through `part`, whose caller keeps the parts of different threads apart.
unsafe impl Send for Shared<'_> {}
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            life: PhantomData,
        }
    }

    /// `len` elements from `from` on.
    ///
    /// # Safety
    /// No other part in use at the same time overlaps this one.
    ///
    /// # Panics
    /// Beyond the slice.
    #[inline(always)]
    pub unsafe fn part(&self, from: usize, len: usize) -> &'a mut [f32] {
        assert!(
            from <= self.len && len <= self.len - from,
            "beyond the slice"
        );
        // SAFETY: inside the slice; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
