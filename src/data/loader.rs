//! burn's `DataLoader` over faces, with one worker that stays a few batches ahead.
//!
//! burn's own multi-threaded loader is not used: with more than one worker its order is not
//! deterministic, its queue of 100 batches is 2 GB at 224 px, and a worker that creates tensors needs
//! a stream of its own on the GPU. Here a worker prepares host memory in order, and the thread that
//! asks for a batch puts it on the device.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use burn::data::dataloader::{DataLoader, DataLoaderBuilder, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;

use super::batch::{Augment, Batch, FaceBatcher, HostBatch};
use super::faces::{Faces, Ordered};

/// Batches prepared in advance: one in use, one ready, one in the making.
const AHEAD: usize = 2;

/// Batches of `faces` in `order` (from [`super::epoch_order`]), the last one smaller where the
/// order does not divide; [`super::LastBatch`] avoids that.
///
/// The batches are a function of the arguments alone. A run that resumes at step k passes
/// `order[k * batch_size..]` and sees what an uninterrupted one would have seen.
///
/// # Panics
/// When `batch_size` is 0, or a batch is taken with an index in `order` that is not a record.
pub fn loader(
    faces: &Faces,
    order: Vec<usize>,
    batch_size: usize,
    augment: Augment,
    device: &Device,
) -> Arc<dyn DataLoader<Batch>> {
    assert!(batch_size > 0, "a batch holds at least one image");
    let host = DataLoaderBuilder::new(FaceBatcher::new(faces.clone(), augment))
        .batch_size(batch_size)
        .set_device(device.clone())
        .build(Ordered {
            faces: faces.clone(),
            order,
        });
    Arc::new(Prefetch {
        host,
        device: device.clone(),
    })
}

/// Runs a host loader in the background and puts its batches on a device.
struct Prefetch {
    host: Arc<dyn DataLoader<HostBatch>>,
    device: Device,
}

impl DataLoader<Batch> for Prefetch {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let (sender, receiver) = sync_channel(AHEAD);
        let host = self.host.clone();
        let worker = thread::Builder::new()
            .name("batches".into())
            .spawn(move || {
                for batch in host.iter() {
                    if sender.send(Some(batch)).is_err() {
                        return; // nobody wants the rest
                    }
                }
                let _ = sender.send(None);
            });
        Box::new(Prefetched {
            source: worker.map(|_| receiver),
            device: self.device.clone(),
            done: 0,
            total: self.host.num_items(),
            ended: false,
        })
    }

    fn num_items(&self) -> usize {
        self.host.num_items()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self {
            host: self.host.clone(),
            device: device.clone(),
        })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self {
            host: self.host.slice(start, end),
            device: self.device.clone(),
        })
    }
}

/// `None` marks the end, so that a worker that died is not taken for one that finished.
type Message = Option<Result<HostBatch, DatasetError>>;

struct Prefetched {
    source: std::io::Result<Receiver<Message>>,
    device: Device,
    done: usize,
    total: usize,
    ended: bool,
}

impl Iterator for Prefetched {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let failed = |reason: String| Some(Err(DatasetError::new(std::io::Error::other(reason))));
        let message = match &self.source {
            Ok(receiver) => receiver.recv(),
            Err(e) => {
                self.ended = true;
                return failed(format!("no thread for batches ({e})"));
            }
        };
        match message {
            Ok(Some(Ok(batch))) => {
                self.done += batch.len();
                Some(Ok(batch.to_device(&self.device)))
            }
            Ok(Some(Err(e))) => {
                self.ended = true;
                Some(Err(e))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(_) => {
                self.ended = true;
                failed("the thread that makes batches died".into())
            }
        }
    }
}

impl DataLoaderIterator<Batch> for Prefetched {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.total, Some("items".into()))
    }
}
