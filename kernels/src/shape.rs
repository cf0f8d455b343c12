//! Sizes of a convolution.

use crate::error::{KernelError, Result};

/// A two-dimensional convolution over a batch. Sizes in elements, `[height, width]` where two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Input size.
    pub input: [usize; 2],
    /// Kernel size.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Distance of kernel taps.
    pub dilation: [usize; 2],
    /// Channel groups; `c_in` in a depthwise convolution.
    pub groups: usize,
}

impl ConvShape {
    /// Refuses sizes that are zero, groups that do not divide the channels, and a kernel that reaches
    /// beyond the padded input.
    ///
    /// # Errors
    /// [`KernelError::Shape`].
    pub fn check(&self) -> Result<()> {
        let zero = self.c_in == 0 || self.c_out == 0 || self.groups == 0;
        if zero
            || self.kernel.contains(&0)
            || self.stride.contains(&0)
            || self.dilation.contains(&0)
        {
            return Err(KernelError::shape(
                "a size of the convolution",
                self,
                "no zeros",
            ));
        }
        if !(self.c_in.is_multiple_of(self.groups) && self.c_out.is_multiple_of(self.groups)) {
            let expected = format!("channels divisible by {} groups", self.groups);
            return Err(KernelError::shape(
                "channels",
                [self.c_in, self.c_out],
                expected,
            ));
        }
        for axis in 0..2 {
            let padded = self.input[axis] + 2 * self.padding[axis];
            if self.reach(axis) > padded {
                let expected = format!("at most the padded input's {padded}");
                return Err(KernelError::shape(
                    "reach of the kernel",
                    self.reach(axis),
                    expected,
                ));
            }
        }
        Ok(())
    }

    /// Input positions that the kernel spans along `axis`.
    fn reach(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    /// Output size `[height, width]`.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|a| (self.input[a] + 2 * self.padding[a] - self.reach(a)) / self.stride[a] + 1)
    }

    /// Input channels of one group.
    pub fn c_in_group(&self) -> usize {
        self.c_in / self.groups
    }

    /// Output channels of one group.
    pub fn c_out_group(&self) -> usize {
        self.c_out / self.groups
    }

    /// Products per output: kernel height × kernel width × input channels of a group.
    pub fn k(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.c_in_group()
    }

    /// One input and one output channel per group.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.c_in && self.c_out == self.c_in
    }

    /// A 1×1 kernel that reads every position once, so that the convolution is a matrix product.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0] && self.groups == 1
    }

    /// Multiplications and additions, each counted.
    pub fn ops(&self) -> u64 {
        let [h, w] = self.output();
        2 * (self.batch * h * w * self.c_out * self.k()) as u64
    }

    /// Input row or column under tap `tap` of output position `at`; `None` in the padding.
    #[inline(always)]
    pub fn source(&self, axis: usize, at: usize, tap: usize) -> Option<usize> {
        (at * self.stride[axis] + tap * self.dilation[axis])
            .checked_sub(self.padding[axis])
            .filter(|&i| i < self.input[axis])
    }
}
