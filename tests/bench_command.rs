//! The load generator against the real daemon: every mode does what it says, and what it prints is what happened.
//! Nothing is asserted about how fast it was.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use common::generator::{bench, fails, listen, measure, pass_on};
use common::{Daemon, ECHO, RELAY, scratch};

const CHAT: &str = "chat://127.0.0.1:0";
const ORDER: &str = "order://127.0.0.1:0";

#[test]
fn messages_are_counted_in_every_mode() {
    let daemon = Daemon::serve(&[ECHO, RELAY, CHAT, ORDER], &["-qq"]);
    for (listener, mode, options, unit) in [
        (0, "echo", "--connections 3 --count 500", "messages"),
        (
            0,
            "echo",
            "--connections 5 --depth 8 --size 1000 --threads 2 --count 500",
            "messages",
        ),
        (1, "relay", "--rooms 3 --count 500", "messages"),
        (
            1,
            "relay",
            "--rooms 2 --size 64K --depth 4 --threads 2 --count 500",
            "messages",
        ),
        (2, "chat", "--rooms 3 --count 500", "lines"),
        (3, "order", "--rooms 4 --count 50", "rooms"),
        (1, "connect", "--rooms 4 --count 50", "rooms"),
        (
            1,
            "connect",
            "--rooms 4 --threads 2 --close fin --count 50",
            "rooms",
        ),
    ] {
        let result = measure(mode, daemon.address(listener), options);
        let wanted: f64 = options.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(result.text("mode"), mode);
        assert_eq!(result.text("unit"), unit);
        assert_eq!(result.number("count"), wanted, "{mode} {options}");
        assert_eq!(result.number("lost"), 0.0);
        assert!(result.number("latency_us.max") >= result.number("latency_us.p50"));
    }
}

#[test]
fn bytes_are_counted_in_bulk() {
    let daemon = Daemon::serve(&[RELAY], &["-qq"]);
    let mut ways = vec!["--bulk", "--bulk --rooms 3 --threads 2"];
    if cfg!(target_os = "linux") {
        ways.push("--bulk --discard");
    }
    for options in ways {
        let options = format!("{options} --duration 300ms");
        let result = measure("relay", daemon.address(0), &options);
        assert!(result.number("bytes") > 0.0, "{options}");
        assert_eq!(result.number("count"), 0.0);
        assert_eq!(result.find("latency_us.p50"), None, "there are no messages");
    }
}

#[test]
fn a_rate_sends_what_is_due_and_says_how_late() {
    let daemon = Daemon::serve(&[ECHO, RELAY, CHAT, ORDER], &["-qq"]);
    for (listener, mode) in ["echo", "relay", "chat", "order"].into_iter().enumerate() {
        let result = measure(
            mode,
            daemon.address(listener),
            "--rate 200 --count 40 --threads 2",
        );
        assert_eq!(result.number("count"), 40.0, "{mode}");
        assert!(result.number("sent_late_us.max") >= 0.0, "{mode}");
        assert!(result.find("unanswered").is_some(), "{mode}");
    }
}

#[test]
fn idle_connections_are_held_and_weighed() {
    let mut daemon = Daemon::serve(&[RELAY], &["-qq"]);
    let pid = daemon.pid().as_raw_nonzero().to_string();
    let mut options = "--connections 60 --duration 300ms --sources 3".to_owned();
    if cfg!(target_os = "linux") {
        options += &format!(" --server-pid {pid}");
    }
    let result = measure("idle", daemon.address(0), &options);
    assert_eq!(result.number("count"), 60.0);
    if cfg!(target_os = "linux") {
        assert!(result.find("server_rss_anon_per_connection").is_some());
        assert!(result.number("server_cpu") >= 0.0);
    }
    daemon.has_clients(0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_is_weighed_when_it_has_taken_its_clients_in() {
    let (_listener, at) = listen();
    let work = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; exec sleep 60";
    let mut server = std::process::Command::new("sh");
    let mut server = server.args(["-c", work]).spawn().expect("it starts");
    let pid = server.id();
    let options = format!("--connections 1 --duration 1ms --server-pid {pid}");
    measure("idle", at, &options);
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("it is there");
    server.kill().expect("it is there");
    server.wait().expect("it ends");
    assert_eq!(name.trim(), "sleep", "its work is done");
}

#[test]
fn a_message_that_is_not_whole_is_none() {
    const SIZE: usize = 3000;
    let (listener, at) = listen();
    thread::spawn(move || {
        loop {
            let [mut x, mut y] = [(); 2].map(|()| listener.accept().expect("a client").0);
            let mut message = [0; SIZE];
            x.read_exact(&mut message).expect("a message of its size");
            y.write_all(&message[1..]).expect("it is there");
        }
    });
    let options = format!("--size {SIZE} --rooms 1 --count 1");
    let error = fails(1, "connect", at, &options);
    assert!(error.contains("closed before the message came"), "{error}");
}

#[test]
fn the_far_side_of_a_proxy_can_be_the_generator() {
    let (proxy, at) = listen();
    let (reserved, sink) = listen();
    drop(reserved);
    thread::spawn(move || {
        for client in proxy.incoming() {
            // Between two runs the generator does not listen.
            let Ok(server) = TcpStream::connect(sink) else {
                continue;
            };
            thread::spawn(move || pass_on(client.expect("a client"), server));
        }
    });
    for (mode, options, count) in [
        ("relay", "--rooms 3 --count 90 --depth 2", 90.0),
        ("connect", "--rooms 3 --count 90", 90.0),
        ("idle", "--connections 5 --duration 1ms", 5.0),
    ] {
        let result = measure(mode, at, &format!("--sink {sink} {options}"));
        assert_eq!(result.number("count"), count, "{mode}");
    }
}

#[test]
fn strangers_among_the_clients_are_noticed() {
    let daemon = Daemon::serve(&[RELAY], &["-qq"]);
    let _stranger = daemon.connect();
    let errors = fails(1, "relay", daemon.address(0), "--rooms 2 --count 5");
    assert!(
        errors.contains("did not pair the clients in the order"),
        "{errors}"
    );
}

#[test]
fn an_answer_that_is_wrong_is_no_answer() {
    let (listener, at) = listen();
    thread::spawn(move || {
        let mut stream = listener.accept().expect("a client").0;
        let mut message = [0; 64];
        while stream.read_exact(&mut message).is_ok() && stream.write_all(&[b'?'; 64]).is_ok() {}
    });
    let errors = fails(1, "echo", at, "--connections 1 --count 5");
    assert!(
        errors.contains("received something else than was sent"),
        "{errors}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused_with_a_reason() {
    let (listener, at) = listen();
    drop(listener);
    let refused = fails(1, "echo", at, "--count 1");
    assert!(refused.contains("is pairloop serve running?"), "{refused}");
    let daemon = Daemon::serve(&[ECHO], &["-qq"]);
    let at = daemon.address(0);
    for (code, mode, options, words) in [
        (1, "relay", "--server-pid 4000000000", "no such process"),
        (1, "echo", "--connections 4000000000", "descriptors"),
        (
            1,
            "echo",
            "--sources 192.0.2.1",
            "192.0.2.1 can't be connected from",
        ),
        (1, "order", "--duration 200ms", "nothing was measured"),
        (2, "echo", "--rooms 5", "use --connections"),
        (2, "relay", "--bulk --rate 5", "--rate"),
        (2, "echo", "--size 65K", "--size is 1 to 64K"),
        (2, "echo", "--rate 0", "not a rate"),
        (2, "ecko", "", "ecko"),
    ] {
        let errors = fails(code, mode, at, options);
        assert!(errors.contains(words), "{mode} {options}: {errors}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_heard_of_before_the_load() {
    let daemon = Daemon::serve(&[ECHO], &["-qq"]);
    let path = scratch("no-such-folder").join("report.html");
    // For ever: it must not come to that.
    let options = format!("--duration 1d --report {}", path.display());
    let words = fails(1, "echo", daemon.address(0), &options);
    assert!(words.contains("cannot write"), "{words}");
}

#[test]
fn what_was_due_and_never_sent_is_unanswered() {
    let daemon = Daemon::serve(&[ECHO, RELAY], &["-qq"]);
    for (listener, mode, options) in [(0, "echo", "--connections 2"), (1, "connect", "--rooms 2")] {
        let options = format!("{options} --rate 100000000 --duration 200ms");
        let json = measure(mode, daemon.address(listener), &options);
        let due = json.number("count") + json.number("unanswered");
        // All but those that were answered a moment after the end.
        assert!((due / 2e7 - 1.0).abs() < 0.01, "{mode}: {due} were due");
    }
}

#[test]
fn the_report_is_one_whole_page() {
    let daemon = Daemon::serve(&[ECHO], &["-qq"]);
    let path = scratch("bench.html");
    let options = format!("--count 200 --report {}", path.display());
    let output = bench("echo", daemon.address(0), &options);
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8(output.stdout).unwrap();
    for part in [
        "messages",
        "a second",
        "latency in us",
        "p99.9",
        "generator CPU",
    ] {
        assert!(table.contains(part), "no {part} in {table}");
    }
    let page = std::fs::read_to_string(path).expect("it was written");
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    for tag in [
        "svg", "div", "table", "tr", "td", "h2", "p", "style", "text", "title",
    ] {
        let closed = page.matches(&format!("</{tag}>")).count();
        let opened = [" ", ">"].map(|end| page.matches(&format!("<{tag}{end}")).count());
        assert_eq!(opened.iter().sum::<usize>(), closed, "<{tag}>");
        assert!(closed > 0, "<{tag}>");
    }
    for foreign in [
        "http:", "https:", "<script", "<link", "<img", "NaN", "/tmp", "target",
    ] {
        assert!(!page.contains(foreign), "{foreign} in the page");
    }
}
