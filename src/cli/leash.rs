//! `--leash`: this process belongs to another one, whose end of the pipe to our standard input says so.
//! A line asks to stop with a checkpoint, and the end of input means that the owner is dead.

use std::io::BufRead;

use super::stop;

/// Follows standard input from now on.
pub fn follow() {
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
            stop::request();
        }
        // Everything on disk is whole at any moment, so there is nothing to tidy.
        std::process::exit(1);
    });
}
