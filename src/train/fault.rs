//! Staged device failures for tests: `FAIRBIT_FAULT=step:N:abort|panic|hang`.
//!
//! A GPU that fails does not return an error politely: it panics inside an operation, takes the
//! process with it, or never answers. The staged failure does the same, inside the step.

use burn::tensor::Tensor;

use crate::error::{Fault as Reason, Result};

/// Name of the undocumented environment variable.
pub const VARIABLE: &str = "FAIRBIT_FAULT";

/// How the device fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is gone (SIGABRT), as when a driver aborts.
    Abort,
    /// A panic in a thread that the caller does not own, as CubeCL's device thread does.
    Panic,
    /// The operation never returns.
    Hang,
}

/// A failure and the step in which it strikes, counted from 0 over the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    step: usize,
    fault: Fault,
}

impl Staged {
    /// Reads the variable.
    ///
    /// # Errors
    /// Configuration error for anything but the documented form.
    pub fn from_env() -> Result<Option<Self>> {
        std::env::var(VARIABLE)
            .ok()
            .map(|text| Self::parse(&text))
            .transpose()
    }

    fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let parsed = match parts[..] {
            ["step", n, kind] => n.parse().ok().and_then(|step| {
                let fault = match kind {
                    "abort" => Fault::Abort,
                    "panic" => Fault::Panic,
                    "hang" => Fault::Hang,
                    _ => return None,
                };
                Some(Self { step, fault })
            }),
            _ => None,
        };
        parsed.ok_or_else(|| {
            Reason::plain(format!("`{text}`"))
                .key(VARIABLE)
                .expected("step:N:abort|panic|hang")
                .config()
        })
    }

    /// The failure, if this is its step.
    pub fn at(&self, step: usize) -> Option<Fault> {
        (step == self.step).then_some(self.fault)
    }
}

impl Fault {
    /// Fails in the middle of a device operation on `images`.
    pub fn strike(self, images: &Tensor<4>) {
        let work = images.clone();
        let call = std::thread::spawn(move || {
            let on_device = work.sum().into_data();
            match self {
                Self::Abort => std::process::abort(),
                Self::Panic => panic!(
                    "device lost while reading {} bytes",
                    on_device.bytes().len()
                ),
                Self::Hang => loop {
                    std::thread::park();
                },
            }
        });
        // As a caller of a dead device thread sees it: `RecvError` or nothing at all.
        call.join().expect("the device thread answers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read_to_the_letter() {
        let staged = Staged::parse("step:12:hang").unwrap();
        assert_eq!(staged.at(12), Some(Fault::Hang));
        assert_eq!(staged.at(11), None);
        for bad in ["", "step:1", "step:x:abort", "step:1:die", "epoch:1:abort"] {
            assert_eq!(Staged::parse(bad).unwrap_err().exit_code(), 2);
        }
    }
}
