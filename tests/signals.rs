//! Watched with SIGUSR2, stopped with SIGUSR1, SIGTERM or SIGINT.

mod common;

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::stop::{FAREWELL, begin_stop, ends_well};
use common::{Daemon, ECHO, End, Noise, RELAY, Signal, connect, end_of, receive, scratch};

#[test]
fn sigusr2_prints_the_number_of_clients() {
    let mut daemon = Daemon::serve(&[ECHO], &[]);
    let mut clients = Vec::new();
    for count in 0..5 {
        daemon.has_clients(count);
        let answer = format!("NUMBER OF CLIENTS : {count}");
        assert_eq!(daemon.stdout.last(), answer);
        clients.push(daemon.connect());
    }
    while let Some(client) = clients.pop() {
        daemon.has_clients(clients.len() + 1);
        drop(client);
    }
}

#[test]
fn sigusr2_logs_the_counts_of_each_service() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let mut x = daemon.connect();
    let _y = daemon.connect();
    let _waiting = daemon.connect();
    let mut echo = connect(daemon.address(1));
    x.write_all(&[0; 70]).unwrap();
    echo.write_all(&[0; 7]).unwrap();
    receive(&mut echo, &[0; 7]);
    daemon.has_clients(4);
    daemon.settle();
    let relay = "relay: 3 clients, 1 waiting, 1 room, 70 bytes, 0 refused";
    daemon.stderr.find(relay);
    let echo = "echo: 1 client, 0 waiting, 1 room, 7 bytes, 0 refused";
    daemon.stderr.find(echo);
    daemon.stderr.find("4 accepted, closed: none");
}

#[test]
fn each_signal_to_stop_ends_an_idle_daemon_well() {
    for signal in [Signal::USR1, Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::serve(&[RELAY], &[]);
        daemon.signal(signal);
        assert_eq!(daemon.stdout.next().as_deref(), Some(FAREWELL));
        ends_well(&mut daemon);
    }
}

#[test]
fn whoever_waits_is_reset_by_the_stop() {
    let mut daemon = Daemon::serve(&[RELAY], &["--drain-timeout", "1h"]);
    let mut waiting = daemon.connect();
    waiting.write_all(b"early").unwrap();
    daemon.has_clients(1);
    daemon.signal(Signal::USR1);
    assert_eq!(end_of(&mut waiting), End::Reset);
    daemon.stdout.find(FAREWELL);
    ends_well(&mut daemon);
}

#[test]
fn running_rooms_may_finish_after_the_stop_has_begun() {
    const LENGTH: u64 = 8 << 20;
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &["--drain-timeout", "1h"]);
    let (mut x, mut y) = daemon.pair();
    let mut echo = connect(daemon.address(1));
    daemon.has_clients(3);
    begin_stop(&mut daemon, Signal::USR1);
    let noise = Noise::new(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            noise.send(&mut x, 0..LENGTH);
            x.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(noise.receive_all(&mut y, 0), (LENGTH, End::Fin));
    });
    y.write_all(b"thanks").unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    receive(&mut x, b"thanks");
    assert_eq!(end_of(&mut x), End::Fin);
    assert_eq!(daemon.report(), 1, "it stays for the last client");
    echo.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut echo), End::Fin);
    ends_well(&mut daemon);
}

#[test]
fn nobody_gets_in_once_the_stop_has_begun() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &["--drain-timeout", "1h"]);
    let _room = daemon.pair();
    daemon.has_clients(2);
    begin_stop(&mut daemon, Signal::TERM);
    for listener in [0, 1] {
        let late = TcpStream::connect(daemon.address(listener));
        let error = late.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    // A successor may have the address while the last rooms finish.
    let url = format!("relay://{}", daemon.address(0));
    let successor = Daemon::serve(&[&url], &[]);
    let (mut x, mut y) = successor.pair();
    x.write_all(b"next door").unwrap();
    receive(&mut y, b"next door");
    assert_eq!(daemon.report(), 2);
}

#[test]
fn the_statistics_file_is_written_whole() {
    let file = scratch("statistics.prom");
    let mut command = common::serve(&[RELAY, ECHO]);
    command.arg("--stats-file").arg(&file);
    let mut daemon = Daemon::run(command, 2);
    let mut clients = vec![daemon.connect()];
    for count in 1..20 {
        daemon.has_clients(count);
        clients.push(connect(daemon.address(1)));
        let text = std::fs::read_to_string(&file).unwrap();
        check_statistics(&text);
    }
    daemon.has_clients(20);
    let text = std::fs::read_to_string(&file).unwrap();
    for sample in [
        "pairloop_clients{service=\"relay\"} 1",
        "pairloop_clients{service=\"echo\"} 19",
        "pairloop_waiting{service=\"relay\"} 1",
        "pairloop_rooms{service=\"echo\"} 19",
        "pairloop_accepted_total 20",
        "pairloop_closed_total{reason=\"reset\"} 0",
        "pairloop_dropped_lines_total{stream=\"stdout\"} 0",
    ] {
        assert!(
            text.lines().any(|line| line == sample),
            "no {sample} in {text}"
        );
    }
    clients.clear();
    daemon.has_clients(0);
    daemon.stop();
    check_statistics(&std::fs::read_to_string(&file).unwrap());
    let temporary = file.with_extension("prom.tmp");
    assert!(!temporary.exists(), "{} is left", temporary.display());
}

#[test]
fn whoever_has_read_the_count_finds_the_statistics_written() {
    let file = scratch("written.prom");
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = Daemon::serve(&[ECHO], &options);
    for _ in 0..100 {
        std::fs::remove_file(&file).ok();
        daemon.report();
        check_statistics(&std::fs::read_to_string(&file).unwrap());
    }
    daemon.stop();
}

/// Comments, and samples of a name and a number, from the first line to the last family.
fn check_statistics(text: &str) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect(line);
        assert!(name.starts_with("pairloop_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    let first = text.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("# ") && first.contains(" pairloop_clients "),
        "{text}"
    );
    assert!(text.contains("\npairloop_uptime_seconds "), "{text}");
    assert!(text.ends_with('\n'), "{text}");
}

#[test]
fn the_first_signal_after_once_is_not_the_second() {
    let mut daemon = Daemon::serve(&[ECHO], &["--once", "--drain-timeout", "1h"]);
    let mut other = daemon.connect();
    daemon.has_clients(1);
    drop(daemon.connect());
    daemon.stderr.find("stopping: ");
    daemon.signal(Signal::TERM);
    assert_eq!(
        daemon.stdout.find("THE SERVER"),
        "THE SERVER WILL DISCONNECT"
    );
    other.write_all(b"I may finish").unwrap();
    receive(&mut other, b"I may finish");
    drop(other);
    assert_eq!(daemon.wait().code(), Some(0));
}
