//! `pairloop serve`: from the command line to the running loop.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Instant;

use log::info;
use thiserror::Error;

use crate::capacity::{self, Allowance, CapacityError};
use crate::cli::ServeArgs;
use crate::config::{Config, Origin, Running};
use crate::console;
use crate::engine::{Engine, ListenerId, Timeouts};
use crate::listen::{DEFAULTS, ListenError, ListenUrl};
use crate::pid_file::{PidFile, PidFileError};
use crate::preflight;
use crate::privileges::{Identity, PrivilegeError};
use crate::reactor::{MioNet, Net, Reactor};
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
    #[error(transparent)]
    Capacity(#[from] CapacityError),
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
    /// What was set in this place is to blame.
    #[error("{origin}: {error}")]
    Set {
        origin: Origin,
        error: Box<ServeError>,
    },
}

impl ServeError {
    /// The option that is to blame.
    fn option(&self) -> Option<&'static str> {
        match self {
            ServeError::Capacity(error) => error.option(),
            ServeError::Privileges(error) => Some(error.option()),
            ServeError::PidFile(_) => Some("pid-file"),
            ServeError::StatsFile(_) => Some("stats-file"),
            ServeError::UsageLog(_) => Some("usage-log"),
            // Of a listener's, the words name it or the file.
            _ => None,
        }
    }

    /// The same with the place where the option was set that is to blame, if that is not the command line, of which the words speak
    /// anyway.
    pub fn at(self, config: &Config) -> Self {
        let value = self.option().and_then(|option| config.set(option).next());
        match value.map(|value| value.origin.clone()) {
            None | Some(Origin::CommandLine) => self,
            Some(origin) => ServeError::Set {
                origin,
                error: Box::new(self),
            },
        }
    }
}

/// Serves until a signal stops it.
///
/// # Errors
/// If it can't begin, or the system's poll fails.
pub fn serve(config: &Config) -> Result<(), ServeError> {
    let args = &config.args;
    let urls = urls(args);
    // What cannot be is said before anything is opened.
    let allowance = Allowance::take();
    let (_, identity) = preflight::before(args, &urls, allowance)?;
    // Signals first: whoever reads the ready lines below may send one.
    let net = MioNet::new(args.stall_timeout.0)?;
    let (sockets, _pid_file) = with_privileges(args, &urls, identity)?;
    preflight::files(args)?;
    let mut engine = engine(args, &urls, &sockets, net.now())?;
    let usage = args.usage_log.as_deref();
    let usage = usage.map(|path| UsageLog::start(path, args.blur_usage));
    let (usage, writing) = usage.transpose().map_err(ServeError::UsageLog)?.unzip();
    let hang_up = HangUp::new(auth_files(&urls), workers::named_by(&urls), usage.clone());
    hang_up.load(&mut engine)?;
    // Clients get what users and everything else have left of the memory.
    let capacity = capacity::find(args, &urls, allowance.by_now())?;
    let settings = capacity.settings(args);
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
    let running = Running::new(config.clone(), urls, allowance);
    reactor.set_reload(Box::new(hang_up.with_config(running)));
    reactor.write_statistics().map_err(ServeError::StatsFile)?;
    ready
        .iter()
        .for_each(|line| console::STDOUT.write_line(line.as_bytes()));
    capacity.tell();
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
    identity: Option<Identity>,
) -> Result<(Vec<Vec<TcpListener>>, Option<PidFile>), ServeError> {
    let mut passed = Passed::from_environment();
    let sockets = urls
        .iter()
        .map(|url| url.open(&mut passed, args.stall_timeout.0))
        .collect::<Result<_, _>>()?;
    passed.warn_of_rest();
    let pid_file = args.pid_file.as_deref().map(PidFile::take).transpose()?;
    assume(identity)?;
    Ok((sockets, pid_file))
}

/// Becomes who the process is to be, if that is somebody else.
pub(crate) fn assume(identity: Option<Identity>) -> Result<(), PrivilegeError> {
    let Some(identity) = identity else {
        return Ok(());
    };
    // They may be root's, and would not open for anybody else.
    console::STDOUT.prepare();
    console::STDERR.prepare();
    identity.assume()
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
