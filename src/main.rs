//! Parse, run, exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use log::LevelFilter;

use pairloop::cli::{Cli, Command};
use pairloop::{console, serve};

/// 0: asked to stop. 1: could not run. 2: wrong usage (clap's own).
fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli);
    let result = match &cli.command {
        Command::Serve(args) => serve::serve(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::STDERR.write_line(format!("pairloop: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn start_logging(cli: &Cli) {
    let level = match i16::from(cli.verbose) - i16::from(cli.quiet) {
        ..=-2 => LevelFilter::Error,
        -1 => LevelFilter::Warn,
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_module("pairloop", level)
        .parse_default_env()
        .target(env_logger::Target::Pipe(
            Box::new(console::LogWriter::new()),
        ))
        .format(|f, record| {
            writeln!(
                f,
                "{} {:<5} {}",
                f.timestamp_millis(),
                record.level(),
                record.args()
            )
        })
        .init();
}
