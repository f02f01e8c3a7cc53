//! The client commands that are pipes: produce, consume and echo.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

use common::{
    Client, Daemon, ECHO, End, Noise, RELAY, Signal, end_of, program, read_all, receive, reset,
    scratch,
};

const LENGTH: u64 = 5 << 20;

fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Noise::new(seed).send(&mut bytes, 0..LENGTH);
    bytes
}

/// A client command that connects to this address.
fn command(name: &str, at: SocketAddr) -> Command {
    let mut command = program();
    command.args([name, "--at", &at.to_string()]);
    command
}

#[test]
fn produce_and_consume_are_a_pipe() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    for consumer_first in [false, true] {
        let (from, bytes) = (scratch(&format!("produced-{consumer_first}")), noise(1));
        fs::write(&from, &bytes).unwrap();
        let mut produce = command("produce", daemon.address(0));
        produce.stdin(File::open(from).unwrap());
        let mut consume = command("consume", daemon.address(0));
        consume.stdin(Stdio::null()).stdout(Stdio::piped());
        let first = if consumer_first {
            &mut consume
        } else {
            &mut produce
        };
        let first = first.spawn().unwrap();
        daemon.has_clients(1);
        let second = if consumer_first {
            &mut produce
        } else {
            &mut consume
        };
        let second = second.spawn().unwrap();
        let (mut producer, consumer) = if consumer_first {
            (second, first)
        } else {
            (first, second)
        };
        let output = consumer.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(output.stdout == bytes, "all bytes and no others");
        assert!(producer.wait().unwrap().success());
        daemon.has_clients(0);
    }
}

#[test]
fn a_producer_is_done_when_the_consumer_is() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut producer = Client::start("produce", daemon.address(0), &[]);
    let mut y = daemon.connect();
    producer.say(b"all of it");
    receive(&mut y, b"all of it");
    producer.end_input();
    assert_eq!(end_of(&mut y), End::Fin);
    reset(y);
    let words = producer.ends(1);
    assert!(words.contains("the connection was cut"), "{words}");
}

#[test]
fn a_producer_that_is_killed_is_no_end() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let producer = Client::start("produce", daemon.address(0), &[]);
    let mut y = daemon.connect();
    let mut producer = producer;
    producer.say(b"a part");
    receive(&mut y, b"a part");
    producer.signal(Signal::INT);
    assert_eq!(end_of(&mut y), End::Reset);
}

#[test]
fn what_a_producer_is_told_is_thrown_away_and_said() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut producer = Client::start("produce", daemon.address(0), &[]);
    let mut y = daemon.connect();
    producer.say(b"data");
    receive(&mut y, b"data");
    // More than all buffers on the way: nobody could send it if it were not read.
    Noise::new(3).send(&mut y, 0..32 << 20);
    y.shutdown(Shutdown::Write).unwrap();
    producer.end_input();
    let words = producer.ends(1);
    assert!(words.contains("the partner sent 33554432 bytes"), "{words}");
    assert_eq!(end_of(&mut y), End::Fin);
}

#[test]
fn a_cut_stream_is_a_failure_for_both() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let mut producer = Client::start("produce", daemon.address(0), &[]);
    daemon.has_clients(1);
    let mut consumer = Client::start("consume", daemon.address(0), &[]);
    producer.say(b"a line\n");
    assert_eq!(consumer.stdout.next().unwrap(), "a line");
    daemon.kill();
    // The producer's input has not ended: it must not wait for that.
    for client in [&mut producer, &mut consumer] {
        let words = client.ends(1);
        assert!(words.contains("the connection was cut"), "{words}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_success() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let mut consume = command("consume", daemon.address(0));
    consume
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut consumer = consume.spawn().unwrap();
    drop(consumer.stdout.take());
    daemon.has_clients(1);
    let mut x = daemon.connect();
    x.write_all(b"more than it wants").unwrap();
    let output = consumer.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
    // The producer is told that not everything was taken.
    assert_eq!(read_all(&mut x), (vec![], End::Reset));

    let mut echo = command("echo", daemon.address(1));
    echo.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut echo = echo.spawn().unwrap();
    drop(echo.stdout.take());
    echo.stdin.take().unwrap().write_all(b"unheard").unwrap();
    assert!(echo.wait_with_output().unwrap().status.success());
}

#[test]
fn a_full_device_is_a_failure() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let mut consume = command("consume", daemon.address(0));
    let full = File::options().write(true).open("/dev/full").unwrap();
    consume
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped());
    let consumer = consume.spawn().unwrap();
    daemon.has_clients(1);
    daemon.connect().write_all(b"data").unwrap();
    let output = consumer.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("cannot write to standard output"),
        "{stderr}"
    );
}

#[test]
fn echo_gives_every_byte_back() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    let bytes = noise(2);
    let mut echo = command("echo", daemon.address(0));
    echo.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut echo = echo.spawn().unwrap();
    let mut stdin = echo.stdin.take().unwrap();
    let sent = bytes.clone();
    let sender = thread::spawn(move || stdin.write_all(&sent).unwrap());
    let output = echo.wait_with_output().unwrap();
    sender.join().unwrap();
    assert!(output.status.success());
    assert!(output.stdout == bytes, "all bytes and no others");
}

#[test]
fn echo_answers_while_more_is_typed() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    let mut echo = Client::start("echo", daemon.address(0), &[]);
    for line in ["one", "two"] {
        echo.say(format!("{line}\n").as_bytes());
        assert_eq!(echo.stdout.next().unwrap(), line);
    }
    echo.end_input();
    assert_eq!(echo.ends(0), "");
}

#[test]
fn an_echo_that_is_not_whole_is_a_failure() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let mut short = Client::start("echo", at, &[]);
    short.say(b"hello\n");
    short.end_input();
    let (mut stream, _) = server.accept().unwrap();
    assert_eq!(read_all(&mut stream), (b"hello\n".to_vec(), End::Fin));
    stream.write_all(b"hell").unwrap();
    drop(stream);
    let words = short.ends(1);
    assert!(words.contains("only 4 of 6 bytes came back"), "{words}");

    let mut early = Client::start("echo", at, &[]);
    drop(server.accept().unwrap());
    let words = early.ends(1);
    assert!(words.contains("before the end of the input"), "{words}");

    let mut cut = Client::start("echo", at, &[]);
    cut.say(b"hello\n");
    let (mut stream, _) = server.accept().unwrap();
    receive(&mut stream, b"hello\n");
    reset(stream);
    let words = cut.ends(1);
    assert!(words.contains("the connection was cut"), "{words}");
}

/// Clients have the daemon's name, and `pkill pairloop` means all of them.
#[test]
fn what_is_meant_for_the_daemon_does_not_end_a_client() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut producer = Client::start("produce", daemon.address(0), &[]);
    let mut y = daemon.connect();
    producer.say(b"before");
    receive(&mut y, b"before");
    producer.signal(Signal::USR2);
    producer.signal(Signal::USR1);
    producer.say(b"after");
    receive(&mut y, b"after");
    producer.end_input();
    assert_eq!(end_of(&mut y), End::Fin);
    drop(y);
    producer.ends(0);
}
