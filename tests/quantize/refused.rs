//! Bad input of `quantize` and of artifacts: the documented exit code, one line that says why, no panic.

use super::*;
use support::refuse;

fn refuse_method(code: i32, text: &str, more: &[&str]) -> String {
    let file = scratch().join(format!("{:x}.toml", text.len() * 31 + more.len()));
    fs::write(&file, text).unwrap();
    let out = scratch().join("refused");
    let mut args = vec![
        "quantize",
        str(trained()),
        "--method",
        str(&file),
        "--data",
        str(faces()),
        "--out",
        str(&out),
    ];
    args.extend(more);
    let reason = refuse(code, &args);
    assert!(!out.exists(), "nothing half-written: {reason}");
    reason
}

const PLAN: &str = "name = \"x\"\n[plan]\nweight = 8\nactivation = \"static-8\"\n";

#[test]
fn methods_and_plans() {
    for (text, word) in [
        (
            "name = \"x\"\n[plan]\nweight = 5\nactivation = \"static-8\"\n",
            "2, 4, 6, 8 or \"float\"",
        ),
        (
            "name = \"x\"\n[plan]\nweight = 8\nactivation = \"statik-8\"\n",
            "did you mean `static-8`?",
        ),
        (
            "name = \"x\"\n[plan]\nweight = 8\nactivation = \"float\"\n",
            "weights in codes with a float input",
        ),
        (
            &format!("{PLAN}[calibration]\nimages = 20\n"),
            "calibration.images",
        ),
        (
            &format!("{PLAN}[calibration]\nimages = 100000\n"),
            "of the training split",
        ),
        (
            &format!("{PLAN}[calibration]\nrange = {{ observer = \"mse\", percentile = 99 }}\n"),
            "percentile = 99 for another observer",
        ),
        (
            &format!("{PLAN}[calibration]\nrange = {{ observer = \"mse\", momentun = 1 }}\n"),
            "did you mean `momentum`?",
        ),
        (
            &format!("{PLAN}[calibration]\nimage = 64\n"),
            "did you mean `images`?",
        ),
        (
            &format!(
                "{PLAN}[calibration]\ndraw = \"group-weighted\"\nrange = {{ observer = \"min-max\" }}\n"
            ),
            "ignores the weights of images",
        ),
        (
            &format!("{PLAN}[calibration]\nimages = 1\nbatch = 1\ndraw = \"group-weighted\"\n"),
            "0 images of male=",
        ),
        (
            &format!(
                "{PLAN}[calibration]\nrange = {{ observer = \"percentile\", percentile = 0 }}\n"
            ),
            "percentile",
        ),
    ] {
        let reason = refuse_method(2, text, &[]);
        assert!(reason.contains(word), "{word}: {reason}");
    }
    let plan = scratch().join("unknown-layer.toml");
    fs::write(
        &plan,
        "[default]\nweight = 8\ngranularity = \"channel\"\nactivation = \"static-8\"\n\
         [layers]\n\"features.1.conf.1\" = { weight = 4 }\n",
    )
    .unwrap();
    let reason = refuse_method(2, PLAN, &["--plan", str(&plan)]);
    assert!(
        reason.contains("did you mean `features.1.conv.1`?"),
        "{reason}"
    );
}

/// An artifact with some bytes of its text replaced by as many others, or cut short.
fn spoilt(name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    static GOOD: OnceLock<PathBuf> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let out = scratch().join("good");
        let method =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods/ptq-static-int4.toml");
        quantize(&method, &out, &[]);
        out.join("model.safetensors")
    });
    let file = scratch().join(format!("{name}.safetensors"));
    fs::write(&file, change(fs::read(good).unwrap())).unwrap();
    file
}

/// What is done to a good file.
type Spoil = Box<dyn FnOnce(Vec<u8>) -> Vec<u8>>;

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} is in the file"));
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn artifacts() {
    let spoilers: [(&str, Spoil, &str); 9] = [
        (
            "short",
            Box::new(|b| b[..b.len() / 2].to_vec()),
            "safetensors",
        ),
        ("header", Box::new(|b| b[..40].to_vec()), "safetensors"),
        (
            "sizes",
            Box::new(|mut b| {
                b[..8].copy_from_slice(&u64::MAX.to_le_bytes());
                b
            }),
            "safetensors",
        ),
        (
            "version",
            Box::new(|b| replace(&b, "\"artifact\":\"1\"", "\"artifact\":\"7\"")),
            "expected version 1",
        ),
        (
            "model",
            Box::new(|b| replace(&b, "\"mobilenet_v2\"", "\"mobilenet_v9\"")),
            "`model`",
        ),
        (
            "plan",
            Box::new(|b| replace(&b, "weight = 4", "weight = 8")),
            "expected U32",
        ),
        (
            "grids",
            Box::new(|b| replace(&b, "\\\"input\\\":[", "\\\"input\\\":{")),
            "`grids`",
        ),
        (
            "tensor",
            Box::new(|b| replace(&b, "\"features.0.0.bias\"", "\"features.0.0.bios\"")),
            "features.0.0.bias",
        ),
        (
            "codes",
            Box::new(|mut b| {
                let n = b.len();
                // The last word of the last layer's 4-bit codes: each becomes −8, which is none.
                b[n - 4..].fill(0x88);
                b
            }),
            "is -8, expected ±7 at most",
        ),
    ];
    for (name, spoil, word) in spoilers {
        let file = spoilt(name, spoil);
        let out = scratch().join("never");
        let reason = refuse(
            3,
            &[
                "eval",
                str(&file),
                "--data",
                str(faces()),
                "--out",
                str(&out),
            ],
        );
        assert!(
            reason.contains(name) && reason.contains(word),
            "{name}, {word}: {reason}"
        );
        assert!(!out.exists(), "{name}");
    }
    // A float model is asked for, not one that is quantized already.
    let whole = spoilt("whole", |bytes| bytes);
    let method = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/methods/int6.toml");
    let reason = refuse(
        3,
        &[
            "quantize",
            str(&whole),
            "--method",
            str(&method),
            "--data",
            str(faces()),
            "--out",
            str(&scratch().join("twice")),
        ],
    );
    assert!(reason.contains("quantized already"), "{reason}");
}
