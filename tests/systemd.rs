//! What a service manager is told, and what systemd thinks of the units in contrib/.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::users::UserFile;
use common::{DEADLINE, Daemon, ECHO, RELAY, Signal, eventually, program, receive, scratch};

/// A service manager, as far as it is told something.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(name: &str) -> Self {
        let path = scratch(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, path }
    }

    /// Runs a command that serves one socket, with this in its environment.
    fn start(&self, mut command: Command, environment: &[(&str, &str)]) -> Daemon {
        command.env("NOTIFY_SOCKET", &self.path);
        command.envs(environment.iter().copied());
        Daemon::run(command, 1)
    }

    /// What it is told next.
    fn next(&self) -> String {
        self.within(DEADLINE).expect("it is told something")
    }

    /// The same, or nothing if nothing comes.
    fn within(&self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut words = [0; 512];
        match self.socket.recv(&mut words) {
            Ok(length) => Some(String::from_utf8(words[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[track_caller]
fn echoes(client: &mut TcpStream) {
    client.write_all(b"are you there?").unwrap();
    receive(client, b"are you there?");
}

#[test]
fn the_manager_is_told_when_it_is_ready_and_when_it_stops() {
    let manager = Manager::new("ready");
    let mut daemon = manager.start(common::serve(&[ECHO]), &[]);
    assert_eq!(manager.next(), "READY=1\nSTATUS=0 clients\n");
    let mut client = daemon.connect();
    echoes(&mut client);
    daemon.signal(Signal::TERM);
    assert_eq!(manager.next(), "STOPPING=1\nSTATUS=stopping, 1 client\n");
    drop(client);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn the_manager_may_have_an_abstract_name() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("pairloop.{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = common::serve(&[ECHO]);
    command.env("NOTIFY_SOCKET", format!("@{name}"));
    let _daemon = Daemon::run(command, 1);
    let mut words = [0; 7];
    socket.recv(&mut words).unwrap();
    assert_eq!(&words, b"READY=1");
}

#[test]
fn a_manager_that_is_not_there_is_not_missed() {
    for name in ["/nonexistent/notify", "nonsense", "@nobody has this name"] {
        let mut command = common::serve(&[ECHO]);
        command.env("NOTIFY_SOCKET", name);
        command.env("WATCHDOG_USEC", "1000");
        let mut daemon = Daemon::run(command, 1);
        echoes(&mut daemon.connect());
        daemon.stop();
    }
}

#[test]
fn the_watchdog_hears_of_a_loop_that_turns_and_not_of_one_that_hangs() {
    let manager = Manager::new("watchdog");
    let daemon = manager.start(common::serve(&[ECHO]), &[("WATCHDOG_USEC", "200000")]);
    assert_eq!(manager.next(), "READY=1\nSTATUS=0 clients\n");
    for _ in 0..3 {
        assert_eq!(manager.next(), "WATCHDOG=1\nSTATUS=0 clients\n");
    }
    let mut client = daemon.connect();
    echoes(&mut client);
    eventually("the count", || {
        manager.next().ends_with("STATUS=1 client\n")
    });
    daemon.signal(Signal::STOP);
    eventually("silence", || {
        manager.within(Duration::from_millis(400)).is_none()
    });
    assert_eq!(manager.within(Duration::from_millis(400)), None);
    daemon.signal(Signal::CONT);
    assert_eq!(manager.next(), "WATCHDOG=1\nSTATUS=1 client\n");
}

#[test]
fn another_process_s_watchdog_is_not_fed() {
    let manager = Manager::new("not_ours");
    let environment = [("WATCHDOG_USEC", "20000"), ("WATCHDOG_PID", "1")];
    let mut daemon = manager.start(common::serve(&[ECHO]), &environment);
    assert_eq!(manager.next(), "READY=1\nSTATUS=0 clients\n");
    assert_eq!(manager.within(Duration::from_millis(200)), None);
    daemon.stop();
}

#[test]
fn the_manager_is_told_of_a_reload_and_its_end() {
    let users = UserFile::of("manager.users", &["alice"]);
    for url in [RELAY, &users.lock("relay")] {
        let manager = Manager::new("reload");
        let daemon = manager.start(common::serve(&[url]), &[]);
        manager.next();
        daemon.signal(Signal::HUP);
        let begin = manager.next();
        let time = begin.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.trim_end().parse::<u64>().unwrap() > 0, "{begin}");
        assert_eq!(manager.next(), "READY=1\n", "{url}");
    }
}

/// The units, with the program where it is now.
fn units() -> Vec<PathBuf> {
    let folder = scratch("units");
    fs::create_dir(&folder).unwrap();
    let program = program().get_program().to_str().unwrap().to_owned();
    let contrib = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib");
    let entries = fs::read_dir(contrib)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let units = entries.filter(|path| {
        let kind = path.extension().and_then(|kind| kind.to_str());
        matches!(kind, Some("service" | "socket"))
    });
    units
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let copy = folder.join(path.file_name().unwrap());
            fs::write(&copy, text.replace("/usr/local/bin/pairloop", &program)).unwrap();
            copy
        })
        .collect()
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_units_are_right_and_hardened() {
    let units = units();
    assert_eq!(units.len(), 3);
    let mut verify = Command::new("systemd-analyze");
    let output = verify.arg("verify").args(&units).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
    let service = units.iter().find(|path| path.ends_with("pairloop.service"));
    // In tenths, of 10.0 for a service without any of it.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=15"]);
    let output = security.arg(service.unwrap()).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}");
    fs::remove_dir_all(units[0].parent().unwrap()).unwrap();
}
