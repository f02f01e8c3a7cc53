//! Wrong usage ends with 2, what can't run with 1, and both say which argument is to blame.

mod common;

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use common::{Daemon, End, RELAY, end_of, program, receive};

/// Runs the program, which is not to stay. Answers its exit code, stdout and stderr.
#[track_caller]
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = program();
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    let code = daemon.wait().code();
    let text = |lines: Vec<String>| lines.join("\n");
    (code, text(daemon.stdout.rest()), text(daemon.stderr.rest()))
}

/// The program ends with this code, and says this on stderr and nothing on stdout.
#[track_caller]
fn fails(code: i32, arguments: &[&str], parts: &[&str]) {
    let (found, stdout, stderr) = run(arguments);
    assert_eq!(found, Some(code), "{arguments:?}: {stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    for part in parts {
        assert!(
            stderr.contains(part),
            "{arguments:?}: no {part:?} in {stderr}"
        );
    }
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
}

#[test]
fn a_wrong_url_is_wrong_usage() {
    for (url, words) in [
        ("", "SERVICE://HOST:PORT"),
        ("127.0.0.1:7000", "SERVICE://HOST:PORT"),
        ("rely://127.0.0.1:0", "unknown service `rely`"),
        ("relay://127.0.0.1", "no port"),
        ("relay://127.0.0.1:65536", "not a port: `65536`"),
        ("relay://127.0.0.1:-1", "not a port: `-1`"),
        ("relay://::1:7000", "brackets"),
        ("relay://:7000", "no host"),
        ("relay://127.0.0.1:0?turns=free", "unknown option `turns`"),
    ] {
        fails(2, &["serve", "--listen", url], &["--listen", words]);
    }
}

#[test]
fn a_wrong_value_is_wrong_usage() {
    for (option, value, words) in [
        ("--wait-timeout", "10", "not a duration"),
        ("--idle-timeout", "soon", "not a duration"),
        ("--half-close-timeout", "1.5s", "not a duration"),
        ("--stall-timeout", "0s", "more than nothing"),
        ("--drain-timeout", "none", "not a duration"),
        ("--drain-timeout", "99999d", "10000 days"),
        ("--buffer-memory", "64KB", "not a size"),
        ("--buffer-memory", "-1", "--buffer-memory"),
        ("--max-clients", "0", "not a whole number from 1 to"),
        ("--max-clients", "many", "not a whole number from 1 to"),
        ("--max-clients", "+7", "not a whole number from 1 to"),
        (
            "--max-clients",
            "4294967296",
            "not a whole number from 1 to",
        ),
        ("--blur-usage", "1e3", "not a whole number from 1 to"),
    ] {
        let joined = format!("{option}={value}");
        fails(2, &["serve", &joined], &[option, words]);
    }
}

#[test]
fn an_unknown_word_is_wrong_usage() {
    fails(2, &["serve", "--lisen", RELAY], &["--lisen"]);
    fails(2, &["sevre"], &["sevre"]);
    fails(
        2,
        &["serve", "relay://127.0.0.1:0"],
        &["relay://127.0.0.1:0"],
    );
    fails(2, &["serve", "--listen"], &["--listen"]);
    fails(2, &[], &["Usage"]);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let owner = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = owner.local_addr().unwrap().to_string();
    let url = format!("relay://{address}");
    fails(1, &["serve", "--listen", &url], &[&address, "is taken"]);
    // Also when another listener could have been opened: none of them is, then.
    fails(
        1,
        &["serve", "--listen", RELAY, "--listen", &url],
        &[&address],
    );
}

#[test]
fn a_running_daemon_keeps_its_port_to_itself() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let address = daemon.address(0).to_string();
    let url = format!("relay://{address}");
    fails(1, &["serve", "--listen", &url], &[&address, "is taken"]);
    let _room = daemon.pair();
    daemon.has_clients(2);
}

#[test]
fn a_host_that_is_not_here_cannot_be_served() {
    // 192.0.2.0/24 is for documentation (RFC 5737), and .invalid is never a name (RFC 2606).
    fails(
        1,
        &["serve", "--listen", "relay://192.0.2.1:0"],
        &["192.0.2.1"],
    );
    fails(
        1,
        &["serve", "--listen", "relay://no.such.invalid:0"],
        &["no.such.invalid"],
    );
}

#[test]
fn limits_that_cannot_be_kept_are_refused_at_the_start() {
    let too_many = ["serve", "--listen", RELAY, "--max-clients", "4000000"];
    fails(1, &too_many, &["--max-clients 4000000", "descriptors"]);
    let too_little = ["serve", "--max-clients", "100", "--buffer-memory", "1K"];
    fails(1, &too_little, &["--buffer-memory 1024", "100 clients"]);
}

#[test]
fn limits_that_the_system_has_lowered_are_said_at_the_default_level() {
    let warnings = |limit: &str, options: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
        let serve = common::serve(&[RELAY]);
        command.arg(serve.get_program()).args(serve.get_args());
        command.args(options).env_remove("RUST_LOG");
        let mut daemon = Daemon::run(command, 1);
        daemon.stop();
        let lines = daemon.stderr.rest().into_iter();
        let lines = lines.filter(|line| line.contains("WARN"));
        lines.collect::<Vec<_>>()
    };
    for (limit, options, expected) in [
        (
            "-n 100",
            &[][..],
            "up to 30 clients: this process may have only 100 descriptors: raise",
        ),
        (
            "-n 1024",
            &["--buffer-memory", "16M"],
            "up to 896 clients: ",
        ),
        (
            "-v 200000",
            &[],
            "bytes in buffers: this process may take only ",
        ),
        (
            "-v 200000",
            &["--max-clients", "10"],
            "up to 10 clients and ",
        ),
    ] {
        let said = warnings(limit, options);
        assert_eq!(said.len(), 1, "{limit}: {said:#?}");
        assert!(said[0].contains(expected), "{limit}: {said:#?}");
    }
    // Whoever has asked for so much has it.
    let enough = ["--max-clients", "20", "--buffer-memory", "8M"];
    for (limit, options) in [
        ("-n 100", &enough[..]),
        ("-v 200000", &enough),
        ("-n 4096", &[]),
    ] {
        assert_eq!(warnings(limit, options), [""; 0], "{limit}");
    }
}

#[test]
fn help_and_version_are_no_failure() {
    for (arguments, part) in [
        (&["--help"][..], "serve"),
        (&["serve", "--help"], "--listen <URL>"),
        (
            &["--version"],
            concat!("pairloop ", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!(code, Some(0));
        assert!(stdout.contains(part), "{arguments:?}: {stdout}");
        assert_eq!(stderr, "");
    }
}

#[test]
fn help_names_every_option_and_its_default() {
    let Output { stdout, .. } = program().args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(stdout).unwrap();
    for option in [
        "--listen",
        "--max-clients",
        "--buffer-memory",
        "--wait-timeout",
        "--idle-timeout",
        "--half-close-timeout",
        "--stall-timeout",
        "--drain-timeout",
        "--stats-file",
        "[default: 60s]",
        "[default: none]",
    ] {
        assert!(help.contains(option), "no {option} in {help}");
    }
}

#[test]
fn clients_beyond_the_limit_are_reset_and_counted() {
    let mut daemon = Daemon::serve(&[RELAY], &["--max-clients", "2"]);
    let (mut x, mut y) = daemon.pair();
    daemon.has_clients(2);
    for _ in 0..2 {
        // The reset may come before the connect has returned.
        match TcpStream::connect(daemon.address(0)) {
            Ok(mut client) => assert_eq!(end_of(&mut client), End::Reset),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    daemon.stderr.find("refused: 2 clients is the limit");
    assert_eq!(daemon.report(), 2);
    daemon
        .stderr
        .find("relay: 2 clients, 0 waiting, 1 room, 0 bytes, 2 refused");
    x.write_all(b"unharmed").unwrap();
    receive(&mut y, b"unharmed");
    drop((x, y));
    daemon.has_clients(0);
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"room again").unwrap();
    receive(&mut y, b"room again");
}

#[test]
fn the_longest_timeouts_and_little_memory_are_served() {
    let options = [
        "--stall-timeout",
        "10000d",
        "--idle-timeout",
        "10000d",
        "--buffer-memory",
        "64K",
    ];
    let mut daemon = Daemon::serve(&[RELAY], &options);
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"in good time").unwrap();
    receive(&mut y, b"in good time");
    drop((x, y));
    daemon.stop();
}

#[test]
fn a_stats_file_that_cannot_be_written_is_noticed_at_the_start() {
    let (code, _, stderr) = run(&[
        "serve",
        "--listen",
        RELAY,
        "--stats-file",
        "/nonexistent/folder/stats",
    ]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("--stats-file"), "{stderr}");
}
