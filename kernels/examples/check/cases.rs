//! Which layers are checked: every named shape from codes and from floats, and what reaches the kernels
//! and weights that those do not.

use fairbit_kernels::cube::select::{Form, Kernel};
use fairbit_kernels::cube::tiled::{COLUMNS, Inner};
use fairbit_kernels::{ConvShape, Granularity};

use crate::shapes::{self, Named};

/// What a layer is given.
#[derive(Debug, Clone, Copy)]
pub enum Given {
    /// Codes; codes come out.
    Codes,
    /// Floats whose range it finds; codes come out.
    Dynamic,
    /// Floats, times packed weights; floats come out.
    Floats,
}

/// A layer and what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// Rows of a linear layer are the pixels of its images.
    pub shape: ConvShape,
    pub form: Form,
    pub given: Given,
    pub bits: u32,
    pub granularity: Granularity,
    /// Processors that the device is said to have; `None` asks it.
    pub processors: Option<usize>,
}

/// Tokens of an image: rows of a linear layer.
const TOKENS: usize = 65;
/// Rows at which weights are most of the traffic.
const FEW: usize = 16;

/// All cases, `batch` images each where that is given.
pub fn all(batch: Option<usize>, inner: Inner) -> Vec<Case> {
    let mut named: Vec<Case> = shapes::all().iter().map(of).collect();
    for case in &mut named {
        case.shape.batch = batch.unwrap_or(case.shape.batch);
    }
    let mut all = Vec::new();
    for case in &named {
        for (given, bits) in [
            (Given::Codes, 8),
            (Given::Codes, 4),
            (Given::Dynamic, 8),
            (Given::Dynamic, 4),
        ] {
            all.push(Case {
                given,
                bits,
                ..*case
            });
        }
    }
    let find = |name| *named.iter().find(|case| case.name == name).expect(name);
    all.extend(others(find));
    all.extend(tiles(find("resnet50_layer1_3x3"), inner));
    all
}

/// A named shape's codes times 8-bit weights.
fn of(one: &Named) -> Case {
    let mut shape = one.shape;
    // Rows of all images in one column.
    let form = if shape.batch == 1 && shape.input[1] == 1 {
        shape.batch = shape.input[0] / TOKENS;
        shape.input[0] = TOKENS;
        Form::Linear
    } else {
        Form::Conv
    };
    Case {
        name: one.name,
        shape,
        form,
        given: Given::Codes,
        bits: 8,
        granularity: Granularity::PerChannel,
        processors: None,
    }
}

/// Channel groups, few rows, float activations, 2 bits, a scale for each group of codes.
fn others(find: impl Fn(&'static str) -> Case) -> Vec<Case> {
    use Given::{Codes, Floats};
    use Granularity::{PerChannel, PerGroup};
    let with = |name, from, change: fn(&mut ConvShape)| {
        let mut case = find(from);
        change(&mut case.shape);
        Case { name, ..case }
    };
    let stem = find("resnet50_stem_7x7");
    let tiled = find("resnet50_layer1_3x3");
    let deep = find("resnet50_layer3_3x3");
    let depthwise = find("mobilenet_v2_dw_deep");
    let mlp = find("vit_small_mlp");
    // ResNeXt50 32×4d has ResNet50's shapes in 32 groups.
    let grouped = with("resnext50_layer1_3x3", "resnet50_layer1_3x3", |shape| {
        [shape.c_in, shape.c_out, shape.groups] = [128, 128, 32];
    });
    // A classifier of ImageNet for an image and for a few; weights are most of what it reads.
    let head = with("resnet50_head", "vit_small_mlp", |shape| {
        [shape.c_in, shape.c_out] = [2048, 1000];
        (shape.batch, shape.input) = (1, [1, 1]);
    });
    let heads = with("mobilenet_v2_head", "vit_small_mlp", |shape| {
        [shape.c_in, shape.c_out] = [1280, 1000];
        (shape.batch, shape.input) = (FEW, [1, 1]);
    });
    let rows = with("vit_small_mlp_rows", "vit_small_mlp", |shape| {
        (shape.batch, shape.input) = (FEW, [1, 1]);
    });
    let list = [
        (tiled, Codes, 2, PerChannel),
        (mlp, Codes, 8, PerGroup(64)),
        (mlp, Codes, 4, PerGroup(64)),
        (mlp, Codes, 4, PerGroup(128)),
        (head, Codes, 8, PerChannel),
        (head, Codes, 4, PerChannel),
        (head, Codes, 4, PerGroup(32)),
        (heads, Codes, 8, PerChannel),
        (heads, Codes, 4, PerChannel),
        (heads, Codes, 8, PerGroup(32)),
        (mlp, Codes, 4, PerGroup(32)),
        (grouped, Codes, 8, PerChannel),
        (grouped, Codes, 4, PerChannel),
        (grouped, Codes, 2, PerChannel),
        // A scale group of three channels' taps ends within a word.
        (stem, Codes, 4, PerGroup(32)),
        (rows, Floats, 8, PerChannel),
        (rows, Floats, 4, PerChannel),
        (rows, Floats, 4, PerGroup(64)),
        (head, Floats, 8, PerChannel),
        (head, Floats, 4, PerChannel),
        (stem, Floats, 8, PerChannel),
        (stem, Floats, 4, PerChannel),
        (deep, Floats, 8, PerChannel),
        (deep, Floats, 4, PerChannel),
        (deep, Floats, 2, PerChannel),
        (deep, Floats, 4, PerGroup(128)),
        (depthwise, Floats, 8, PerChannel),
    ];
    let case = |(case, given, bits, granularity)| Case {
        given,
        bits,
        granularity,
        ..case
    };
    list.into_iter().map(case).collect()
}

/// Every tile that the device has: as many processors as there are tiles choose that one.
fn tiles(case: Case, inner: Inner) -> Vec<Case> {
    let [h, w] = case.shape.output();
    let across = case.shape.c_out.div_ceil(COLUMNS as usize);
    let mut all = Vec::new();
    for kernel in Kernel::all(inner) {
        let Kernel::Tiled(rows, _) = kernel else {
            continue;
        };
        let tiles = (case.shape.batch * h * w).div_ceil(rows as usize) * across;
        for bits in [8, 4] {
            all.push(Case {
                bits,
                processors: Some(tiles),
                ..case
            });
        }
    }
    all
}
