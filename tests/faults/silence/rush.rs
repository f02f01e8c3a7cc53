//! Thousands who connect at once.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use socket2::{Domain, Socket, Type};

use crate::common::{
    Bystander, Daemon, ECHO, RELAY, Signal, eventually_within, patient, raise_descriptor_limit,
    receive, reset, scratch, serve,
};
use pairloop::limits::{ACCEPTS_PER_TURN, KEEPALIVE_IDLE};

/// How many the kernel keeps for a listener until they are accepted. Whoever finds no place tries again by itself.
const BACKLOG: i32 = 16;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs 12,000 descriptors"]
fn ten_thousand_at_once_all_get_in_and_running_rooms_do_not_wait_for_them() {
    const CLIENTS: usize = 10_000;
    raise_descriptor_limit(CLIENTS as u64 + 2000);
    let (mut daemon, echo) = with_short_backlog();
    let mut bystander = Bystander::at(daemon.address(1));
    daemon.has_clients(2);
    daemon.settle();
    let before = daemon.descriptors().len();
    // They are there before the first of them can be accepted.
    let mut clients: Vec<TcpStream> = bystander.excuses(|| {
        daemon.signal(Signal::STOP);
        let clients = (0..CLIENTS).map(|_| connecting(echo)).collect();
        daemon.signal(Signal::CONT);
        clients
    });
    thread::scope(|scope| {
        while !clients.is_empty() {
            let part = clients.split_off(clients.len().saturating_sub(CLIENTS / 20));
            scope.spawn(|| part.into_iter().for_each(is_served));
        }
    });
    // Where SYN cookies are on, the kernel may make a connection of a late segment of one that it had forgotten: nobody is at
    // its other end, which keepalive finds out.
    let gone = || daemon.report() == 2;
    eventually_within(KEEPALIVE_IDLE + PATIENCE, "they are gone", gone);
    bystander.was_undisturbed();
    daemon.has_clients(0);
    daemon.has_descriptors(before - 2);
    daemon.stop();
}

/// A daemon with an echo whose socket it was given, and a relay.
fn with_short_backlog() -> (Daemon, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let plain = serve(&["echo://@short", RELAY]);
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\" -q"]);
    command.arg(plain.get_program()).args(plain.get_args());
    command
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "short");
    let passed = FdMapping {
        parent_fd: listener.into(),
        child_fd: 3,
    };
    command.fd_mappings(vec![passed]).unwrap();
    command.env_remove("RUST_LOG");
    (Daemon::run(command, 2), address)
}

/// A client that has begun to connect.
fn connecting(at: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    if let Err(error) = socket.connect(&at.into()) {
        let begun = rustix::io::Errno::INPROGRESS.raw_os_error();
        assert_eq!(error.raw_os_error(), Some(begun), "{error}");
    }
    socket.into()
}

/// It is connected in the end, hears itself, and goes. The kernel tries again after 1, 3, 7 and 15 seconds.
fn is_served(mut client: TcpStream) {
    eventually_within(PATIENCE, "a connection", || client.peer_addr().is_ok());
    client.set_nonblocking(false).unwrap();
    patient(&client);
    client.write_all(b"here").unwrap();
    receive(&mut client, b"here");
    // Not with FIN: of that TIME-WAIT is left on this side, which answers keepalive where nobody else is.
    reset(client);
}

#[test]
#[ignore = "needs strace"]
fn however_many_come_at_once_a_turn_accepts_a_few() {
    const CLIENTS: usize = 1000;
    let file = scratch("accepts.strace");
    let plain = serve(&[ECHO]);
    let mut command = Command::new("strace");
    // The tracer stands aside, so that the daemon itself is our child.
    command.args(["-D", "-e", "trace=accept4,epoll_wait", "-o"]);
    command.arg(&file).arg(plain.get_program());
    command.args(plain.get_args()).env_remove("RUST_LOG");
    let mut daemon = Daemon::run(command, 1);
    daemon.signal(Signal::STOP);
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| daemon.connect()).collect();
    daemon.signal(Signal::CONT);
    daemon.has_clients(CLIENTS);
    drop(clients);
    daemon.has_clients(0);
    daemon.stop();
    let trace = std::fs::read_to_string(&file).unwrap();
    let turns = trace.split("epoll_wait");
    let accepted = turns.map(|turn| {
        let accepts = turn.lines().filter(|line| line.contains("accept4("));
        accepts.filter(|line| !line.contains("= -1")).count()
    });
    let accepted: Vec<usize> = accepted.collect();
    assert_eq!(accepted.iter().sum::<usize>(), CLIENTS);
    let most = accepted.iter().max().copied();
    assert!(most <= Some(ACCEPTS_PER_TURN), "{accepted:?}");
}
