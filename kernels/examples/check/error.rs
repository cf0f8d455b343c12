//! Why a check fails.

use std::process::ExitCode;

/// Result of what can fail here.
pub type Result<T> = std::result::Result<T, CheckError>;

/// What is wrong with the command line, the device or its results.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A batch of no images.
    #[error("--batch: found {0:?}, expected a number of images")]
    Batch(String),
    /// An option that there is not.
    #[error("{0}: there is no such option, only --batch N and part of a shape's name")]
    Option(String),
    /// A name that nothing has.
    #[error("{0}: no shape's name has it; leave it out to see all of them")]
    Name(String),
    /// No device.
    #[error("no device: {0}")]
    Device(String),
    /// How many results of what differ from the CPU's.
    #[error("results that differ from the CPU's: {}", counts(.0))]
    Wrong(Vec<(String, usize)>),
    /// Kernels of the device that no shape ran on.
    #[error("no shape ran on {}: `cases.rs` needs one", .0.join(", "))]
    Unseen(Vec<String>),
}

impl CheckError {
    /// 1 where a check failed, 2 where there was none.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Wrong(_) | Self::Unseen(_) => ExitCode::FAILURE,
            Self::Batch(_) | Self::Option(_) | Self::Name(_) | Self::Device(_) => ExitCode::from(2),
        }
    }
}

fn counts(wrong: &[(String, usize)]) -> String {
    let each: Vec<String> = wrong
        .iter()
        .map(|(name, n)| format!("{n} of {name}"))
        .collect();
    each.join(", ")
}
