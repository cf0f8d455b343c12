//! The `fairbit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fairbit::memory::keep_freed();
    fairbit::cli::main()
}
