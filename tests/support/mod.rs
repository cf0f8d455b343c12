//! The real binary, run as a user would run it, on a small set of generated faces.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// `fairbit` with a cache of its own and two threads, whatever the machine has.
pub fn fairbit(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fairbit"));
    command
        .args(args)
        .env("FAIRBIT_CACHE", scratch().join("cache"))
        .env("RAYON_NUM_THREADS", "2")
        .env_remove("FAIRBIT_FAULT")
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(args: &[&str]) -> Output {
    fairbit(args).output().expect("the binary starts")
}

/// Asserts success and returns standard output.
#[track_caller]
pub fn succeed(args: &[&str]) -> String {
    let out = run(args);
    assert!(
        out.status.success(),
        "{args:?} ended with {:?}:\n{}",
        out.status.code(),
        text(&out.stderr)
    );
    text(&out.stdout)
}

#[allow(dead_code, reason = "not every test binary refuses something")]
/// Asserts the exit code, and that the reason is one line without a panic; returns it.
#[track_caller]
pub fn refuse(code: i32, args: &[&str]) -> String {
    reason_of(code, &run(args))
}

#[allow(dead_code, reason = "not every test binary refuses something")]
/// As [`refuse`], for a command that was run already.
#[track_caller]
pub fn reason_of(code: i32, out: &Output) -> String {
    let stderr = text(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{stderr}");
    for word in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!stderr.contains(word), "{stderr}");
    }
    let reasons: Vec<&str> = stderr
        .lines()
        .filter(|l| l.starts_with("fairbit: ") || l.starts_with("error: "))
        .collect();
    assert_eq!(reasons.len(), 1, "one line says why: {stderr}");
    reasons[0].to_string()
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder of this test process, removed by the system's own cleaning of temporary files.
pub fn scratch() -> &'static Path {
    static DIR: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIR.get_or_init(|| tempfile::tempdir().expect("a temporary folder"))
        .path()
}

#[allow(dead_code, reason = "not every test binary needs faces")]
/// 1,000 generated faces, made once per test process.
pub fn faces() -> &'static Path {
    static FACES: OnceLock<PathBuf> = OnceLock::new();
    FACES.get_or_init(|| {
        let dir = scratch().join("faces");
        succeed(&[
            "data",
            "synth",
            "--out",
            str(&dir),
            "--images",
            "1000",
            "--seed",
            "5",
        ]);
        dir
    })
}

/// A path as an argument.
pub fn str(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
