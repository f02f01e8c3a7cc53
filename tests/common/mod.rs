//! One daemon for one test: the real program on ports of its own, its output as lines, and clients to talk to it.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod bystander;
pub mod chat;
mod client;
pub mod forward;
pub mod generator;
pub mod haproxy;
pub mod hosts;
pub mod json;
mod kernel;
mod lines;
mod noise;
pub mod proxied;
mod rooms;
pub mod settings;
pub mod stop;
mod strace;
mod terminal;
mod transfer;
pub mod transit;
pub mod usage;
pub mod users;

pub use bystander::{Bystander, Room};
pub use client::Client;
pub use kernel::AtRest;
pub use lines::Lines;
pub use noise::Noise;
pub use rooms::Rooms;
pub use strace::Strace;
pub use terminal::Terminal;
pub use transfer::{Folder, Partner, receive_files, send_files, transfer};

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, kill_process, setrlimit};
use socket2::SockRef;

/// How long a test waits for what must happen. Nothing is asserted about how much of it was used.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A relay on a free port.
pub const RELAY: &str = "relay://127.0.0.1:0";

/// An echo on a free port.
pub const ECHO: &str = "echo://127.0.0.1:0";

/// A chat on a free port.
pub const CHAT: &str = "chat://127.0.0.1:0";

/// An order service on a free port.
pub const ORDER: &str = "order://127.0.0.1:0";

/// A running daemon; it is killed when the test is over, however the test ends.
pub struct Daemon {
    child: Child,
    addresses: Vec<SocketAddr>,
    pub stdout: Lines,
    pub stderr: Lines,
}

impl Daemon {
    /// Serves these URLs with these options, and returns when each is ready.
    pub fn serve(urls: &[&str], options: &[&str]) -> Self {
        let mut command = serve(urls);
        command.args(options);
        Self::run(command, urls.len())
    }

    /// Runs a command that serves, and returns when it has said of so many sockets that they listen.
    pub fn run(mut command: Command, sockets: usize) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Self::adopt(&mut command);
        for _ in 0..sockets {
            let line = daemon.stdout.next().unwrap_or_else(|| {
                panic!("no ready line: {:?}", daemon.stderr.rest());
            });
            daemon.is_ready(&line);
        }
        daemon
    }

    /// Starts a command whose outputs the caller has set. Those that are piped become lines.
    pub fn adopt(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().expect("it starts");
        Self {
            stdout: Lines::of("stdout", child.stdout.take()),
            stderr: Lines::of("stderr", child.stderr.take()),
            child,
            addresses: Vec::new(),
        }
    }

    /// Takes the address out of a ready line.
    pub fn is_ready(&mut self, line: &str) {
        let (_, address) = line
            .trim_end()
            .split_once(" listening on ")
            .unwrap_or_else(|| panic!("not a ready line: {line:?}"));
        self.addresses
            .push(address.parse().expect("an address and a port"));
    }

    /// Where the listener with this number listens.
    pub fn address(&self, listener: usize) -> SocketAddr {
        self.addresses[listener]
    }

    /// A client of the first listener.
    pub fn connect(&self) -> TcpStream {
        connect(self.address(0))
    }

    /// A client of the first listener that has said this.
    pub fn say(&self, words: impl AsRef<[u8]>) -> TcpStream {
        let mut client = self.connect();
        client.write_all(words.as_ref()).expect("the daemon reads");
        client
    }

    /// Two clients of the first listener, in the order in which they came.
    pub fn pair(&self) -> (TcpStream, TcpStream) {
        (self.connect(), self.connect())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the daemon runs");
    }

    /// Asks how many clients there are, and answers what it says.
    pub fn report(&mut self) -> usize {
        self.signal(Signal::USR2);
        let line = self.stdout.find("NUMBER OF CLIENTS");
        let number = line.rsplit(' ').next().expect("a last word");
        number.parse().expect("a number")
    }

    /// Asks until there are so many clients; not all the time, since each answer is some lines of log, which has its limit.
    pub fn has_clients(&mut self, count: usize) {
        eventually(&format!("{count} clients"), || {
            let is_so = self.report() == count;
            if !is_so {
                thread::sleep(Duration::from_millis(10));
            }
            is_so
        });
    }

    /// Returns when the daemon has done everything that it can do about what happened before.
    ///
    /// A turn of its loop answers the signal first, so that after the second answer a whole turn is over. A new
    /// client takes one turn to be accepted and another to be read; the rest is to spare.
    pub fn settle(&mut self) {
        for _ in 0..5 {
            self.report();
        }
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        eventually("the end of the daemon", || {
            status = child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Ends it the hard way.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Ends it politely, which must succeed.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait().code(), Some(0), "{:?}", self.stderr.rest());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without what the environment might tell it.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pairloop"));
    command.env_remove("RUST_LOG");
    command
}

/// The program, to serve these URLs.
pub fn serve(urls: &[&str]) -> Command {
    let mut command = program();
    command.arg("serve");
    urls.iter().for_each(|url| {
        command.args(["--listen", url]);
    });
    command
}

/// A client that gives up, and fails its test, if nothing moves for too long.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("the daemon listens");
    patient(&stream);
    stream
}

/// Bounds every read and write of this stream.
pub fn patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream.set_write_timeout(Some(DEADLINE)).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
}

/// Ends a connection with RST.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("a socket");
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

/// One read: bytes, or how the stream ends.
pub fn read(stream: &mut impl Read, buffer: &mut [u8]) -> Result<usize, End> {
    match stream.read(buffer) {
        Ok(0) => Err(End::Fin),
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(End::Reset),
        Err(error) => panic!("neither bytes nor an end: {error}"),
    }
}

/// Everything that comes, and how it ends.
pub fn read_all(stream: &mut impl Read) -> (Vec<u8>, End) {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match read(stream, &mut buffer) {
            Ok(bytes) => all.extend(&buffer[..bytes]),
            Err(end) => return (all, end),
        }
    }
}

/// How a stream ends from which nothing more comes.
#[track_caller]
pub fn end_of(stream: &mut impl Read) -> End {
    let (rest, end) = read_all(stream);
    assert!(rest.is_empty(), "{} bytes too many", rest.len());
    end
}

/// The next bytes are these.
#[track_caller]
pub fn receive(stream: &mut impl Read, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).expect("the bytes come");
    assert_eq!(bytes, expected);
}

/// Whether nothing has come yet, neither bytes nor an end.
pub fn hears_nothing(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false).expect("a socket");
    // A reset is an end, and an error as well.
    seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Lets this process, and what it starts, have this many descriptors.
pub fn raise_descriptor_limit(wanted: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let enough = maximum.is_none_or(|maximum| maximum >= wanted);
    assert!(enough, "the hard limit for descriptors is {maximum:?}");
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("up to the hard limit");
}

/// Asks again and again for what must come true.
#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_within(DEADLINE, what, holds);
}

/// The same for what must come true within this time.
#[track_caller]
pub fn eventually_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < patience, "in vain: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A path where this run of a test may write; nothing is there yet. Tests of one program do not meet there, whatever names
/// they choose.
pub fn scratch(name: &str) -> PathBuf {
    let mut test = DefaultHasher::new();
    thread::current().name().hash(&mut test);
    let name = format!("{}.{:x}.{name}", std::process::id(), test.finish());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}
