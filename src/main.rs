//! The `fairbit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fairbit::cli::main()
}
