//! Devices: what `--device` may say, what can run here, and what a tensor really ran on.
//!
//! Only this file and `kernels/` name a backend. GPUs are found by CubeCL's enumeration and never by
//! a first use: burn's `Device::cuda(0)` succeeds on any machine and the first operation panics.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, Tensor};

use crate::error::{Fault, Result};

/// What was asked for: `auto cpu flex ndarray cuda[:n[,n…]] wgpu[:n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceSpec {
    /// CUDA where there is a GPU, else the CPU.
    Auto,
    /// The faster CPU backend (also written `cpu`).
    Flex,
    /// The independent CPU reference.
    NdArray,
    /// CUDA devices by index; several train data-parallel.
    Cuda(Vec<usize>),
    /// The wgpu device with this index among those enumerated.
    Wgpu(usize),
}

impl FromStr for DeviceSpec {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, indices) = match text.split_once(':') {
            Some((kind, indices)) => (kind, Some(indices)),
            None => (text, None),
        };
        let unknown = || {
            Fault::plain(format!("`{text}`"))
                .key("device")
                .expected("auto, cpu, flex, ndarray, cuda[:n[,n…]] or wgpu[:n]")
                .next("`fairbit devices` lists what can run here")
                .config()
        };
        let parsed: Vec<usize> = match indices {
            None => vec![0],
            Some(list) => list
                .split(',')
                .map(|n| n.trim().parse().map_err(|_| unknown()))
                .collect::<Result<_>>()?,
        };
        match (kind, indices) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu" | "flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::NdArray),
            ("cuda", _) if distinct(&parsed) => Ok(Self::Cuda(parsed)),
            ("wgpu", _) if parsed.len() == 1 => Ok(Self::Wgpu(parsed[0])),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Flex => write!(f, "flex"),
            Self::NdArray => write!(f, "ndarray"),
            Self::Cuda(indices) => {
                let list: Vec<String> = indices.iter().map(usize::to_string).collect();
                write!(f, "cuda:{}", list.join(","))
            }
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}

fn distinct(indices: &[usize]) -> bool {
    let mut sorted = indices.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|w| w[0] != w[1])
}

/// A device that exists, as resolved from a [`DeviceSpec`].
#[derive(Debug, Clone)]
pub struct Selected {
    /// What `auto` or `cpu` came to.
    pub spec: DeviceSpec,
    /// One device, or several for data-parallel training; without autodiff.
    pub devices: Vec<Device>,
    /// Why `auto` did not take a GPU, in a build that could use one.
    pub note: Option<String>,
}

impl Selected {
    /// The device that evaluates and holds the reference model.
    pub fn main(&self) -> &Device {
        &self.devices[0]
    }

    /// Value for `BURN_DEVICE`, so that burn's own default device is this one: records are read
    /// onto the default device, which in a CUDA build is a GPU that may not be there.
    pub fn burn_device(&self) -> &'static str {
        match self.spec {
            DeviceSpec::NdArray => "ndarray",
            DeviceSpec::Cuda(_) => "cuda",
            DeviceSpec::Wgpu(_) => "wgpu",
            DeviceSpec::Auto | DeviceSpec::Flex => "flex",
        }
    }
}

/// burn ends this backend with the 0.22 line, to which `Cargo.toml` pins it: an independent second
/// implementation is worth more here than the warning.
#[allow(deprecated)]
fn ndarray() -> Device {
    Device::ndarray()
}

/// Finds the devices that `spec` asks for.
///
/// # Errors
/// Run error (exit code 1) when a GPU was asked for by name and is not there; `auto` never fails.
pub fn select(spec: &DeviceSpec) -> Result<Selected> {
    let cpu = |spec, device, note| Selected {
        spec,
        devices: vec![device],
        note,
    };
    match spec {
        DeviceSpec::Flex => Ok(cpu(DeviceSpec::Flex, Device::flex(), None)),
        DeviceSpec::NdArray => Ok(cpu(DeviceSpec::NdArray, ndarray(), None)),
        DeviceSpec::Auto => match gpu::cuda(&[0]) {
            Ok(devices) => Ok(Selected {
                spec: DeviceSpec::Cuda(vec![0]),
                devices,
                note: None,
            }),
            Err(reason) => {
                let note =
                    gpu::BUILT_FOR_CUDA.then(|| format!("{reason}; going on with the CPU (flex)"));
                Ok(cpu(DeviceSpec::Flex, Device::flex(), note))
            }
        },
        DeviceSpec::Cuda(indices) => gpu::cuda(indices)
            .map(|devices| Selected {
                spec: spec.clone(),
                devices,
                note: None,
            })
            .map_err(|reason| missing(spec, &reason)),
        DeviceSpec::Wgpu(index) => gpu::wgpu(*index)
            .map(|device| cpu(spec.clone(), device, None))
            .map_err(|reason| missing(spec, &reason)),
    }
}

fn missing(spec: &DeviceSpec, reason: &str) -> crate::error::Error {
    Fault::plain(format!("device {spec} cannot be used: {reason}"))
        .next("use --device cpu, or look at `fairbit devices`")
        .run()
}

/// One line of `fairbit devices`.
#[derive(Debug)]
pub struct Listed {
    /// As `--device` takes it.
    pub name: String,
    /// What it is, or why it cannot be used.
    pub detail: std::result::Result<String, String>,
}

/// Everything `--device` could say on this machine, with the reason where something cannot run.
pub fn list() -> Vec<Listed> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = vec![
        Listed {
            name: "flex".into(),
            detail: Ok(format!("CPU, {cores} threads; `cpu` means this one")),
        },
        Listed {
            name: "ndarray".into(),
            detail: Ok(format!(
                "CPU, {cores} threads; independent reference, slow to train"
            )),
        },
    ];
    all.extend(gpu::list());
    all
}

/// Where a tensor of this device really lives, read off an output tensor: `flex`, `ndarray`,
/// `cuda:0` and so on.
pub fn backend_of<const D: usize>(tensor: &Tensor<D>) -> String {
    let shown = format!("{:?}", tensor.device()).to_lowercase();
    // Debug shows `Device<Flex(Cpu)>` or `Device<Cube(Cuda(CudaDevice { index: 0 }))>`.
    let index: String = shown
        .split("index:")
        .nth(1)
        .unwrap_or("0")
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    for (word, name) in [("flex", "flex"), ("ndarray", "ndarray")] {
        if shown.contains(word) {
            return name.into();
        }
    }
    for word in ["cuda", "wgpu"] {
        if shown.contains(word) {
            return format!("{word}:{index}");
        }
    }
    shown
}

#[cfg(feature = "cuda")]
fn enumerate_cuda() -> std::result::Result<Vec<Device>, String> {
    let found = Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec();
    match found.is_empty() {
        true => Err("no NVIDIA GPU or driver was found".into()),
        false => Ok(found),
    }
}

#[cfg(not(feature = "cuda"))]
fn enumerate_cuda() -> std::result::Result<Vec<Device>, String> {
    Err("this build has no CUDA (build with `--features cuda`)".into())
}

#[cfg(feature = "wgpu")]
fn enumerate_wgpu() -> std::result::Result<Vec<Device>, String> {
    let found = Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec();
    match found.is_empty() {
        true => Err("no Vulkan, Metal or DirectX adapter was found".into()),
        false => Ok(found),
    }
}

#[cfg(not(feature = "wgpu"))]
fn enumerate_wgpu() -> std::result::Result<Vec<Device>, String> {
    Err("this build has no wgpu (build with `--features wgpu`)".into())
}

mod gpu {
    use super::*;

    pub const BUILT_FOR_CUDA: bool = cfg!(feature = "cuda");

    pub fn cuda(indices: &[usize]) -> std::result::Result<Vec<Device>, String> {
        let found = enumerate_cuda()?;
        indices.iter().map(|&i| pick(&found, i, "CUDA")).collect()
    }

    pub fn wgpu(index: usize) -> std::result::Result<Device, String> {
        pick(&enumerate_wgpu()?, index, "wgpu")
    }

    pub fn list() -> Vec<Listed> {
        let of = |name: &str, found: std::result::Result<Vec<Device>, String>| match found {
            Err(reason) => vec![Listed {
                name: name.into(),
                detail: Err(reason),
            }],
            Ok(devices) => (0..devices.len())
                .map(|i| Listed {
                    name: format!("{name}:{i}"),
                    detail: Ok(format!("{:?}", devices[i])),
                })
                .collect(),
        };
        let mut all = of("cuda", enumerate_cuda());
        all.extend(of("wgpu", enumerate_wgpu()));
        all
    }

    fn pick(found: &[Device], index: usize, kind: &str) -> std::result::Result<Device, String> {
        found.get(index).cloned().ok_or_else(|| {
            format!(
                "there is no {kind} device {index}, only {} of them",
                found.len()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_back_as_written() {
        for text in ["auto", "flex", "ndarray", "cuda:0", "cuda:0,2", "wgpu:1"] {
            assert_eq!(text.parse::<DeviceSpec>().unwrap().to_string(), text);
        }
        assert_eq!("cpu".parse::<DeviceSpec>().unwrap(), DeviceSpec::Flex);
        assert_eq!(
            "cuda".parse::<DeviceSpec>().unwrap(),
            DeviceSpec::Cuda(vec![0])
        );
        for bad in ["gpu", "cuda:x", "cuda:0,0", "flex:1", "wgpu:0,1", ""] {
            let e = bad.parse::<DeviceSpec>().unwrap_err();
            assert_eq!(e.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn the_backend_is_read_off_the_tensor() {
        for (spec, name) in [(DeviceSpec::Flex, "flex"), (DeviceSpec::NdArray, "ndarray")] {
            let selected = select(&spec).unwrap();
            let on = Tensor::<1>::zeros([1], selected.main());
            assert_eq!(backend_of(&on), name);
            let ad = Tensor::<1>::zeros([1], &selected.main().clone().autodiff());
            assert_eq!(backend_of(&ad), name);
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn cuda_asked_for_by_name_is_an_error_of_the_run() {
        let e = select(&DeviceSpec::Cuda(vec![0])).unwrap_err();
        assert_eq!(e.exit_code(), 1);
        assert!(e.to_string().contains("--features cuda"));
    }
}
