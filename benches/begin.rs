//! How a program that measures begins.

use std::env;
use std::process::ExitCode;

use clap::Parser;

/// Runs it with the options it is given, and says why if it fails. As a test it gets the tests' arguments, which are
/// none of its own, and only says how it is run.
pub fn begin<O: Parser>(name: &str, run: impl FnOnce(&O) -> Result<(), String>) -> ExitCode {
    if !env::args().any(|argument| argument == "--bench") {
        println!("this takes minutes: cargo bench --bench {name}");
        return ExitCode::SUCCESS;
    }
    match run(&O::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
