//! Sockets that somebody else opened for us, and what becomes of their clients when we are restarted.

#![cfg(target_os = "linux")]

mod common;

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};

use common::{
    Daemon, ECHO, End, Signal, connect, end_of, eventually, hears_nothing, program, receive,
    scratch,
};

/// The program, to serve these URLs, with these sockets passed to it under these names.
fn activated(urls: &[&str], sockets: Vec<(&str, OwnedFd)>) -> Command {
    // Who passes sockets says for which process they are, and only that process knows its number before it is there.
    let serve = common::serve(urls);
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""]);
    command.arg(serve.get_program()).args(serve.get_args());
    command.env_remove("RUST_LOG");
    let names: Vec<&str> = sockets.iter().map(|(name, _)| *name).collect();
    command.env("LISTEN_FDS", names.len().to_string());
    command.env("LISTEN_FDNAMES", names.join(":"));
    let numbered = (3..).zip(sockets);
    let mappings = numbered.map(|(child_fd, (_, parent_fd))| FdMapping {
        parent_fd,
        child_fd,
    });
    command.fd_mappings(mappings.collect()).unwrap();
    command
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Another descriptor of the same socket, for a process to have.
fn copy(socket: &TcpListener) -> OwnedFd {
    socket.try_clone().unwrap().into()
}

/// The program ends with 1, and says this.
#[track_caller]
fn fails(mut command: Command, parts: &[&str]) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    let code = daemon.wait().code();
    let stderr = daemon.stderr.rest().join("\n");
    assert_eq!(code, Some(1), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
}

#[track_caller]
fn echoes(client: &mut TcpStream) {
    client.write_all(b"are you there?").unwrap();
    receive(client, b"are you there?");
}

#[test]
fn sockets_that_are_passed_are_found_by_their_names() {
    let sockets = [listener(), listener(), listener()];
    let named = [
        ("two", &sockets[0]),
        ("one", &sockets[1]),
        ("two", &sockets[2]),
    ];
    let passed = named.map(|(name, socket)| (name, copy(socket)));
    let command = activated(&["relay://@one", "echo://@two", ECHO], passed.into());
    let mut daemon = Daemon::run(command, 4);
    for (listener, socket) in [(0, 1), (1, 0), (2, 2)] {
        let address = sockets[socket].local_addr().unwrap();
        assert_eq!(daemon.address(listener), address);
    }
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"through one").unwrap();
    receive(&mut y, b"through one");
    let mut echoing: Vec<TcpStream> = (1..4)
        .map(|number| connect(daemon.address(number)))
        .collect();
    echoing.iter_mut().for_each(echoes);
    // What a client inherits from its listener is there as well: whoever is cut off by our death knows it.
    daemon.kill();
    for client in echoing.iter_mut().chain([&mut x, &mut y]) {
        assert_eq!(end_of(client), End::Reset);
    }
}

#[test]
fn a_name_that_was_not_passed_is_an_error_that_says_which_were() {
    let url = "relay://@relay";
    fails(
        common::serve(&[url]),
        &[url, "no socket has been passed", "FileDescriptorName=relay"],
    );
    let passed = vec![("echo", copy(&listener())), ("chat", copy(&listener()))];
    fails(activated(&[url], passed), &[url, "there are: echo, chat"]);
    let passed = vec![("relay", copy(&listener()))];
    fails(
        activated(&[url, "echo://@relay"], passed),
        &["echo://@relay", "once"],
    );
}

#[test]
fn what_does_not_listen_for_tcp_is_refused() {
    let path = scratch("stream");
    let local = listener();
    let connected = TcpStream::connect(local.local_addr().unwrap()).unwrap();
    let wrong: [OwnedFd; 4] = [
        connected.into(),
        UdpSocket::bind("127.0.0.1:0").unwrap().into(),
        UnixListener::bind(&path).unwrap().into(),
        std::fs::File::open("/dev/null").unwrap().into(),
    ];
    for socket in wrong {
        let command = activated(&["relay://@relay"], vec![("relay", socket)]);
        fails(command, &["relay://@relay", "not a listening TCP socket"]);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_socket_that_no_listener_takes_is_named_in_the_log() {
    let passed = vec![("relay", copy(&listener())), ("spare", copy(&listener()))];
    let mut daemon = Daemon::run(activated(&["relay://@relay"], passed), 1);
    daemon.stderr.find("a socket named spare");
    daemon.stop();
}

/// An activated daemon with an echo on this socket.
fn echo_on(socket: &TcpListener) -> Daemon {
    let mut command = activated(&["echo://@echo"], vec![("echo", copy(socket))]);
    command.args(["--drain-timeout", "1h"]);
    Daemon::run(command, 1)
}

#[test]
fn a_restart_refuses_nobody() {
    const CLIENTS: usize = 300;
    const AT_A_TIME: usize = 10;
    let socket = listener();
    let address = socket.local_addr().unwrap();
    let mut daemon = echo_on(&socket);
    let (served, over) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(move || {
                // If the test fails, they end all the same.
                while !over.load(Ordering::Relaxed) && served.load(Ordering::Relaxed) < 100_000 {
                    echoes(&mut connect(address));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..3 {
            // By then the daemon has served somebody: no more than these are counted late.
            let enough = served.load(Ordering::Relaxed) + CLIENTS / 3 + AT_A_TIME;
            eventually("clients are served", || {
                served.load(Ordering::Relaxed) >= enough
            });
            daemon.stop();
            daemon = echo_on(&socket);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(served.load(Ordering::Relaxed) >= CLIENTS);
    daemon.stop();
}

/// Whoever came after the signal would be accepted only to be sent away.
#[test]
fn who_comes_with_the_signal_to_stop_is_left_to_the_next_daemon() {
    let socket = listener();
    let serve = || activated(&["relay://@relay"], vec![("relay", copy(&socket))]);
    let mut daemon = Daemon::run(serve(), 1);
    daemon.settle();
    daemon.signal(Signal::STOP);
    // Until it stands still, its poll may still see them come, and not the signal.
    eventually("it stands still", || {
        daemon.proc("status").contains("State:\tT")
    });
    daemon.signal(Signal::TERM);
    let (mut x, mut y) = daemon.pair();
    daemon.signal(Signal::CONT);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(hears_nothing(&x) && hears_nothing(&y));
    let mut next = Daemon::run(serve(), 1);
    x.write_all(b"still here").unwrap();
    receive(&mut y, b"still here");
    drop((x, y));
    next.stop();
}

/// The socket lives on in the manager, and with it its edges, if they were not given back.
#[test]
fn a_daemon_that_drains_does_not_spin_over_a_socket_that_it_has_left() {
    let socket = listener();
    let mut daemon = echo_on(&socket);
    let mut client = daemon.connect();
    echoes(&mut client);
    daemon.signal(Signal::TERM);
    daemon.stdout.find("THE SERVER");
    daemon.settle();
    let late = daemon.connect();
    let begin = daemon.cpu_time();
    thread::sleep(Duration::from_millis(500));
    let spent = daemon.cpu_time() - begin;
    assert!(
        spent < Duration::from_millis(50),
        "{spent:?} in half a second"
    );
    assert!(hears_nothing(&late));
    assert_eq!(daemon.report(), 1);
    echoes(&mut client);
    drop(client);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
#[ignore = "needs systemd-socket-activate"]
fn the_tool_that_passes_sockets_is_understood() {
    // Free a moment ago; the tool binds them itself, and says nothing about a port that it would choose.
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [free(), free()].map(|socket| socket.local_addr().unwrap());
    let mut command = Command::new("systemd-socket-activate");
    for address in addresses {
        command.args(["-l", &address.to_string()]);
    }
    command.arg("--fdname=one:two").arg(program().get_program());
    command.args([
        "serve",
        "--listen",
        "echo://@two",
        "--listen",
        "relay://@one",
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    // The first client makes it start the daemon.
    let mut first = None;
    eventually("somebody listens", || {
        first = TcpStream::connect(addresses[1]).ok();
        first.is_some()
    });
    for _ in addresses {
        let line = daemon.stdout.next().expect("it is ready");
        daemon.is_ready(&line);
    }
    assert_eq!([daemon.address(1), daemon.address(0)], addresses);
    let mut echo = first.expect("it was connected");
    echo.write_all(b"early").unwrap();
    receive(&mut echo, b"early");
    let (mut x, mut y) = (connect(addresses[0]), connect(addresses[0]));
    x.write_all(b"and a room").unwrap();
    receive(&mut y, b"and a room");
    drop((x, y, echo));
    daemon.stop();
}
