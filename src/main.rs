//! Parse, run, exit code.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use pairloop::cli::{Cli, Command};
use pairloop::{bench, client, console, logging, serve, users};

/// 0: asked to stop, or done. 1: could not run, or failed. 2: wrong usage (clap's own).
fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(i16::from(cli.verbose) - i16::from(cli.quiet));
    run(&cli).unwrap_or_else(|error| {
        console::STDERR.write_line(format!("pairloop: {error}\n").as_bytes());
        ExitCode::FAILURE
    })
}

fn run(cli: &Cli) -> Result<ExitCode, Box<dyn Error>> {
    match &cli.command {
        Command::Serve(args) => serve::serve(args)?,
        Command::Echo(args) => client::echo(args)?,
        Command::Produce(args) => client::produce(args)?,
        Command::Consume(args) => client::consume(args)?,
        Command::Chat(args) => return Ok(client::chat(args)?),
        Command::Order(args) => client::order(args)?,
        Command::Send(args) => client::send(args, cli.quiet > 0)?,
        Command::Receive(args) => client::receive(args, cli.quiet > 0)?,
        Command::User(args) => users::user(args)?,
        Command::Bench(args) => bench::bench(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
