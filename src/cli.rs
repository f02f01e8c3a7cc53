//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use log::LevelFilter;

use crate::address::Address;
use crate::bench::args::BenchArgs;
use crate::client::files::args::{ReceiveArgs, SendArgs};
use crate::client::{Message, Room};
use crate::engine::ClientId;
use crate::listen::ListenUrl;
use crate::logging;
use crate::manual::{CompletionsArgs, ManArgs};
use crate::units::{self, Limit};
use crate::users::UserArgs;

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
    Serve(Box<ServeCommand>),
    Echo(EchoArgs),
    Produce(ProduceArgs),
    Consume(ConsumeArgs),
    Chat(ChatArgs),
    Order(OrderArgs),
    Send(SendArgs),
    Receive(ReceiveArgs),
    User(UserArgs),
    Bench(BenchArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Run the daemon
///
/// Signals: SIGUSR2 prints the number of clients; SIGHUP reads the configuration and the files of users, looks up the workers and opens the usage log again; SIGUSR1, SIGTERM and SIGINT stop the daemon, a second one at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pairloop serve --listen relay://127.0.0.1:7000 --listen 'echo://[::1]:7007'\n\n\
    Each option can also be a key of the configuration file (max-clients = 5000, listen = [\"relay://*:7000\"], no-splice = true) or an \
    environment variable (PAIRLOOP_MAX_CLIENTS=5000; several listeners with spaces between them). The command line goes before the environment, and that before the file."
)]
pub struct ServeCommand {
    /// Read settings from this TOML file, too (also PAIRLOOP_CONFIG)
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,

    /// Say what would be served, and with which limits; then end, without having opened a port
    #[arg(long)]
    pub check: bool,

    #[command(flatten)]
    pub args: ServeArgs,
}

/// What can be set for the daemon: here, in the environment, and in the configuration file.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// What to serve where: SERVICE://HOST:PORT, repeatable. HOST is a name, an address, [::1] or * (all);
    /// port 0 picks a free one; SERVICE://@NAME takes the socket that systemd has opened by that name. Behind it, options: ?rooms=named lets clients meet by name, &auth=FILE lets only the
    /// users in that file in, proxy=on (and trust=CIDR,CIDR) takes clients' addresses from a proxy's PROXY header, wait=TIME bounds how long a client waits, turns=free (chat), settle=TIME (order), to=WORKER,WORKER, patience=TIME, lines=on and proxy=v2 (forward) [default: relay on port 7000, echo on 7007, order on 12000, chat on 33016 of 127.0.0.1]
    #[arg(long, value_name = "URL")]
    pub listen: Vec<ListenUrl>,

    /// Clients at one time; more are refused [default: what the limits for descriptors and memory allow]
    #[arg(long, value_name = "N", value_parser = units::number::<u32>(1, ClientId::MAX_SLOTS as u64))]
    pub max_clients: Option<u32>,

    /// Clients at one time from one IPv4 address or one IPv6 network of 64 bits [default: no limit]
    #[arg(long, value_name = "N", value_parser = units::number::<u32>(1, u32::MAX.into()))]
    pub max_clients_per_source: Option<u32>,

    /// Bytes that all buffers together may hold, such as 64M [default: 256M and 4K for each client, or what the limit for memory allows]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub buffer_memory: Option<usize>,

    /// How long a client has to say which room it wants, and to log in, where it has to
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub hello_timeout: Limit,

    /// How long a client waits for its partner, where the listener does not say so itself (wait=TIME)
    /// [default: none; for transit 1h]
    #[arg(long, value_name = "TIME")]
    pub wait_timeout: Option<Limit>,

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

    /// Carry all bytes through the process, even where the kernel could pass them on by itself
    #[arg(long)]
    pub no_splice: bool,

    /// Stop, with exit code 0, once the first room is over
    #[arg(long)]
    pub once: bool,

    /// With each SIGUSR2, also write the counts here as Prometheus text
    #[arg(long, value_name = "PATH")]
    pub stats_file: Option<PathBuf>,

    /// Append a line of JSON to this file for each session that ends
    #[arg(long, value_name = "PATH")]
    pub usage_log: Option<PathBuf>,

    /// In the usage log, round times of starting to so many seconds, and sizes
    #[arg(long, value_name = "SECONDS", requires = "usage_log", value_parser = units::number::<u32>(1, u32::MAX.into()))]
    pub blur_usage: Option<u32>,

    /// Become this user, a name or a number, once the sockets are open (needs root)
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// And this group, a name or a number [default: the user's own]
    #[arg(long, value_name = "GROUP", requires = "user")]
    pub group: Option<String>,

    /// Write the number of the process here, and refuse to start while another one that runs has the file
    #[arg(long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,

    /// What is logged: error, warn, info, debug or trace. -v and -q say more and less than this; RUST_LOG overrides
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = logging::parse)]
    pub log_level: LevelFilter,
}

/// What every client has.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// How long each address of the server is tried
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    pub connect_timeout: Duration,
}

/// In which room a client meets its partner.
#[derive(Debug, Args)]
pub struct RoomArgs {
    /// The room to meet in, on a listener with rooms=named; partners come by the same name
    #[arg(long, value_name = "NAME")]
    pub room: Option<Room>,

    /// Log in as this user. The password is asked for, or comes from PAIRLOOP_PASSWORD
    #[arg(long, value_name = "NAME", requires = "room")]
    pub user: Option<String>,

    /// A file with the password in it
    #[arg(long, value_name = "PATH", requires = "user")]
    pub password_file: Option<PathBuf>,
}

/// Send standard input to an echo server, and print what comes back
///
/// Both are raw bytes. Exit code 0 means that all of it came back.
#[derive(Debug, Args)]
#[command(after_help = "Example: echo hello | pairloop echo --at 127.0.0.1:7007")]
pub struct EchoArgs {
    /// The server; an IPv6 address goes in brackets: [::1]:7007
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7007")]
    pub at: Address,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Send standard input through a relay to the partner
///
/// The bytes are not looked at. Exit code 0 means that all were sent and that the partner has finished as well;
/// `pairloop consume` does so once it has written everything.
#[derive(Debug, Args)]
#[command(after_help = "Example: tar c folder | pairloop produce --at 127.0.0.1:7000")]
pub struct ProduceArgs {
    /// The server; an IPv6 address goes in brackets: [::1]:7000
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7000")]
    pub at: Address,
    #[command(flatten)]
    pub room: RoomArgs,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Print what the partner sends through a relay
///
/// The bytes are not looked at. Exit code 0 means that all of them came, or that whoever read the output had seen
/// enough; a stream that was cut short is a failure.
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop consume --at 127.0.0.1:7000 | tar x")]
pub struct ConsumeArgs {
    /// The server; an IPv6 address goes in brackets: [::1]:7000
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7000")]
    pub at: Address,
    #[command(flatten)]
    pub room: RoomArgs,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Talk to the partner, line by line and in turns
///
/// The prompt says whether it is your turn to WRITE or to READ. What is typed out of turn is kept and sent when the
/// turn comes. `exit`, Ctrl-D and Ctrl-C leave, which ends the chat for both.
///
/// Without a terminal, standard input is sent line by line, each line in its turn and so after an answer to the one
/// before; the partner's lines go to standard output, with control characters escaped, and everything else to
/// standard error. Once the last line is sent, the chat is left without waiting for an answer to it.
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop chat --name Alice --at 127.0.0.1:33016")]
pub struct ChatArgs {
    /// The name at your prompt; your partner does not see it
    #[arg(long, default_value = "you")]
    pub name: String,
    /// The server; an IPv6 address goes in brackets: [::1]:33016
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:33016")]
    pub at: Address,
    #[command(flatten)]
    pub room: RoomArgs,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Send one message, and print whose came first: yours or the partner's
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop order --at 127.0.0.1:12000 Alice")]
pub struct OrderArgs {
    /// The message: one line of up to 1024 bytes
    pub message: Message,
    /// The server; an IPv6 address goes in brackets: [::1]:12000
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:12000")]
    pub at: Address,
    #[command(flatten)]
    pub room: RoomArgs,
    #[command(flatten)]
    pub server: ServerArgs,
}
