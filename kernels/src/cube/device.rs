//! A device as the kernels see it: buffers of 4-byte numbers and what it can do.

use cubecl::client::Client;
use cubecl::ir::{ElemType, IntKind};
use cubecl::prelude::*;
use cubecl::server::Handle;

use super::select::Ability;
use super::tiled::Inner;

/// Numbers of 4 bytes on a device.
#[derive(Debug, Clone)]
pub struct Buffer {
    /// Where they are.
    pub handle: Handle,
    /// How many.
    pub len: usize,
}

impl Buffer {
    /// Room for `len` numbers; a device has no buffers of none.
    pub fn empty(client: &Client, len: usize) -> Self {
        Self {
            handle: client.empty(4 * len.max(1)),
            len,
        }
    }

    /// A copy of `words`.
    pub fn words(client: &Client, words: &[u32]) -> Self {
        Self::bytes(client, bytemuck::cast_slice(words), words.len())
    }

    /// A copy of `floats`.
    pub fn floats(client: &Client, floats: &[f32]) -> Self {
        Self::bytes(client, bytemuck::cast_slice(floats), floats.len())
    }

    /// A copy of `ints`.
    pub fn ints(client: &Client, ints: &[i32]) -> Self {
        Self::bytes(client, bytemuck::cast_slice(ints), ints.len())
    }

    fn bytes(client: &Client, bytes: &[u8], len: usize) -> Self {
        if len == 0 {
            return Self::empty(client, 0);
        }
        Self {
            handle: client.create_from_slice(bytes),
            len,
        }
    }

    /// Its words on the host.
    pub fn to_words(&self, client: &Client) -> Vec<u32> {
        let bytes = client.read_one_unchecked(self.handle.clone());
        u32::from_bytes(&bytes)[..self.len].to_vec()
    }

    /// Its floats on the host.
    pub fn to_floats(&self, client: &Client) -> Vec<f32> {
        let bytes = client.read_one_unchecked(self.handle.clone());
        f32::from_bytes(&bytes)[..self.len].to_vec()
    }

    /// As an argument of vectors of `width` numbers.
    pub(super) fn arg(&self, width: usize) -> BufferArg {
        // SAFETY: the handle has room for `len` numbers of 4 bytes.
        unsafe { BufferArg::from_raw_parts(self.handle.clone(), (self.len / width).max(1)) }
    }
}

/// What the device of `client` has.
pub fn ability(client: &Client) -> Ability {
    let properties = client.properties();
    let bytes = ElemType::Int(IntKind::I8);
    let mma = properties.features.matmul.mma.iter().any(|mma| {
        mma.a_type == bytes && mma.b_type == bytes && [mma.m, mma.n, mma.k] == [16, 8, 32]
    });
    // The instruction is given as PTX, which other devices do not read.
    let inner = if mma && client.name() == "cuda" {
        Inner::Mma
    } else {
        Inner::Dp4a
    };
    let processors = properties
        .hardware
        .num_streaming_multiprocessors
        .unwrap_or(16) as usize;
    Ability { inner, processors }
}

/// Most cubes along one axis that every device takes.
const AXIS: usize = 65_535;

/// Cubes of `units` for `work` units of work, counted across both axes.
pub(super) fn cubes(work: usize, units: u32) -> CubeCount {
    let cubes = work.div_ceil(units as usize).max(1);
    let down = cubes.div_ceil(AXIS);
    CubeCount::Static(cubes.div_ceil(down) as u32, down as u32, 1)
}

/// A number that kernels count with.
///
/// # Panics
/// Beyond 32 bits: a tensor of more than 4 Gi numbers.
pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).expect("kernels count with 32 bits")
}
