//! Weights of torchvision and timm state dicts into a model: all or nothing.
//!
//! Every tensor of the model has to be in the file and every tensor of the file in the model. Three
//! departures are understood, and reported: a classifier for another number of classes is left as drawn,
//! position embeddings for another px are resampled, and batch normalization that was folded into its
//! convolution comes back as an identity normalization with the convolution's bias.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::model::Model;
use super::pos_embed::resample;
use super::registry::Architecture;
use super::slots::{HostTensor, Role, for_each_slot, norm_path, param_id};
use super::vit::PATCH;
use super::weight_file::WeightFile;
use crate::error::{Error, Fault, Result};

/// What an import did beyond copying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// The file.
    pub file: PathBuf,
    /// Tensors taken from the file.
    pub tensors: usize,
    /// Classes in the file and in the model, where the classifier was left as drawn.
    pub head_replaced: Option<(usize, usize)>,
    /// px in the file and in the model, where position embeddings were resampled.
    pub positions_resampled: Option<(usize, usize)>,
    /// Convolutions whose batch normalization came folded. Their running statistics are made up, so such
    /// a model evaluates as the file's did, while training starts from other batch statistics.
    pub folded_norms: usize,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} tensors imported",
            self.file.display(),
            self.tensors
        )?;
        if let Some((from, to)) = self.head_replaced {
            write!(
                f,
                "; classifier for {from} classes replaced by a new one for {to}"
            )?;
        }
        if let Some((from, to)) = self.positions_resampled {
            write!(f, "; position embeddings resampled from {from} to {to} px")?;
        }
        if self.folded_norms > 0 {
            write!(
                f,
                "; {} folded batch normalizations restored as identities",
                self.folded_norms
            )?;
        }
        Ok(())
    }
}

/// Whether a file may depart from the model's shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Classifier, positions and folded normalization are adapted.
    Adapt,
    /// Every tensor as it is.
    Exact,
}

/// Imports a torchvision or timm state dict (`.pth`, `.safetensors`).
///
/// # Errors
/// Model error naming the file, a tensor, what was found and expected; the model is dropped then.
pub fn load_weights(mut model: Model, path: &Path) -> Result<(Model, ImportReport)> {
    let file = WeightFile::open(path)?;
    let report = fill(&mut model, &file, Fit::Adapt)?;
    Ok((model, report))
}

/// Takes all tensors from `file`, or changes nothing.
pub(super) fn fill(model: &mut Model, file: &WeightFile, fit: Fit) -> Result<ImportReport> {
    let architecture = model.architecture();
    let mut import = Import::new(file, architecture, fit);
    // Everything is checked and read before anything is written.
    for_each_slot(model, &mut |name, role, slot| {
        import.slot(name, role, slot.shape())
    });
    let (mut found, report) = import.finish()?;
    for_each_slot(model, &mut |name, _, slot| {
        if let Some(tensor) = found.remove(&name) {
            slot.write(tensor, param_id(&name));
        }
    });
    Ok(report)
}

struct Import<'a> {
    file: &'a WeightFile,
    architecture: Architecture,
    fit: Fit,
    /// Names in the file that the model has not asked for.
    unused: Vec<String>,
    /// Path of the convolution or linear layer visited last.
    layer: String,
    found: BTreeMap<String, HostTensor>,
    missing: Vec<String>,
    /// The first fault of a tensor that is there.
    fault: Option<Error>,
    report: ImportReport,
}

impl<'a> Import<'a> {
    fn new(file: &'a WeightFile, architecture: Architecture, fit: Fit) -> Self {
        let report = ImportReport {
            file: file.path().to_path_buf(),
            tensors: 0,
            head_replaced: None,
            positions_resampled: None,
            folded_norms: 0,
        };
        Self {
            file,
            architecture,
            fit,
            unused: file.names().map(str::to_string).collect(),
            layer: String::new(),
            found: BTreeMap::new(),
            missing: Vec::new(),
            fault: None,
            report,
        }
    }

    fn slot(&mut self, name: String, role: Role, expected: Vec<usize>) {
        if role == Role::Weight {
            self.layer = name.trim_end_matches(".weight").to_string();
        }
        let Some(shape) = self.file.shape(&name) else {
            if !self.unfold(&name, role, &expected) {
                self.missing.push(name);
            }
            return;
        };
        let shape = shape.to_vec();
        self.unused.retain(|unused| *unused != name);
        if self.replaces_head(&shape, &expected) {
            return;
        }
        let tensor = if shape == expected {
            self.file.read(&name)
        } else if let Some((from, to)) = self.grids(&name, &shape, &expected) {
            self.report.positions_resampled = Some((from * PATCH, to * PATCH));
            self.file
                .read(&name)
                .map(|tensor| resample(&tensor, from, to))
        } else {
            Err(Fault::new(self.file.path(), format!("shape {shape:?}"))
                .key(&name)
                .expected(format!("{expected:?} for {}", self.architecture))
                .next(self.advice())
                .model())
        };
        match tensor {
            Ok(tensor) => {
                self.report.tensors += 1;
                self.found.insert(name, tensor);
            }
            Err(error) => self.fault = self.fault.take().or(Some(error)),
        }
    }

    /// A classifier that differs in the number of classes only stays as drawn, weight and bias.
    fn replaces_head(&mut self, shape: &[usize], expected: &[usize]) -> bool {
        let head = self.architecture.head();
        if self.fit == Fit::Exact || self.layer != head {
            return false;
        }
        if shape.len() == expected.len()
            && shape.len() > 1
            && shape[0] != expected[0]
            && shape[1..] == expected[1..]
        {
            self.report.head_replaced = Some((shape[0], expected[0]));
        }
        self.report.head_replaced.is_some()
    }

    /// Sides of the two grids, where only the number of positions differs.
    fn grids(&self, name: &str, shape: &[usize], expected: &[usize]) -> Option<(usize, usize)> {
        if self.fit == Fit::Exact || name != "pos_embed" {
            return None;
        }
        let (&[1, from, width], &[1, to, same]) = (shape, expected) else {
            return None;
        };
        let side = |tokens: usize| {
            let grid = tokens.checked_sub(1)?;
            let side = grid.isqrt();
            (side > 0 && side * side == grid).then_some(side)
        };
        if width != same {
            None
        } else {
            side(from).zip(side(to))
        }
    }

    /// Stands in for a tensor of a normalization that was folded into a convolution with a bias.
    fn unfold(&mut self, name: &str, role: Role, shape: &[usize]) -> bool {
        let bias = format!("{}.bias", self.layer);
        let follows =
            norm_path(&self.layer).is_some_and(|norm| name.starts_with(&format!("{norm}.")));
        if self.fit == Fit::Exact || !follows || self.file.shape(&bias) != Some(shape) {
            return false;
        }
        let value = match role {
            Role::NormWeight => 1.0,
            Role::RunningMean => 0.0,
            // ε is added back before the root, so that the normalization divides by one.
            Role::RunningVar => 1.0 - 1e-5,
            Role::NormBias => {
                self.unused.retain(|unused| *unused != bias);
                match self.file.read(&bias) {
                    Ok(tensor) => {
                        self.report.tensors += 1;
                        self.report.folded_norms += 1;
                        self.found.insert(name.to_string(), tensor);
                    }
                    Err(error) => self.fault = self.fault.take().or(Some(error)),
                }
                return true;
            }
            Role::Weight | Role::Bias | Role::Token => return false,
        };
        let values = vec![value; shape.iter().product()];
        self.found.insert(
            name.to_string(),
            HostTensor {
                shape: shape.to_vec(),
                values,
            },
        );
        true
    }

    fn finish(self) -> Result<(BTreeMap<String, HostTensor>, ImportReport)> {
        let fault = |name: &str, found: String| {
            Fault::new(self.file.path(), found)
                .key(name)
                .expected(format!("the tensors of {}", self.architecture))
                .next(self.advice())
                .model()
        };
        // A missing tensor first: with the wrong model it says more than a shape does.
        if let Some(name) = self.missing.first() {
            return Err(fault(
                name,
                format!("{} tensors missing, this the first", self.missing.len()),
            ));
        }
        if let Some(error) = self.fault {
            return Err(error);
        }
        if let Some(name) = self.unused.first() {
            return Err(fault(
                name,
                format!(
                    "{} tensors the model has no place for, this the first",
                    self.unused.len()
                ),
            ));
        }
        Ok((self.found, self.report))
    }

    fn advice(&self) -> String {
        match Architecture::recognize(self.file.names()) {
            Some(other) if other != self.architecture => {
                format!("the names are those of {other}: use --model {other}")
            }
            Some(_) => "the file is damaged or a variant of this model".into(),
            None => {
                let all = Architecture::ALL.map(Architecture::name).join(", ");
                format!("use a torchvision or timm state dict of {all}")
            }
        }
    }
}
