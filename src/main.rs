//! Parse, run, exit code.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use log::LevelFilter;
use signal_hook::consts::SIGXFSZ;

use pairloop::cli::{Cli, Command};
use pairloop::config::{self, ConfigError, Sources, Value};
use pairloop::{bench, check, client, console, logging, manual, memory, serve, users};

/// 0: asked to stop, or done. 1: could not run, or failed. 2: wrong usage (clap's own, and that of the configuration).
fn main() -> ExitCode {
    begin().unwrap_or_else(|error| {
        console::STDERR.write_line(format!("pairloop: {error}\n").as_bytes());
        ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
    })
}

fn begin() -> Result<ExitCode, Box<dyn Error>> {
    memory::is_enough()?;
    // Where files may only have a certain size (ulimit -f), a write beyond that is then an error like any other.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let (cli, given) = config::command_line();
    run(&cli, given)
}

fn run(cli: &Cli, given: Vec<Value>) -> Result<ExitCode, Box<dyn Error>> {
    let louder = i16::from(cli.verbose) - i16::from(cli.quiet);
    logging::start(logging::level(LevelFilter::Info, louder));
    match &cli.command {
        Command::Serve(command) => {
            let config = Sources::new(command, given, louder).load()?;
            logging::set_level(config.level);
            config.sources.warn_of_unknown();
            let ended = match command.check {
                true => check::check(&config),
                false => serve::serve(&config),
            };
            ended.map_err(|error| error.at(&config))?;
        }
        Command::Echo(args) => client::echo(args)?,
        Command::Produce(args) => client::produce(args)?,
        Command::Consume(args) => client::consume(args)?,
        Command::Chat(args) => return Ok(client::chat(args)?),
        Command::Order(args) => client::order(args)?,
        Command::Send(args) => client::send(args, cli.quiet > 0)?,
        Command::Receive(args) => client::receive(args, cli.quiet > 0)?,
        Command::User(args) => users::user(args)?,
        Command::Bench(args) => bench::bench(args)?,
        Command::Completions(args) => manual::completions(args)?,
        Command::Man(args) => manual::man(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
