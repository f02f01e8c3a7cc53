//! contrib/haproxy.cfg in a real HAProxy, with three pairloops behind it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};

use super::{Daemon, Lines, connect, scratch};

/// What a reader of the project is given.
pub const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/haproxy.cfg");

/// The nodes, and HAProxy in front of them.
pub struct Fleet {
    pub nodes: Vec<Daemon>,
    pub front: Haproxy,
}

/// A running HAProxy; it is killed when the test is over, however the test ends.
pub struct Haproxy {
    child: Child,
    /// What it says.
    pub stderr: Lines,
    rooms: SocketAddr,
    transit: SocketAddr,
    configuration: PathBuf,
}

impl Fleet {
    /// Starts everything; these options are the nodes'.
    pub fn start(name: &str, options: &[&str]) -> Self {
        let nodes = Vec::from([(); 3].map(|()| node([0, 0], options)));
        let front = Haproxy::start(name, &nodes);
        Self { nodes, front }
    }

    /// Starts a node that has ended once more, where it was.
    pub fn restart(&mut self, number: usize) {
        let ports = [0, 1].map(|listener| self.nodes[number].address(listener).port());
        self.nodes[number] = node(ports, &[]);
    }

    /// A client that has not said anything yet.
    pub fn connect(&self) -> TcpStream {
        connect(self.front.rooms)
    }

    /// A client for transit that has not said anything yet.
    pub fn connect_transit(&self) -> TcpStream {
        connect(self.front.transit)
    }

    /// How many clients each node has.
    pub fn clients(&mut self) -> Vec<usize> {
        self.nodes.iter_mut().map(Daemon::report).collect()
    }
}

impl Haproxy {
    /// In front of these nodes.
    pub fn start(name: &str, nodes: &[Daemon]) -> Self {
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let configuration = scratch(&format!("{name}.cfg"));
        fs::write(&configuration, ours(nodes, &sockets)).expect("a scratch file");
        for socket in &sockets {
            // HAProxy inherits them: clients may come before it is ready.
            fcntl_setfd(socket, FdFlags::empty()).expect("a socket");
        }
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(&configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::piped()).spawn();
        let mut child = child.expect("haproxy is installed");
        let [rooms, transit] = sockets.map(|socket| socket.local_addr().expect("it listens"));
        Self {
            stderr: Lines::of("stderr", child.stderr.take()),
            child,
            rooms,
            transit,
            configuration,
        }
    }

    /// Where the clients of rooms with names come.
    pub fn rooms(&self) -> SocketAddr {
        self.rooms
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.configuration);
    }
}

/// A node with its listeners at these ports.
fn node(ports: [u16; 2], options: &[&str]) -> Daemon {
    let [relay, transit] = ports;
    let relay = format!("relay://127.0.0.1:{relay}?rooms=named&proxy=on");
    let transit = format!("transit://127.0.0.1:{transit}?proxy=on");
    Daemon::serve(&[&relay, &transit], options)
}

/// The configuration with the ports of this test, and nothing else changed.
fn ours(nodes: &[Daemon], sockets: &[TcpListener]) -> String {
    let mut text = fs::read_to_string(CONFIGURATION).expect("it is in the repository");
    let mut replace = |from: String, to: String| {
        assert_eq!(text.matches(&from).count(), 1, "{from}");
        text = text.replace(&from, &to);
    };
    for (listener, port) in [7000, 4001].into_iter().enumerate() {
        let descriptor = sockets[listener].as_raw_fd();
        replace(
            format!("    bind :{port} "),
            format!("    bind fd@{descriptor} "),
        );
        for (number, (node, name)) in nodes.iter().zip(["a", "b", "c"]).enumerate() {
            let server = format!("    server {name} ");
            replace(
                format!("{server}10.0.0.{}:{port}\n", number + 1),
                format!("{server}{}\n", node.address(listener)),
            );
        }
    }
    text
}
