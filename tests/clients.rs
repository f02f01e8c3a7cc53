//! `pairloop order`, and what all client commands have in common.

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};

use common::{Client, DEADLINE, Daemon, ECHO, ORDER, Signal, program, receive, reset};

const CLIENTS: [&str; 5] = ["echo", "produce", "consume", "chat", "order"];

fn run(arguments: &[&str]) -> Output {
    let mut program = program();
    program.args(arguments).stdin(Stdio::null());
    program.output().expect("it runs")
}

/// The command fails with this code and these words.
#[track_caller]
fn fails(code: i32, arguments: &[&str], words: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty());
}

/// Arguments of a client, whichever it is.
fn arguments<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![name];
    all.extend(more);
    if name == "order" {
        all.push("Alice");
    }
    all
}

#[test]
fn order_prints_what_it_sent_and_what_came_back() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    for stopped in [false, true] {
        let mut x = Client::start("order", daemon.address(0), &["Alice"]);
        daemon.has_clients(1);
        if stopped {
            x.signal(Signal::STOP);
        }
        let mut y = daemon.connect();
        receive(&mut y, b"Client Y connected\n");
        // One message is there before the other is sent.
        if stopped {
            y.write_all(b"Bob\n").unwrap();
            daemon.stdout.find("Y: Bob");
            x.signal(Signal::CONT);
        } else {
            daemon.stdout.find("X: Alice");
            y.write_all(b"Bob\n").unwrap();
        }
        let order = match stopped {
            false => "X: Alice received before Y: Bob",
            true => "Y: Bob received before X: Alice",
        };
        let said = ["Client X connected", "sent: Alice", order];
        assert_eq!(x.stdout.rest(), said);
        assert_eq!(x.ends(0), "");
        drop(y);
        daemon.has_clients(0);
    }
}

#[test]
fn two_that_order_are_told_the_same() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let mut x = Client::start("order", daemon.address(0), &["Alice"]);
    daemon.has_clients(1);
    let mut y = Client::start("order", daemon.address(0), &["Bob"]);
    let (said_x, said_y) = (x.stdout.rest(), y.stdout.rest());
    assert_eq!(said_x[..2], ["Client X connected", "sent: Alice"]);
    assert_eq!(said_y[..2], ["Client Y connected", "sent: Bob"]);
    assert_eq!(said_x[2..], said_y[2..]);
    assert!(said_x[2].contains(" received before "), "{said_x:?}");
    assert_eq!((x.ends(0), y.ends(0)), (String::new(), String::new()));
}

#[test]
fn order_fails_in_the_servers_words() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let mut x = Client::start("order", daemon.address(0), &["Alice"]);
    daemon.has_clients(1);
    let y = daemon.connect();
    daemon.stdout.find("X: Alice");
    reset(y);
    let words = x.ends(1);
    assert_eq!(
        words,
        "pairloop: the server refused: the partner is gone (ERR room)"
    );
    let mut cut = Client::start("order", daemon.address(0), &["Alice"]);
    let _partner = daemon.connect();
    daemon.stdout.find("Alice");
    daemon.kill();
    let words = cut.ends(1);
    assert!(words.contains("the connection was cut"), "{words}");
}

#[test]
fn a_server_that_is_not_there_is_asked_for() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap().to_string();
    drop(free);
    let words = format!("pairloop: connection refused by {at}: is pairloop serve running?\n");
    for client in CLIENTS {
        fails(1, &arguments(client, &["--at", &at]), &words);
    }
    // .invalid is never a name (RFC 2606).
    for client in CLIENTS {
        let words = "cannot find no.such.invalid:7";
        fails(1, &arguments(client, &["--at", "no.such.invalid:7"]), words);
    }
}

#[test]
fn each_address_of_a_name_is_tried() {
    // The name has one address or two, in either order; the server has one.
    let daemon = Daemon::serve(&[ECHO], &[]);
    let at = format!("localhost:{}", daemon.address(0).port());
    let output = run(&["echo", "--at", &at]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn no_answer_is_waited_for_no_longer_than_said() {
    // A full backlog answers nobody.
    let server = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    server
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    server.listen(0).unwrap();
    let address = server.local_addr().unwrap().as_socket().unwrap();
    let _waiting = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    let at = address.to_string();
    for client in CLIENTS {
        let words = format!("no answer from {at} within 50ms: check the address");
        let more = ["--at", &at, "--connect-timeout", "50ms"];
        fails(1, &arguments(client, &more), &words);
    }
}

#[test]
fn wrong_usage_says_what_is_wrong() {
    for client in CLIENTS {
        for (option, value, words) in [
            ("--at", "localhost", "write localhost:PORT"),
            ("--at", "::1:7000", "in brackets"),
            ("--at", "localhost:0", "port 0"),
            ("--connect-timeout", "10", "not a duration"),
            ("--lisen", "x", "--lisen"),
        ] {
            fails(2, &arguments(client, &[option, value]), words);
        }
    }
    fails(2, &["order"], "<MESSAGE>");
    fails(2, &["order", ""], "an empty message");
    fails(2, &["order", "two\nlines"], "one line");
    fails(2, &["order", &"a".repeat(1025)], "a message may have 1024");
}

#[test]
fn every_help_has_an_example() {
    for client in CLIENTS {
        let output = run(&[client, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        let example = format!("pairloop {client} ");
        let line = help.lines().find(|line| line.starts_with("Example: "));
        let line = line.unwrap_or_else(|| panic!("no example: {help}"));
        assert!(line.contains(&example), "{line}");
        assert!(help.contains("--connect-timeout"), "{help}");
        assert!(help.contains("[default: 127.0.0.1:"), "{help}");
    }
}
