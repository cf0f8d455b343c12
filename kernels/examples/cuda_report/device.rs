//! A device that is not there: what cubecl's CUDA runtime would know of it, by compute capability.
//!
//! Kernels may ask for these properties while they are expanded, so they have to be what
//! `cubecl_cuda::runtime` registers; see there. Memory sizes and counts that no kernel sees are left out.

use crate::arch::Arch;
use cubecl::ir::features::{Features, Plane};
use cubecl::ir::{
    ContiguousElements, DeviceIdentity, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties, MmaProperties, OpaqueType,
};
use cubecl::prelude::cmma::MatrixLayout;
use cubecl::prelude::*;
use cubecl_cpp::cuda::arch::CudaArchitecture;
use cubecl_cpp::cuda::mma::CudaCmmaCompiler;
use cubecl_cpp::cuda::mma::manual::contiguous_elements_cuda;
use cubecl_cpp::cuda::supported_mma_combinations;
use cubecl_cpp::shared::{
    CompilationOptions, CppSupportedFeatures, register_mma_features, register_supported_types,
    register_wmma_features,
};

/// What the C++ backend may use.
pub fn options(arch: &Arch) -> CompilationOptions {
    CompilationOptions {
        warp_size: 32,
        supports_features: CppSupportedFeatures {
            grid_constants: true,
            clusters: arch.sm >= 90,
            fast_math: true,
            fast_tanh: true,
            elect_sync: arch.sm >= 90,
            dp4a: true,
        },
        ..Default::default()
    }
}

/// What a kernel may ask of the device.
pub fn properties(arch: &Arch) -> DeviceProperties {
    let mut properties = DeviceProperties::new(
        Features::default(),
        MemoryDeviceProperties::new(1 << 34, 512),
        hardware(arch),
        cubecl::profile::TimingMethod::Device,
        DeviceIdentity {
            name: arch.name.into(),
            fingerprint: format!("ptx_sm{}", arch.sm),
            physical: None,
        },
    );
    let cuda = CudaArchitecture {
        version: arch.sm,
        tensor_cores: true,
    };
    register_supported_types(&mut properties);
    properties.register_opaque_type(OpaqueType::Barrier);
    register_wmma_features(
        CudaCmmaCompiler::Cpp.supported_cmma_combinations(&cuda),
        &mut properties,
    );
    register_mma_features(supported_mma_combinations(&cuda), &mut properties);
    let features = &mut properties.features;
    for float in [FloatKind::F16, FloatKind::BF16] {
        features.matmul.ldmatrix.insert(ElemType::Float(float));
        if arch.sm >= 90 {
            features.matmul.stmatrix.insert(ElemType::Float(float));
        }
    }
    features.plane.insert(Plane::Sync);
    features.plane.insert(Plane::Ops);
    features.plane.insert(Plane::NonUniformControlFlow);
    features.copy_async = true;
    features.cube_cluster = arch.sm >= 90;
    features.memory_reinterpret = true;
    features.alignment = true;
    features.device_memory_scope = true;
    properties
}

fn hardware(arch: &Arch) -> HardwareProperties {
    HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 32,
        plane_size_max: 32,
        max_bindings: 1024,
        max_shared_memory_size: arch.shared_block as usize,
        max_cube_count: (i32::MAX as u32, 65535, 65535),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: None,
        num_tensor_cores: Some(4),
        min_tensor_cores_dim: Some(8),
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: VectorSize::MAX,
        cube_mma_reserved_shared_memory: 0,
    }
}

/// How the fragments of a matrix lie in registers.
pub fn target() -> TargetProperties {
    TargetProperties {
        mma: MmaProperties {
            register_size_bits: 32,
            const_plane_size: 32,
            register_layout_a: MatrixLayout::RowMajor,
            register_layout_b: MatrixLayout::ColMajor,
            register_layout_acc: MatrixLayout::RowMajor,
            register_duplication_a: 1,
            register_duplication_b: 1,
            register_duplication_acc: 1,
            contiguous_elements: ContiguousElements::new(contiguous_elements_cuda),
        },
    }
}
