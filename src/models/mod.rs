//! The five classifiers, their registry, and their weights on disk.
//!
//! [`create`] draws a model from a seed, [`load_weights`] imports a torchvision or timm state dict,
//! [`save`] and [`load`] keep a trained model in one file.

mod efficientnet;
mod import;
mod init;
mod mobilenet;
mod model;
mod pos_embed;
mod registry;
mod resnet;
mod saved;
mod slots;
mod squeezenet;
mod torch_zip;
mod trace;
mod vit;
mod weight_file;

pub use efficientnet::EfficientNetB0;
pub use import::{ImportReport, load_weights};
pub use init::create;
pub use mobilenet::MobileNetV2;
pub use model::{Layer, LayerKind, Model};
pub use registry::{Architecture, ModelConfig};
pub use resnet::ResNet50;
pub use saved::{
    IMAGENET_MEAN, IMAGENET_STD, ModelMeta, StoredTensor, empty, load, read_meta, save,
    write_tensors,
};
pub use slots::{HostTensor, state_dict};
pub use squeezenet::SqueezeNet11;
pub use vit::VitSmall;
