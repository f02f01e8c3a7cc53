//! `pairloop serve`: from the command line to the running loop.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Instant;

use log::{debug, info};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use crate::cli::ServeArgs;
use crate::config::{Config, Running};
use crate::console;
use crate::engine::{ClientId, Engine, ListenerId, Timeouts};
use crate::limits::{MAX_PIPES, PIPE_SHARE, RESERVED_DESCRIPTORS, SHARED_BUFFER_MEMORY};
use crate::listen::{DEFAULTS, ListenError, ListenUrl};
use crate::pid_file::{PidFile, PidFileError};
use crate::privileges::{Identity, PrivilegeError};
use crate::reactor::{BufferMemory, MioNet, Net, Reactor, Settings, Splicing};
use crate::reload::HangUp;
use crate::systemd::{Manager, Passed};
use crate::usage::UsageLog;
use crate::users::UserError;
use crate::workers::{self, WorkerError};

/// Why the daemon could not run.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(
        "--max-clients {wanted} needs {needed} descriptors, and this process may have {limit}: raise the hard limit (ulimit -Hn)"
    )]
    Descriptors {
        wanted: usize,
        needed: usize,
        limit: usize,
    },
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
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    #[error("auth: {0}")]
    Users(#[from] UserError),
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("--stats-file: {0}")]
    StatsFile(io::Error),
    #[error("--usage-log: {0}")]
    UsageLog(io::Error),
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
    let urls = urls(args);
    let settings = settings(args, &urls)?;
    // Signals first: whoever reads the ready lines below may send one.
    let net = MioNet::new(args.stall_timeout.0)?;
    let (sockets, _pid_file) = with_privileges(args, &urls)?;
    let mut engine = engine(args, &urls, &sockets, net.now())?;
    let usage = args.usage_log.as_deref();
    let usage = usage.map(|path| UsageLog::start(path, args.blur_usage));
    let (usage, writing) = usage.transpose().map_err(ServeError::UsageLog)?.unzip();
    let hang_up = HangUp::new(auth_files(&urls), workers::named_by(&urls), usage.clone());
    hang_up.load(&mut engine)?;
    let max_clients = settings.max_clients;
    let mut reactor = Reactor::new(net, engine, settings, Box::new(&console::STDOUT));
    if let Some(usage) = usage {
        reactor.set_usage(Box::new(usage));
    }
    let mut ready = Vec::new();
    for (lobby, (url, sockets)) in urls.iter().zip(sockets).enumerate() {
        for socket in sockets {
            ready.push(format!(
                "{} listening on {}\n",
                url.service.kind.name,
                socket.local_addr()?
            ));
            let number =
                reactor.add_listener(lobby, |net, number| net.add_listener(socket, number))?;
            if url.is_passed() {
                reactor.share_listener(number);
            }
        }
    }
    reactor.set_reload(Box::new(hang_up.with_config(Running::new(config, urls))));
    reactor.write_statistics().map_err(ServeError::StatsFile)?;
    ready
        .iter()
        .for_each(|line| console::STDOUT.write_line(line.as_bytes()));
    debug!("up to {max_clients} clients");
    if let Some(mut manager) = Manager::from_environment() {
        manager.ready();
        reactor.set_watcher(Box::new(manager));
    }
    let ended = reactor.run();
    // Nobody's connection waits for the disk.
    drop(reactor);
    if let Some(writing) = writing {
        writing.finish();
    }
    ended?;
    info!("stopped");
    Ok(())
}

/// The engine for these listeners, which have these sockets.
fn engine(
    args: &ServeArgs,
    urls: &[ListenUrl],
    sockets: &[Vec<TcpListener>],
    now: Instant,
) -> Result<Engine, ServeError> {
    let services = urls.iter().map(|url| (url.service.clone(), url.meeting));
    let mut engine = Engine::new(services, timeouts(args), now)
        .with_nonces(random()?)
        .with_clients_per_source(args.max_clients_per_source);
    for (lobby, (url, sockets)) in urls.iter().zip(sockets).enumerate() {
        engine.set_wait_timeout(lobby, url.wait_timeout(args.wait_timeout));
        if let Some(trusted) = url.proxies.clone() {
            engine.set_proxies(lobby, trusted);
        }
        if let Some(socket) = sockets.first() {
            engine.set_local(lobby, socket.local_addr()?);
        }
    }
    Ok(engine)
}

/// What may need root comes first, in this order, and then its rights are given up: the sockets by listener, and the
/// file that says who we are. What is opened later can be opened again after SIGHUP.
fn with_privileges(
    args: &ServeArgs,
    urls: &[ListenUrl],
) -> Result<(Vec<Vec<TcpListener>>, Option<PidFile>), ServeError> {
    let identity = identity(args)?;
    let mut passed = Passed::from_environment();
    let sockets = urls
        .iter()
        .map(|url| url.open(&mut passed, args.stall_timeout.0))
        .collect::<Result<_, _>>()?;
    passed.warn_of_rest();
    let pid_file = args.pid_file.as_deref().map(PidFile::take).transpose()?;
    if let Some(identity) = identity {
        // They may be root's, and would not open for anybody else.
        console::STDOUT.prepare();
        console::STDERR.prepare();
        identity.assume()?;
    }
    Ok((sockets, pid_file))
}

/// Who the process is to be, if not who it is.
pub(crate) fn identity(args: &ServeArgs) -> Result<Option<Identity>, PrivilegeError> {
    let user = args.user.as_deref();
    let identity = user.map(|user| Identity::find(user, args.group.as_deref()));
    identity.transpose()
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
fn auth_files(urls: &[ListenUrl]) -> Vec<(ListenerId, PathBuf)> {
    let files = urls.iter().enumerate();
    let files = files.filter_map(|(lobby, url)| Some((lobby, url.auth.clone()?)));
    files.collect()
}

/// The limits, as the system allows them.
pub(crate) fn settings(args: &ServeArgs, urls: &[ListenUrl]) -> Result<Settings, ServeError> {
    let dials = urls.iter().any(|url| url.service.route.is_some());
    // Connections that there may be for a client.
    let each = 1 + usize::from(dials);
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
    let most = free.min(ClientId::MAX_SLOTS) / each;
    let room = most.min(free.saturating_sub(2 * pipes) / each);
    let max_clients = match args.max_clients.map(|wanted| wanted as usize) {
        Some(wanted) if wanted > most => {
            let needed = wanted * each + RESERVED_DESCRIPTORS;
            return Err(ServeError::Descriptors {
                wanted,
                needed,
                limit,
            });
        }
        Some(wanted) => wanted,
        None if room == 0 => return Err(ServeError::NoDescriptors { limit }),
        None => room,
    };
    // Clients go before pipes: without these, links copy.
    let pipes = pipes.min((free - max_clients * each) / 2);
    // Who asks for little memory, and not for so many clients, gets as many as the memory is enough for.
    let max_clients = match (args.buffer_memory, args.max_clients) {
        (Some(given), None) => max_clients.min(given / BufferMemory::floors(each)).max(1),
        _ => max_clients,
    };
    let floors = BufferMemory::floors(max_clients * each);
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
