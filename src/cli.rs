//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::listen::ListenUrl;
use crate::units::{self, Limit};

/// A TCP daemon for clients that come in twos.
///
/// The first client waits, the second completes the room, the third waits for the fourth.
#[derive(Debug, Parser)]
#[command(name = "pairloop", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Log more: -v debug, -vv trace (RUST_LOG overrides)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Log less: -q warnings and errors, -qq errors only
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeArgs),
}

/// Run the daemon
///
/// Signals: SIGUSR2 prints the number of clients; SIGUSR1, SIGTERM and SIGINT stop the daemon, a second one at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pairloop serve --listen relay://127.0.0.1:7000 --listen 'echo://[::1]:7007'"
)]
pub struct ServeArgs {
    /// What to serve where: SERVICE://HOST:PORT, repeatable. HOST is a name, an address, [::1] or * (all);
    /// port 0 picks a free one [default: relay on port 7000, echo on 7007, order on 12000, chat on 33016 of 127.0.0.1]
    #[arg(long, value_name = "URL")]
    pub listen: Vec<ListenUrl>,

    /// Clients at one time; more are refused [default: what the descriptor limit allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_clients: Option<u32>,

    /// Bytes that all buffers together may hold, such as 64M [default: 256M and 4K for each client]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub buffer_memory: Option<usize>,

    /// How long a client waits for its partner
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub wait_timeout: Limit,

    /// How long a room may be silent
    #[arg(long, value_name = "TIME", default_value = "none")]
    pub idle_timeout: Limit,

    /// How long a room may be silent once one side has finished
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub half_close_timeout: Limit,

    /// How long a client may leave bytes waiting without taking any
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub stall_timeout: Limit,

    /// How long rooms may go on after the signal to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    pub drain_timeout: Duration,

    /// Stop, with exit code 0, once the first room is over
    #[arg(long)]
    pub once: bool,

    /// With each SIGUSR2, also write the counts here as Prometheus text
    #[arg(long, value_name = "PATH")]
    pub stats_file: Option<PathBuf>,
}
