//! Batches: normalised pixels with labels, cells and the records they came from.

use burn::data::dataloader::batcher::Batcher;
use burn::prelude::*;
use burn::tensor::TensorData;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::faces::{Face, Faces};
use super::random::{Draw, keyed};

/// Mean of ImageNet's training images per channel (R, G, B), in units of the full range.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's training images per channel, in units of the full range.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// What is done to images besides normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Augment {
    /// Nothing: evaluation.
    None,
    /// Every second image, drawn by (seed, epoch, record), is mirrored left to right.
    Flip {
        /// Seed of the run.
        seed: u64,
        /// Epoch from 0.
        epoch: u64,
    },
}

impl Augment {
    fn flips(self, record: usize) -> bool {
        match self {
            Self::None => false,
            Self::Flip { seed, epoch } => {
                keyed(Draw::Flip, seed, epoch, record as u64).next_u32() & 1 == 1
            }
        }
    }
}

/// One batch of B images on a device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[B, 3, px, px]`, (value / 255 - mean) / std with ImageNet's constants.
    pub images: Tensor<4>,
    /// `[B]`, 1 = the target is present.
    pub labels: Tensor<1, Int>,
    /// The same labels on the host.
    pub label_list: Vec<u8>,
    /// Cell of each image, see [`super::Table::cell`].
    pub cells: Vec<u32>,
    /// Record of each image in the table.
    pub indices: Vec<usize>,
}

/// A batch still on the host: made in the background, put on the device by whoever uses it.
#[derive(Debug, Clone)]
pub struct HostBatch {
    images: TensorData,
    faces: Vec<Face>,
}

impl HostBatch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.faces.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faces.is_empty()
    }

    /// Puts the batch on a device.
    pub fn to_device(self, device: &Device) -> Batch {
        let labels: Vec<i32> = self.faces.iter().map(|f| i32::from(f.label)).collect();
        let shape = [self.faces.len()];
        Batch {
            images: Tensor::from_data(self.images, device), // [B, 3, px, px]
            labels: Tensor::from_data(TensorData::new(labels, shape), device), // [B]
            label_list: self.faces.iter().map(|f| f.label).collect(),
            cells: self.faces.iter().map(|f| f.cell).collect(),
            indices: self.faces.iter().map(|f| f.index).collect(),
        }
    }
}

/// Normalises and augments.
#[derive(Debug, Clone)]
pub struct FaceBatcher {
    faces: Faces,
    augment: Augment,
    /// Normalised value of each byte, per channel.
    normal: Box<[[f32; 256]; 3]>,
}

impl FaceBatcher {
    /// A batcher for the images of `faces`.
    pub fn new(faces: Faces, augment: Augment) -> Self {
        let mut normal = Box::new([[0.0; 256]; 3]);
        for (c, table) in normal.iter_mut().enumerate() {
            for (value, entry) in table.iter_mut().enumerate() {
                *entry = (value as f32 / 255.0 - IMAGENET_MEAN[c]) / IMAGENET_STD[c];
            }
        }
        Self {
            faces,
            augment,
            normal,
        }
    }

    /// Makes a batch on the host.
    pub fn host(&self, faces: Vec<Face>) -> HostBatch {
        let px = self.faces.px();
        let mut values = vec![0f32; faces.len() * 3 * px * px]; // [B, 3, px, px]
        for (face, planes) in faces.iter().zip(values.chunks_exact_mut(3 * px * px)) {
            let image = self.faces.image(face.index); // [px, px, 3]
            let mirrored = self.augment.flips(face.index);
            for (plane, (c, normal)) in planes
                .chunks_exact_mut(px * px)
                .zip(self.normal.iter().enumerate())
            {
                for (row, pixels) in plane.chunks_exact_mut(px).zip(image.chunks_exact(3 * px)) {
                    let from = pixels[c..].iter().step_by(3);
                    row.iter_mut()
                        .zip(from)
                        .for_each(|(to, &b)| *to = normal[usize::from(b)]);
                    if mirrored {
                        row.reverse();
                    }
                }
            }
        }
        let images = TensorData::new(values, [faces.len(), 3, px, px]);
        HostBatch { images, faces }
    }
}

impl Batcher<Face, HostBatch> for FaceBatcher {
    fn batch(&self, items: Vec<Face>, _device: &Device) -> HostBatch {
        self.host(items)
    }
}
