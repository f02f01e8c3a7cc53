//! A peer that runs, from its start until it is dropped.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::FOLDER;
use crate::load;
use crate::machine::Machine;
use crate::peer::{Peer, Place, Role, Service};

/// How long a server may take to listen, or to take in its crowd.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// Ports below those that connections are made from.
static NEXT_PORT: AtomicU16 = AtomicU16::new(2000);

pub struct Server {
    pub role: Role,
    pub at: SocketAddr,
    pub sink: SocketAddr,
    /// None if there is nothing between the clients.
    child: Option<Child>,
    crowd: Option<Child>,
    /// What it said on stderr.
    log: PathBuf,
}

impl Server {
    /// Starts it, and waits until it listens and has its crowd.
    ///
    /// # Errors
    /// In words.
    pub fn start(machine: &Machine, peer: &Peer, service: Service) -> Result<Self, String> {
        let mut server = Self::launch(machine, peer, service).map_err(|error| error.to_string())?;
        server.wait(|server| server.child.is_none() || listens(server.at))?;
        if peer.crowd > 0 {
            let crowd = load::hold(machine, server.at, peer.crowd);
            server.crowd = Some(crowd.map_err(|error| error.to_string())?);
            server.wait(|server| server.descriptors() > peer.crowd)?;
        }
        Ok(server)
    }

    /// Starts it, and answers how long it took until it could be connected to.
    ///
    /// # Errors
    /// In words.
    pub fn time_start(machine: &Machine, peer: &Peer) -> Result<(Self, Duration), String> {
        let begin = Instant::now();
        let mut server =
            Self::launch(machine, peer, Service::Relay).map_err(|error| error.to_string())?;
        server.wait(|server| TcpStream::connect(server.at).is_ok())?;
        Ok((server, begin.elapsed()))
    }

    fn launch(machine: &Machine, peer: &Peer, service: Service) -> io::Result<Self> {
        let (at, sink) = (free_address()?, free_address()?);
        let folder = Path::new(FOLDER).join("run").join(at.port().to_string());
        fs::create_dir_all(&folder)?;
        let folder = folder.canonicalize()?;
        let log = folder.join("stderr");
        let mut server = Self {
            role: match service {
                Service::Transit => Role::Transit,
                Service::Echo | Service::Relay => peer.role,
            },
            at: if peer.role == Role::Direct { sink } else { at },
            sink,
            child: None,
            crowd: None,
            log,
        };
        if peer.role == Role::Direct {
            return Ok(server);
        }
        let place = Place {
            service,
            at,
            sink,
            folder,
        };
        let program = (peer.find)().ok_or(io::ErrorKind::NotFound)?;
        let mut command = (peer.command)(&program, &place)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&server.log)?);
        server.child = Some(machine.spawn_on(machine.server_core, &mut command)?);
        Ok(server)
    }

    fn wait(&mut self, is_there: impl Fn(&Self) -> bool) -> Result<(), String> {
        let begin = Instant::now();
        while !is_there(self) {
            if self.has_ended() || begin.elapsed() > PATIENCE {
                return Err(self.last_words());
            }
            sleep(Duration::from_micros(100));
        }
        Ok(())
    }

    pub fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    fn last_words(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let last = said.lines().last().unwrap_or("it said nothing");
        format!("does not serve: {last}")
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn descriptors(&self) -> usize {
        let pid = self.pid().unwrap_or_default();
        fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }

    /// Bytes of memory of the process and those that it started.
    pub fn resident(&self) -> u64 {
        self.pid().map_or(0, resident)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut crowd) = self.crowd.take() {
            let _ = crowd.kill();
            let _ = crowd.wait();
        }
        // In order first: a master process ends its workers.
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let begin = Instant::now();
            while begin.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
                sleep(Duration::from_millis(2));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().flat_map(str::parse);
    1024 * kilobytes.unwrap_or(0_u64) + children.map(resident).sum::<u64>()
}

/// Whether somebody listens there, without disturbing them: a connection would be their first client. (proc_net_tcp.rst:
/// address and port in hexadecimal, and 0A for LISTEN)
fn listens(at: SocketAddr) -> bool {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let port = format!(":{:04X}", at.port());
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|local| local.ends_with(&port));
        local && fields.nth(1) == Some("0A")
    })
}

fn free_address() -> io::Result<SocketAddr> {
    loop {
        let port = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) if port > 9000 => return Err(error),
            Err(_) => {}
        }
    }
}
