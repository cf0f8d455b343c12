//! The command line: parse, one call into the library, exit code.

mod args;
mod audit;
mod data;
mod draws;
mod export;
mod judge;
mod latency;
mod leash;
mod quantize;
mod report;
mod screen;
mod sensitivity;
mod stop;
mod study;
mod subject;
mod train;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Result;
use args::{Cli, Command, DataCommand};

/// Runs the command line of this process.
///
/// Exit codes: 0 done; 1 the run failed; 2 usage or configuration; 3 data or model file. The reason
/// is one line on standard error.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors and go to standard output.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    start_log(cli.verbose, cli.quiet);
    if cli.leash {
        leash::follow();
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            screen::complain(format!("fairbit: {e}"));
            ExitCode::from(e.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let screen = screen::Screen::new(cli.quiet);
    match cli.command {
        Command::Devices => {
            data::devices();
            Ok(())
        }
        Command::Data(DataCommand::Synth(args)) => data::synth(&args, &screen),
        Command::Data(DataCommand::Check(args)) => data::check(&args, &screen),
        Command::Data(DataCommand::Cache(args)) => data::cache(&args),
        Command::Train(args) => train::train(&args, &screen),
        Command::Worker(args) => worker::work(&args),
        Command::Eval(args) => judge::eval(&args, &screen),
        Command::Export(args) => export::export(&args),
        Command::Audit(args) => audit::audit(&args),
        Command::Quantize(args) => quantize::quantize(&args, &screen),
        Command::Sensitivity(args) => sensitivity::sensitivity(&args, &screen),
        Command::Study(args) => study::study(&args, &screen),
        Command::Draws(args) => draws::draws(&args, &screen),
        Command::Latency(args) => latency::latency(&args),
        Command::Report(args) => report::report(&args),
        Command::Verify(args) => judge::verify(&args, &screen),
    }
}

/// Logs go to standard error; a training process has that in the run's `log.txt`.
fn start_log(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        (_, 1) => "fairbit=info,warn",
        (_, _) => "fairbit=debug,info",
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
