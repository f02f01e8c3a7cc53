//! Telling the service manager how the daemon is (sd_notify(3), sd_watchdog_enabled(3)).

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::{Duration, Instant};

use log::{debug, warn};
use rustix::time::{ClockId, clock_gettime};

use crate::limits::STATUS_PAUSE;
use crate::reactor::Watcher;
use crate::units::count;

/// The service manager that started us, and has given us a socket to tell it by.
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How long it may hear nothing before it takes us for hung.
    watchdog: Option<Duration>,
    stopping: bool,
    told: usize,
    told_at: Instant,
    /// What its full socket did not take, and must still hear.
    owed: String,
}

impl Manager {
    /// The one that the environment tells of, if there is one that wants to be told.
    pub fn from_environment() -> Option<Self> {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let manager = address(&name).and_then(|address| Self::at(address, watchdog()));
        manager
            .inspect_err(|error| {
                warn!(
                    "NOTIFY_SOCKET={}: {error}: nobody is told how we are",
                    name.display()
                )
            })
            .ok()
    }

    fn at(address: SocketAddr, watchdog: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            address,
            watchdog,
            stopping: false,
            told: 0,
            told_at: Instant::now(),
            owed: String::new(),
        })
    }

    /// The sockets are open, and clients are served from now on.
    pub fn ready(&mut self) {
        self.must_hear("READY=1\nSTATUS=0 clients\n".into());
    }

    /// Of several such states only the last still matters.
    fn must_hear(&mut self, state: String) {
        self.owed = state;
        self.send("");
    }

    /// A manager that does not listen, or has too much to read just now, is nothing to wait for. Answers whether there is no
    /// sense in saying it again.
    fn send(&mut self, status: &str) -> bool {
        let words = format!("{}{status}", self.owed);
        match self.socket.send_to_addr(words.as_bytes(), &self.address) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => debug!("the service manager is not told: {error}"),
            Ok(_) => {}
        }
        self.owed.clear();
        true
    }
}

impl Watcher for Manager {
    fn due(&self, clients: usize) -> Option<Instant> {
        let news = clients != self.told || !self.owed.is_empty();
        let news = news.then_some(STATUS_PAUSE);
        // Twice within the time, as sd_watchdog_enabled(3) advises.
        let sign_of_life = self.watchdog.map(|limit| limit / 2);
        Some(self.told_at + news.into_iter().chain(sign_of_life).min()?)
    }

    fn tell(&mut self, now: Instant, clients: usize) {
        let sign_of_life = match self.watchdog {
            Some(_) => "WATCHDOG=1\n",
            None => "",
        };
        let doing = match self.stopping {
            true => "stopping, ",
            false => "",
        };
        if self.send(&format!(
            "{sign_of_life}STATUS={doing}{}\n",
            count(clients, "client")
        )) {
            self.told = clients;
        }
        self.told_at = now;
    }

    fn reloading(&mut self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.must_hear(format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
    }

    fn reloaded(&mut self) {
        self.must_hear("READY=1\n".into());
    }

    fn stopping(&mut self, clients: usize) {
        self.stopping = true;
        self.must_hear(format!(
            "STOPPING=1\nSTATUS=stopping, {}\n",
            count(clients, "client")
        ));
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => Err(io::Error::other("neither a path nor an abstract name")),
    }
}

/// How long the manager waits for a sign of life, if it waits for ours.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
    let limit = number("WATCHDOG_USEC").filter(|&limit| for_us && limit > 0)?;
    Some(Duration::from_micros(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A manager that may be told something, and hears it when it chooses.
    struct Ear {
        path: PathBuf,
        socket: UnixDatagram,
    }

    impl Ear {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("pairloop.{}.{name}", process::id()));
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { path, socket }
        }

        fn manager(&self, watchdog: Option<Duration>) -> Manager {
            Manager::at(address(self.path.as_os_str()).unwrap(), watchdog).unwrap()
        }

        fn next(&self) -> Option<String> {
            let mut words = [0; 256];
            let length = self.socket.recv(&mut words).ok()?;
            Some(String::from_utf8_lossy(&words[..length]).into_owned())
        }
    }

    impl Drop for Ear {
        fn drop(&mut self) {
            std::fs::remove_file(&self.path).unwrap();
        }
    }

    #[test]
    fn nothing_is_due_if_nothing_is_new_and_nobody_watches() {
        let ear = Ear::new("idle");
        let mut manager = ear.manager(None);
        manager.ready();
        assert_eq!(ear.next().unwrap(), "READY=1\nSTATUS=0 clients\n");
        assert_eq!(manager.due(0), None);
        let later = manager.told_at + STATUS_PAUSE;
        assert_eq!(manager.due(1), Some(later));
        manager.tell(later, 1);
        assert_eq!(ear.next().unwrap(), "STATUS=1 client\n");
        assert_eq!(manager.due(1), None);
        assert_eq!(ear.next(), None);
    }

    #[test]
    fn a_watchdog_hears_of_us_twice_within_its_time() {
        let ear = Ear::new("watchdog");
        let second = Duration::from_secs(1);
        let mut manager = ear.manager(Some(2 * second));
        let start = manager.told_at;
        assert_eq!(manager.due(0), Some(start + second));
        manager.tell(start + second, 0);
        assert_eq!(ear.next().unwrap(), "WATCHDOG=1\nSTATUS=0 clients\n");
        assert_eq!(manager.due(0), Some(start + 2 * second));
    }

    #[test]
    fn a_full_socket_is_told_later_what_it_must_hear() {
        let ear = Ear::new("full");
        let mut manager = ear.manager(None);
        let start = manager.told_at;
        let mut told = 0;
        loop {
            manager.stopping(2);
            if !manager.owed.is_empty() {
                break;
            }
            told += 1;
            assert!(told < 1_000_000, "it is full at some time");
        }
        assert_eq!(manager.due(0), Some(start + STATUS_PAUSE));
        while ear.next().is_some() {}
        manager.tell(start + STATUS_PAUSE, 0);
        let words = "STOPPING=1\nSTATUS=stopping, 2 clients\nSTATUS=stopping, 0 clients\n";
        assert_eq!(ear.next().unwrap(), words);
        assert_eq!(manager.due(0), None);
    }

    #[test]
    fn a_count_that_a_full_socket_did_not_take_is_told_again() {
        let ear = Ear::new("count");
        let mut manager = ear.manager(None);
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        while filler.send_to(b"x", &ear.path).is_ok() {}
        let first = manager.told_at + STATUS_PAUSE;
        manager.tell(first, 1);
        assert_eq!(manager.due(1), Some(first + STATUS_PAUSE));
        while ear.next().is_some() {}
        manager.tell(first + STATUS_PAUSE, 1);
        assert_eq!(ear.next().unwrap(), "STATUS=1 client\n");
        assert_eq!(manager.due(1), None);
    }

    #[test]
    fn a_manager_that_is_gone_is_not_waited_for() {
        let ear = Ear::new("gone");
        let mut manager = ear.manager(None);
        drop(ear);
        manager.ready();
        assert_eq!(manager.due(0), None);
    }

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        let abstract_name = cfg!(target_os = "linux");
        for (name, right) in [
            ("/run/systemd/notify", true),
            ("@notify", abstract_name),
            ("notify", false),
            ("vsock:2:1234", false),
        ] {
            assert_eq!(address(OsStr::new(name)).is_ok(), right, "{name}");
        }
    }
}
