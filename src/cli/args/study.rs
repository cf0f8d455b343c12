//! What can be typed after `study`, and what it types itself.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;

#[derive(Debug, Args)]
pub struct StudyArgs {
    /// The study: a file such as those in configs/study/; without it, the one begun in --out.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder of the study, studies/NAME by default; what it holds is gone on with.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// auto, cpu, flex, ndarray, cuda[:n[,n…]] or wgpu[:n].
    #[arg(long)]
    pub device: Option<String>,
    /// Units at once, as far as memory allows.
    #[arg(long, default_value_t = 1, value_parser = positive)]
    pub workers: usize,
    /// The I-th of N processes on one folder, on this machine or others.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// One phase only: 1 baselines, 2 quantization impact, 3 mitigation, 4 analysis.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub phase: Option<u8>,
    /// Begin nothing that would not be finished so many hours from now.
    #[arg(long, value_parser = hours)]
    pub max_hours: Option<f64>,
    /// This model only; may be repeated.
    #[arg(long)]
    pub model: Vec<String>,
    /// Print the resolved study as TOML and stop.
    #[arg(long)]
    pub print_config: bool,
    /// Override one setting, such as `run.train.epochs=2`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

#[derive(Debug, Args)]
pub struct DrawsArgs {
    /// A run folder or a model.safetensors, in floats.
    pub model: PathBuf,
    /// The method, without its calibration.
    #[arg(long)]
    pub method: PathBuf,
    /// Folder with a data set.
    #[arg(long)]
    pub data: PathBuf,
    /// random, balanced or group-weighted.
    #[arg(long)]
    pub sampling: String,
    /// min-max or another observer.
    #[arg(long)]
    pub observer: String,
    /// Number of calibration sets.
    #[arg(long)]
    pub draws: usize,
    /// Images of each.
    #[arg(long)]
    pub images: usize,
    /// auto, cpu, flex, ndarray, cuda[:n] or wgpu[:n].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for draws.csv.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub struct LatencyArgs {
    /// A run folder or a model.safetensors of any precision.
    pub model: PathBuf,
    /// auto, cpu, flex, ndarray, cuda[:n] or wgpu[:n].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Seconds of measurement for each batch size.
    #[arg(long, default_value_t = 0.5)]
    pub seconds: f64,
    /// Folder for latency.json.
    #[arg(long)]
    pub out: PathBuf,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("a whole number from 1 on is expected".into()),
    }
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(hours) if (0.0..=1e6).contains(&hours) => Ok(hours),
        _ => Err("hours from 0 on are expected".into()),
    }
}
