//! The `fairbit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fairbit_kernels::memory::keep_freed();
    fairbit::cli::main()
}
