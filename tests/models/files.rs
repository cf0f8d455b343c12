//! Import, save and load; and files that are not what they should be.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use fairbit::models::{self, Architecture, Model, ModelConfig, ModelMeta};
use tempfile::TempDir;

use crate::formula::{self, Mood, StateDict};
use crate::golden::golden;
use crate::pth;

const SMALL: Architecture = Architecture::SqueezeNet11;

fn fresh(architecture: Architecture, classes: usize, px: usize) -> Model {
    models::create(
        &ModelConfig::new(architecture, classes, px),
        1,
        &Device::flex(),
    )
    .unwrap()
}

fn dict(architecture: Architecture, classes: usize, px: usize) -> StateDict {
    formula::fill(
        &golden(architecture).shapes(architecture, classes, px),
        Mood::Plain,
    )
}

fn safetensors(dict: &StateDict) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    formula::write_safetensors(dict, &path);
    (dir, path)
}

/// The one-line model error that importing `path` into a fresh SqueezeNet gives.
fn refused(path: &Path) -> String {
    let error = models::load_weights(fresh(SMALL, 2, 64), path).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    text
}

#[test]
fn a_pth_file_gives_the_same_model_as_a_safetensors_file() {
    let dir = tempfile::tempdir().unwrap();
    for architecture in [SMALL, Architecture::MobileNetV2] {
        let mut dict = dict(architecture, 2, 64);
        // A real state dict also counts batches; an int64 in truth, ignored whatever it holds.
        dict.insert(
            "features.0.1.num_batches_tracked".into(),
            (vec![], vec![7.0]),
        );
        // A name of 21 letters is where the zip crate misses the central directory.
        for name in ["weights.pth", "mobilenet_v2-b0353104.pth"] {
            let path = dir.path().join(name);
            pth::write_pth(&dict, &path);
            let (model, report) = models::load_weights(fresh(architecture, 2, 64), &path).unwrap();
            assert_eq!(report.tensors, dict.len() - 1);
            for (name, tensor) in models::state_dict(&model) {
                assert_eq!((tensor.shape, tensor.values), dict[&name], "{name}");
            }
        }
    }
}

#[test]
fn wrappers_around_a_state_dict_are_seen_through() {
    let wrapped = dict(SMALL, 2, 64)
        .into_iter()
        .map(|(name, t)| (format!("state_dict.module.{name}"), t))
        .collect();
    let (_dir, path) = safetensors(&wrapped);
    assert_eq!(
        models::load_weights(fresh(SMALL, 2, 64), &path)
            .unwrap()
            .1
            .tensors,
        wrapped.len()
    );
}

#[test]
fn a_head_for_other_classes_is_left_as_drawn_and_reported() {
    for architecture in Architecture::ALL {
        let dict = dict(architecture, 10, 64);
        let (_dir, path) = safetensors(&dict);
        let drawn = models::state_dict(&fresh(architecture, 2, 64));
        let (model, report) = models::load_weights(fresh(architecture, 2, 64), &path).unwrap();
        assert_eq!(report.head_replaced, Some((10, 2)));
        assert_eq!(report.tensors, dict.len() - 2);
        assert!(
            report
                .to_string()
                .ends_with("classifier for 10 classes replaced by a new one for 2")
        );
        for (name, tensor) in models::state_dict(&model) {
            if name.starts_with(&format!("{}.", architecture.head())) {
                assert_eq!(tensor, drawn[&name], "{name}");
            } else {
                assert_eq!(tensor.values, dict[&name].1, "{name}");
            }
        }
    }
}

#[test]
fn position_embeddings_are_resampled_as_timm_does() {
    let vit = Architecture::VitSmallPatch16;
    let golden = golden(vit);
    let (_dir, path) = safetensors(&dict(vit, 2, 224));
    for (px, expected) in &golden.positions {
        let (model, report) = models::load_weights(fresh(vit, 2, *px), &path).unwrap();
        assert_eq!(report.positions_resampled, Some((224, *px)));
        // Sums of at most 15 × 15 products in f32: some 1e-6 of the largest.
        expected.assert_close(
            &format!("{px} px"),
            &models::state_dict(&model)["pos_embed"].values,
            1e-5,
        );
    }
}

#[test]
fn folded_normalization_comes_back_as_an_identity() {
    let full = dict(Architecture::MobileNetV2, 2, 64);
    // Keep convolutions and classifier only, and give each convolution the bias of its normalization.
    let mut folded = StateDict::new();
    for (name, (shape, values)) in &full {
        let path = name.trim_end_matches(".weight");
        if shape.len() == 4 {
            let bias = format!("{path}.bias");
            let values = formula::value(&bias, &shape[..1], Mood::Plain);
            folded.insert(bias, (vec![shape[0]], values));
        }
        if shape.len() > 1 || name.starts_with("classifier") {
            folded.insert(name.clone(), (shape.clone(), values.clone()));
        }
    }
    let (_dir, path) = safetensors(&folded);
    let (model, report) =
        models::load_weights(fresh(Architecture::MobileNetV2, 2, 64), &path).unwrap();
    assert_eq!(report.folded_norms, 52);
    assert_eq!(report.tensors, folded.len());
    let state = models::state_dict(&model);
    assert_eq!(
        state["features.0.1.bias"].values,
        folded["features.0.0.bias"].1
    );
    assert_eq!(
        state["features.1.conv.2.bias"].values,
        folded["features.1.conv.1.bias"].1
    );
    assert!(
        state["features.0.1.weight"]
            .values
            .iter()
            .all(|v| *v == 1.0)
    );
    assert!(
        state["features.0.1.running_var"]
            .values
            .iter()
            .all(|v| (v + 1e-5 - 1.0).abs() < 1e-7)
    );
}

#[test]
fn saving_and_loading_is_bit_exact_and_repeats_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    for (architecture, px) in [
        (SMALL, 64),
        (Architecture::MobileNetV2, 64),
        (Architecture::VitSmallPatch16, 48),
    ] {
        let config = ModelConfig::new(architecture, 2, px);
        let model = models::create(&config, 3, &Device::flex()).unwrap();
        let mut meta = ModelMeta::new(&config, "Smiling");
        meta.extra.insert("epoch".into(), "7".into());
        let (path, again) = (
            dir.path().join("model.safetensors"),
            dir.path().join("again.safetensors"),
        );
        models::save(&model, &meta, &path).unwrap();
        let (loaded, read) = models::load(&path, &crate::ndarray()).unwrap();
        assert_eq!(read, meta);
        let bits = |model: &Model| {
            let state = models::state_dict(model);
            state
                .into_iter()
                .map(|(n, t)| (n, t.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()))
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&loaded), bits(&model));
        models::save(&loaded, &read, &again).unwrap();
        assert_eq!(
            std::fs::read(&path).unwrap(),
            std::fs::read(&again).unwrap()
        );
        // The safetensors crate, as an independent reader, agrees about names and bytes.
        let bytes = std::fs::read(&path).unwrap();
        let parsed = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(parsed.len(), models::state_dict(&model).len());
    }
}

#[test]
fn a_saved_model_can_be_imported_for_other_classes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let config = ModelConfig::new(SMALL, 3, 64);
    models::save(
        &fresh(SMALL, 3, 64),
        &ModelMeta::new(&config, "Smiling"),
        &path,
    )
    .unwrap();
    let (_, report) = models::load_weights(fresh(SMALL, 2, 64), &path).unwrap();
    assert_eq!(report.head_replaced, Some((3, 2)));
}

#[test]
fn files_of_another_model_name_it() {
    for other in [
        Architecture::ResNet50,
        Architecture::MobileNetV2,
        Architecture::EfficientNetB0,
        Architecture::VitSmallPatch16,
    ] {
        let (_dir, path) = safetensors(&dict(other, 2, 64));
        let text = refused(&path);
        assert!(
            text.contains(&format!(
                "the names are those of {other}: use --model {other}"
            )),
            "{text}"
        );
    }
}

#[test]
fn every_deviation_of_a_tensor_is_named() {
    let spoilt = |change: &dyn Fn(&mut StateDict)| {
        let mut dict = dict(SMALL, 2, 64);
        change(&mut dict);
        let (_dir, path) = safetensors(&dict);
        refused(&path)
    };
    let text = spoilt(&|d| drop(d.remove("features.3.squeeze.bias")));
    assert!(
        text.contains("`features.3.squeeze.bias`: found 1 tensors missing"),
        "{text}"
    );
    let text = spoilt(&|d| drop(d.insert("extra.weight".into(), (vec![1], vec![0.0]))));
    assert!(
        text.contains("`extra.weight`: found 1 tensors the model has no place for"),
        "{text}"
    );
    let text = spoilt(&|d| {
        drop(d.insert(
            "features.0.weight".into(),
            (vec![64, 3, 3, 2], vec![0.0; 1152]),
        ))
    });
    assert!(
        text.contains("`features.0.weight`: found shape [64, 3, 3, 2], expected [64, 3, 3, 3]"),
        "{text}"
    );
    for bad in [f32::NAN, f32::INFINITY] {
        let text = spoilt(&|d| d.get_mut("features.6.expand1x1.weight").unwrap().1[5] = bad);
        assert!(
            text.contains(&format!(
                "`features.6.expand1x1.weight`: found {bad} at position 5"
            )),
            "{text}"
        );
    }
}

#[test]
fn damaged_safetensors_files_are_refused() {
    let (dir, path) = safetensors(&dict(SMALL, 2, 64));
    let whole = std::fs::read(&path).unwrap();
    for keep in [0, 4, 8, 100, 5000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        assert!(refused(&path).contains("expected a whole safetensors file"));
    }
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, &huge).unwrap();
    assert!(refused(&path).contains("expected a whole safetensors file"));
    std::fs::write(&path, b"<!DOCTYPE html><html>404</html>").unwrap();
    assert!(refused(&path).contains("expected a whole safetensors file"));
    assert!(refused(&dir.path().join("none.safetensors")).contains("No such file"));
    assert!(
        refused(&dir.path().join("weights.h5")).contains("expected a .safetensors or .pth file")
    );
    assert!(refused(dir.path()).contains("expected a .safetensors or .pth file"));
}

#[test]
fn damaged_pth_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.pth");
    pth::write_pth(&dict(SMALL, 2, 64), &path);
    let whole = std::fs::read(&path).unwrap();
    for keep in [0, 1, 30, 200, 3000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        refused(&path);
    }
    // A storage shorter than its tensor.
    let dict = StateDict::from([(
        "features.0.weight".to_string(),
        (vec![64, 3, 3, 3], vec![0.0; 1728]),
    )]);
    pth::write_zip(
        vec![
            ("data.pkl".into(), pth::pickle(&dict)),
            ("data/0".into(), vec![0; 16]),
        ],
        &path,
    );
    refused(&path);
}

#[test]
fn a_hostile_pickle_is_not_executed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mark) = (dir.path().join("weights.pth"), dir.path().join("executed"));
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    let command = format!("touch {}", mark.display());
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    std::fs::write(&path, &pickle).unwrap();
    refused(&path);
    pth::write_zip(vec![("data.pkl".into(), pickle)], &path);
    refused(&path);
    assert!(!mark.exists());
}

#[test]
fn load_refuses_what_save_did_not_write() {
    let load = |path: &Path| {
        let error = models::load(path, &Device::flex()).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        error.to_string()
    };
    let (dir, foreign) = safetensors(&dict(SMALL, 2, 64));
    let text = load(&foreign);
    assert!(
        text.contains("`model`") && text.contains("--weights"),
        "{text}"
    );

    // Metadata that does not fit the tensors, or anything.
    let config = ModelConfig::new(SMALL, 2, 64);
    let path = dir.path().join("model.safetensors");
    let saved = |change: &dyn Fn(&mut ModelMeta)| {
        let mut meta = ModelMeta::new(&config, "Smiling");
        change(&mut meta);
        models::save(&fresh(SMALL, 2, 64), &meta, &path).unwrap();
        load(&path)
    };
    assert!(
        saved(&|m| m.model = Architecture::ResNet50)
            .contains("the names are those of squeezenet1_1")
    );
    let text = saved(&|m| m.classes = 3);
    assert!(
        text.contains("`classifier.1.weight`: found shape [2, 512, 1, 1], expected [3, 512, 1, 1]"),
        "{text}"
    );
    assert!(saved(&|m| m.classes = usize::MAX).contains("`classes`"));
    assert!(saved(&|m| m.px = 0).contains("`px`"));
    assert!(saved(&|m| m.mean = [f32::NAN; 3]).contains("`mean`"));
}
