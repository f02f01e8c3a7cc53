//! Parse, run, exit code.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use log::LevelFilter;

use pairloop::cli::{Cli, Command};
use pairloop::{client, console, serve};

/// 0: asked to stop, or done. 1: could not run, or failed. 2: wrong usage (clap's own).
fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli);
    run(&cli.command).unwrap_or_else(|error| {
        console::STDERR.write_line(format!("pairloop: {error}\n").as_bytes());
        ExitCode::FAILURE
    })
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve(args) => serve::serve(args)?,
        Command::Echo(args) => client::echo(args)?,
        Command::Produce(args) => client::produce(args)?,
        Command::Consume(args) => client::consume(args)?,
        Command::Chat(args) => return Ok(client::chat(args)?),
        Command::Order(args) => client::order(args)?,
    }
    Ok(ExitCode::SUCCESS)
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
