//! `pairloop serve`: from the command line to the running loop.

use std::io;

use log::{debug, info};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use crate::cli::ServeArgs;
use crate::config::{Config, Running};
use crate::console;
use crate::engine::{ClientId, Engine, Timeouts};
use crate::limits::{MAX_PIPES, PIPE_SHARE, RESERVED_DESCRIPTORS, SHARED_BUFFER_MEMORY};
use crate::listen::{DEFAULTS, ListenError, ListenUrl};
use crate::reactor::{BufferMemory, MioNet, Net, Reactor, Settings, Splicing};
use crate::reload::AuthFiles;
use crate::users::UserError;

/// Why the daemon could not run.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(
        "--max-clients {wanted} needs {} descriptors, and this process may have {limit}: raise the hard limit (ulimit -Hn)",
        wanted + RESERVED_DESCRIPTORS
    )]
    Descriptors { wanted: usize, limit: usize },
    #[error(
        "this process may have {limit} descriptors, too few to serve anybody: raise the hard limit (ulimit -Hn)"
    )]
    NoDescriptors { limit: usize },
    #[error(
        "--buffer-memory {given} is too little for {clients} clients: at least {least}, or fewer --max-clients"
    )]
    BufferMemory {
        given: usize,
        clients: usize,
        least: usize,
    },
    #[error("auth: {0}")]
    Users(#[from] UserError),
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("--stats-file: {0}")]
    StatsFile(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("the event loop failed: {0}")]
    Loop(#[from] io::Error),
}

/// Serves until a signal stops it.
///
/// # Errors
/// If it can't begin, or the system's poll fails.
pub fn serve(config: Config) -> Result<(), ServeError> {
    let args = &config.args;
    let settings = settings(args)?;
    let urls = urls(args);
    // Signals first: whoever reads the ready lines below may send one.
    let net = MioNet::new()?;
    let services = urls.iter().map(|url| (url.service.clone(), url.meeting));
    let mut engine = Engine::new(services, timeouts(args), net.now())
        .with_nonces(random()?)
        .with_clients_per_source(args.max_clients_per_source);
    for (lobby, url) in urls.iter().enumerate() {
        engine.set_wait_timeout(lobby, url.wait_timeout(args.wait_timeout));
    }
    let auth_files = auth_files(&urls);
    auth_files.load(&mut engine)?;
    let max_clients = settings.max_clients;
    let mut reactor = Reactor::new(net, engine, settings, Box::new(&console::STDOUT));
    let mut ready = Vec::new();
    for (lobby, url) in urls.iter().enumerate() {
        for socket in url.open(args.stall_timeout.0)? {
            ready.push(format!(
                "{} listening on {}\n",
                url.service.kind.name,
                socket.local_addr()?
            ));
            reactor.add_listener(lobby, |net, number| net.add_listener(socket, number))?;
        }
    }
    reactor.set_reload(Box::new(auth_files.with_config(Running::new(config, urls))));
    reactor.write_statistics().map_err(ServeError::StatsFile)?;
    ready
        .iter()
        .for_each(|line| console::STDOUT.write_line(line.as_bytes()));
    debug!("up to {max_clients} clients");
    reactor.run()?;
    info!("stopped");
    Ok(())
}

/// What is to be served.
pub(crate) fn urls(args: &ServeArgs) -> Vec<ListenUrl> {
    if !args.listen.is_empty() {
        return args.listen.clone();
    }
    let defaults = DEFAULTS.iter();
    let urls = defaults.map(|url| url.parse().expect("a test has parsed it"));
    urls.collect()
}

/// Timeouts for all listeners alike.
pub(crate) fn timeouts(args: &ServeArgs) -> Timeouts {
    Timeouts {
        hello: args.hello_timeout.0,
        wait: None,
        idle: args.idle_timeout.0,
        half_close: args.half_close_timeout.0,
    }
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(key)
}

/// The files of users, by listener.
fn auth_files(urls: &[ListenUrl]) -> AuthFiles {
    let files = urls.iter().enumerate();
    let files = files.filter_map(|(lobby, url)| Some((lobby, url.auth.clone()?)));
    AuthFiles::new(files.collect())
}

/// The limits, as the system allows them.
pub(crate) fn settings(args: &ServeArgs) -> Result<Settings, ServeError> {
    let limit = raise_descriptor_limit();
    let splicing = match args.no_splice || !cfg!(target_os = "linux") {
        true => Splicing::Never,
        false => Splicing::Adaptive,
    };
    let pipes = match splicing {
        Splicing::Never => 0,
        _ => MAX_PIPES.min(limit / PIPE_SHARE / 2),
    };
    let free = limit.saturating_sub(RESERVED_DESCRIPTORS);
    let most = free.min(ClientId::MAX_SLOTS);
    let room = most.min(free.saturating_sub(2 * pipes));
    let max_clients = match args.max_clients.map(|wanted| wanted as usize) {
        Some(wanted) if wanted > most => return Err(ServeError::Descriptors { wanted, limit }),
        Some(wanted) => wanted,
        None if room == 0 => return Err(ServeError::NoDescriptors { limit }),
        None => room,
    };
    // Clients go before pipes: without these, links copy.
    let pipes = pipes.min((free - max_clients) / 2);
    // Who asks for little memory, and not for so many clients, gets as many as the memory is enough for.
    let max_clients = match (args.buffer_memory, args.max_clients) {
        (Some(given), None) => max_clients.min(given / BufferMemory::floors(1)).max(1),
        _ => max_clients,
    };
    let floors = BufferMemory::floors(max_clients);
    let buffer_memory = match args.buffer_memory {
        Some(given) if given < floors => {
            return Err(ServeError::BufferMemory {
                given,
                clients: max_clients,
                least: floors,
            });
        }
        Some(given) => given.min(isize::MAX as usize),
        None => floors + SHARED_BUFFER_MEMORY,
    };
    Ok(Settings {
        max_clients,
        buffer_memory,
        splicing,
        pipes,
        stall_timeout: args.stall_timeout.0,
        drain_timeout: args.drain_timeout,
        once: args.once,
        stats_file: args.stats_file.clone(),
    })
}

/// Raises the soft limit for descriptors to the hard one, and answers what it is then.
fn raise_descriptor_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let limit = if raised.is_ok() { maximum } else { current };
    // No limit at all: let the table's size be the limit.
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}
