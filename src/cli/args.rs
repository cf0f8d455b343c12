//! What can be typed.

mod study;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use study::{DrawsArgs, LatencyArgs, StudyArgs};

/// Does making this model smaller make it unfair, to whom, and how surely?
#[derive(Debug, Parser)]
#[command(name = "fairbit", version, arg_required_else_help = true)]
pub struct Cli {
    /// Say nothing but results and errors.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Log more; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// End when standard input does; a line on it asks to stop.
    #[arg(long, global = true, hide = true)]
    pub leash: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What can run here, and why something cannot.
    Devices,
    /// Generate, check and cache data.
    #[command(subcommand)]
    Data(DataCommand),
    /// Train a face classifier and audit it.
    Train(Box<TrainArgs>),
    /// One training process; started by `train`.
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// Score a split with a trained model and audit the predictions.
    Eval(EvalArgs),
    /// Make a trained model small, as a method file says, and audit what it predicts then.
    Quantize(QuantizeArgs),
    /// Find out what rounding each layer costs, over everybody and over each group.
    Sensitivity(SensitivityArgs),
    /// Write a trained model in a format that other tools read.
    Export(ExportArgs),
    /// Audit any tool's predictions.
    Audit(AuditArgs),
    /// Carry out a study: models × methods, in one command that goes on where it was stopped.
    Study(StudyArgs),
    /// One method on many calibration sets; started by `study`.
    #[command(hide = true)]
    Draws(DrawsArgs),
    /// How long a model takes; started by `study`.
    #[command(hide = true)]
    Latency(LatencyArgs),
    /// Figures, tables, model cards and one page of a study that has run.
    Report(ReportArgs),
    /// Evaluate a run, an artifact or a study again and compare with what it stored.
    Verify(VerifyArgs),
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Generate faces in CelebA's own layout, identities included.
    Synth(SynthArgs),
    /// Count split × group × label, look for unreadable files, print the content hash.
    Check(CheckArgs),
    /// The cache of decoded images.
    Cache(CacheArgs),
}

#[derive(Debug, Args)]
pub struct SynthArgs {
    /// Folder to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Number of images.
    #[arg(long, default_value_t = 12_000)]
    pub images: usize,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How strongly the group decides how hard a face is to read; 0 = not at all.
    #[arg(long)]
    pub difficulty: Option<f64>,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Folder with a data set.
    pub dir: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub struct CacheArgs {
    /// Remove every decoded image.
    #[arg(long)]
    pub clear: bool,
}

/// Where settings come from.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// TOML file; without it the built-in default is used.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Override one setting, such as `train.lr=3e-4`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// resnet50, mobilenet_v2, efficientnet_b0, vit_small_patch16 or squeezenet1_1.
    #[arg(long)]
    pub model: Option<String>,
    /// Folder with CelebA or another data set.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Side of the square images.
    #[arg(long)]
    pub px: Option<usize>,
    /// Passes over the training split.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Images per step.
    #[arg(long)]
    pub batch: Option<usize>,
    /// Seed of the run.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Weights to start from, .pth or .safetensors.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// auto, cpu, flex, ndarray, cuda[:n[,n…]] or wgpu[:n].
    #[arg(long)]
    pub device: Option<String>,
    /// Run folder; without it one is made under runs/.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Go on with an unfinished run: the one in --out, or the newest under runs/.
    #[arg(long)]
    pub resume: bool,
    /// Print the resolved configuration as TOML and stop.
    #[arg(long)]
    pub print_config: bool,
}

#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Run folder.
    pub run: PathBuf,
    /// Device to train on.
    #[arg(long)]
    pub device: String,
}

#[derive(Debug, Args)]
pub struct QuantizeArgs {
    /// A run folder or a model.safetensors, in floats.
    pub model: PathBuf,
    /// The method: a file such as those in configs/methods/.
    #[arg(long)]
    pub method: PathBuf,
    /// Folder with a data set: calibration images come from its training split.
    #[arg(long)]
    pub data: PathBuf,
    /// Precision of each layer, in place of what the method says.
    #[arg(long)]
    pub plan: Option<PathBuf>,
    /// Go on with training that was interrupted: the same command, and this.
    #[arg(long)]
    pub resume: bool,
    /// auto, cpu, flex, ndarray, cuda[:n] or wgpu[:n].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for model.safetensors, plan.toml, calibration.csv, quantize.json, predictions-test.csv,
    /// fairness-test.json.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub struct SensitivityArgs {
    /// A run folder or a model.safetensors, in floats.
    pub model: PathBuf,
    /// Folder with a data set: images come from its training split.
    #[arg(long)]
    pub data: PathBuf,
    /// Images, drawn as evenly from the groups as they allow.
    #[arg(long, default_value_t = 256)]
    pub images: usize,
    /// Widths of weights, 2 to 8, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8])]
    pub bits: Vec<u32>,
    /// Leave out the direct measurement: each layer rounded alone, all images again.
    #[arg(long)]
    pub no_direct: bool,
    /// Seed of the images and of the intervals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// auto, cpu, flex, ndarray, cuda[:n] or wgpu[:n].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for sensitivity.csv, sensitivity.json, sensitivity.svg, sensitivity.png.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// A run folder, a model.safetensors or a packed artifact.
    pub model: PathBuf,
    /// Folder with a data set.
    #[arg(long)]
    pub data: PathBuf,
    /// train, val or test.
    #[arg(long, default_value = "test")]
    pub split: String,
    /// auto, cpu, flex, ndarray, cuda[:n] or wgpu[:n].
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for predictions-SPLIT.csv and fairness-SPLIT.json.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A run folder or a model.safetensors.
    pub model: PathBuf,
    /// ONNX file to write: images `[batch, 3, px, px]` in, logits `[batch, classes]` out.
    #[arg(long, value_name = "FILE")]
    pub onnx: PathBuf,
}

#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Predictions: image,identity,<one column per attribute>,label,score.
    #[arg(required = true)]
    pub predictions: Vec<PathBuf>,
    /// Predictions of the base model on the same images: what changed, and how surely?
    #[arg(long, value_name = "BASE")]
    pub against: Option<PathBuf>,
    /// Compare the images that all files have, where they do not have the same.
    #[arg(long, requires = "against")]
    pub intersect_images: bool,
    /// A face counts as positive from this score on; 0.5 by default.
    #[arg(long)]
    pub threshold: Option<f64>,
    /// Thresholds from a file, as --fit-thresholds writes it.
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    pub thresholds: Option<PathBuf>,
    /// Fit thresholds on these validation predictions, and say what they cost.
    #[arg(long, value_name = "VAL", conflicts_with_all = ["threshold", "thresholds"])]
    pub fit_thresholds: Option<PathBuf>,
    /// What they are fitted for: dp or eo (one for each group), accuracy (one for all).
    #[arg(long, requires = "fit_thresholds")]
    pub criterion: Option<CriterionArg>,
    /// The attribute columns to audit, separated by commas; all by default.
    #[arg(long, value_delimiter = ',')]
    pub attributes: Vec<String>,
    /// Intersections of up to so many attributes; 2 by default.
    #[arg(long)]
    pub order: Option<usize>,
    /// Margin within which a gap counts as unchanged; 0.01 by default.
    #[arg(long)]
    pub margin: Option<f64>,
    /// Folder for fairness.json, comparisons, exemplars, figures and tables; without it only tables are
    /// printed.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Bootstrap replicates; 10,000 by default.
    #[arg(long)]
    pub replicates: Option<usize>,
    /// Seed of the bootstrap; 1 by default.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Settings under [audit], bins of continuous columns among them.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What thresholds are fitted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CriterionArg {
    /// Equal selection rates.
    Dp,
    /// Equal true and false positive rates.
    Eo,
    /// The most accurate threshold.
    Accuracy,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folder of a study: results.csv at least.
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Folder of a run, an artifact or a study.
    pub run: PathBuf,
    /// Folder with the data, if they are no longer where the run found them.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Device to evaluate on; the run's own by default.
    #[arg(long)]
    pub device: Option<String>,
}
