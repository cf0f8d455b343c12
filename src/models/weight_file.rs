//! Weight files: PyTorch's `.pth` and `.safetensors`, listed first and read tensor by tensor.
//!
//! Nothing in a file is executed: the pickle of a `.pth` is parsed by a reader that only knows tensors.
//! Shapes are compared with the model before any bytes are read, so that a file cannot make us allocate
//! more than the model holds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::store::pytorch_reader;
use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::slots::HostTensor;
use super::torch_zip;
use crate::error::{Fault, Result};

/// Prefixes that training scripts leave around a state dict.
const WRAPPERS: [&str; 3] = ["state_dict.", "model.", "module."];

/// A weight file with what it declares; tensors are read on request.
pub(super) struct WeightFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    /// Text stored beside the tensors (safetensors only).
    pub metadata: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

struct Entry {
    shape: Vec<usize>,
    source: Source,
}

enum Source {
    Torch(pytorch_reader::Tensor),
    Safe { dtype: Dtype, range: Range<usize> },
}

impl WeightFile {
    /// Opens a file and lists its tensors.
    ///
    /// # Errors
    /// Model error naming the file when it cannot be read, is cut short, or is neither format.
    pub fn open(path: &Path) -> Result<Self> {
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let mut file = match extension.as_str() {
            "safetensors" => Self::open_safetensors(path)?,
            "pth" | "pt" | "bin" => Self::open_torch(path)?,
            _ => {
                return Err(Fault::new(path, format!("extension `{extension}`"))
                    .expected("a .safetensors or .pth file")
                    .model());
            }
        };
        // num_batches_tracked counts steps and takes no part in any output.
        file.entries
            .retain(|name, _| !name.ends_with("num_batches_tracked"));
        if file.entries.is_empty() {
            return Err(Fault::new(path, "no tensors")
                .expected("a state dict")
                .model());
        }
        while let Some(wrapper) = WRAPPERS
            .iter()
            .find(|w| file.entries.keys().all(|k| k.starts_with(**w)))
        {
            let entries = std::mem::take(&mut file.entries).into_iter();
            file.entries = entries
                .map(|(name, entry)| (name[wrapper.len()..].to_string(), entry))
                .collect();
        }
        Ok(file)
    }

    fn open_safetensors(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| unreadable(path, "", &e.to_string()))?;
        let (header, parsed) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| unreadable(path, "a whole safetensors file", &e.to_string()))?;
        let data = 8 + header;
        let entries = parsed.tensors().into_iter().map(|(name, info)| {
            let range = data + info.data_offsets.0..data + info.data_offsets.1;
            let source = Source::Safe {
                dtype: info.dtype,
                range,
            };
            (
                name,
                Entry {
                    shape: info.shape.clone(),
                    source,
                },
            )
        });
        Ok(Self {
            path: path.to_path_buf(),
            entries: entries.collect(),
            metadata: parsed
                .metadata()
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            bytes,
        })
    }

    fn open_torch(path: &Path) -> Result<Self> {
        let reader = torch_zip::open(path)
            .map_err(|e| unreadable(path, "a state dict written by torch.save", &e.to_string()))?;
        let entries = reader.into_tensors().into_iter().map(|(name, tensor)| {
            let shape = tensor.shape().to_vec();
            (
                name,
                Entry {
                    shape,
                    source: Source::Torch(tensor),
                },
            )
        });
        Ok(Self {
            path: path.to_path_buf(),
            entries: entries.collect(),
            metadata: BTreeMap::new(),
            bytes: Vec::new(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Shape that the file declares for a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Reads a tensor as f32.
    ///
    /// # Errors
    /// Model error naming file and tensor when its bytes cannot be read, are no floats, or hold NaN or
    /// infinity.
    ///
    /// # Panics
    /// If there is no such tensor; ask [`Self::shape`] first.
    pub fn read(&self, name: &str) -> Result<HostTensor> {
        let entry = &self.entries[name];
        let fault = |found: String| Fault::new(&self.path, found).key(name);
        let values = match &entry.source {
            Source::Safe { dtype, range } => {
                let dtype = match dtype {
                    Dtype::F32 => DType::F32,
                    Dtype::F64 => DType::F64,
                    Dtype::F16 => DType::F16,
                    Dtype::BF16 => DType::BF16,
                    other => return Err(not_float(fault(format!("{other:?}")))),
                };
                self.bytes
                    .get(range.clone())
                    .map(|b| floats(b.to_vec(), &entry.shape, dtype))
            }
            Source::Torch(tensor) => {
                let dtype = match tensor.dtype() {
                    pytorch_reader::DType::F32 => DType::F32,
                    pytorch_reader::DType::F64 => DType::F64,
                    pytorch_reader::DType::F16 => DType::F16,
                    pytorch_reader::DType::BF16 => DType::BF16,
                    other => return Err(not_float(fault(format!("{other:?}")))),
                };
                let bytes = tensor.read().map_err(|e| {
                    fault(format!("unreadable bytes ({})", one_line(&e.to_string())))
                        .next("download or save the file again")
                        .model()
                })?;
                Some(floats(bytes, &entry.shape, dtype))
            }
        };
        let values = values.flatten().ok_or_else(|| {
            fault("fewer bytes than its shape needs".into())
                .next("download or save the file again")
                .model()
        })?;
        if let Some((i, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(fault(format!("{value} at position {i}"))
                .expected("finite weights")
                .next("this model diverged; use an earlier checkpoint")
                .model());
        }
        Ok(HostTensor {
            shape: entry.shape.clone(),
            values,
        })
    }
}

/// `None` where the number of bytes does not fit the shape.
fn floats(bytes: Vec<u8>, shape: &[usize], dtype: DType) -> Option<Vec<f32>> {
    let n = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
    if bytes.len() != n.checked_mul(dtype.size())? {
        return None;
    }
    if dtype == DType::F32 {
        let words = bytes.chunks_exact(4);
        return Some(
            words
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        );
    }
    let data = TensorData::from_bytes_vec(bytes, shape.to_vec(), dtype);
    data.convert::<f32>().try_to_vec().ok()
}

fn not_float(fault: Fault) -> crate::error::Error {
    fault
        .expected("a float tensor")
        .next("import the float model; quantized files cannot be imported")
        .model()
}

fn unreadable(path: &Path, expected: &str, reason: &str) -> crate::error::Error {
    let found = format!("unreadable ({})", one_line(reason));
    let fault = Fault::new(path, found).next("check the path, or download the file again");
    if expected.is_empty() {
        fault.model()
    } else {
        fault.expected(expected).model()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
