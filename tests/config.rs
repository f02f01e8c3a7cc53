//! Settings from the file, the environment and the command line; and what `--check` says of them.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::users::UserFile;
use common::{Daemon, RELAY, program, scratch};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

/// A configuration file.
struct File(PathBuf);

impl File {
    fn of(test: &str, text: &str) -> Self {
        let file = Self(scratch(&format!("{test}.toml")));
        fs::write(&file.0, text).expect("it can be written");
        file
    }

    /// `pairloop serve` with this file.
    fn serve(&self) -> Command {
        let mut command = program();
        command.args(["serve", "--config"]).arg(&self.0);
        command
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

/// What a command that ends by itself says.
#[track_caller]
fn said(mut command: Command, code: i32) -> (String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
    (stdout, stderr)
}

#[test]
fn a_file_is_served_and_the_environment_and_the_command_line_go_before_it() {
    let text = format!("listen = [\"{RELAY}\", \"echo://127.0.0.1:0\"]\nmax-clients = 1\n");
    let file = File::of("served", &text);
    let mut command = file.serve();
    command.arg("-v").env("PAIRLOOP_MAX_CLIENTS", "3");
    let mut daemon = Daemon::run(command, 2);
    daemon.stderr.find("up to 3 clients");
    let mut command = program();
    command
        .args(["serve", "-v", "--max-clients", "4"])
        .env("PAIRLOOP_CONFIG", &file.0)
        .env("PAIRLOOP_MAX_CLIENTS", "3")
        .env("PAIRLOOP_LISTEN", RELAY);
    let mut daemon = Daemon::run(command, 1);
    daemon.stderr.find("up to 4 clients");
    daemon.stop();
    assert!(
        daemon.stdout.rest().len() == 1,
        "one listener, and the stop"
    );
}

#[test]
fn a_wrong_file_is_wrong_usage_and_one_that_is_not_there_can_not_run() {
    let file = File::of("wrong", "\n max-clients = 0\n");
    let (stdout, stderr) = said(file.serve(), 2);
    assert_eq!(stdout, "");
    let expected = format!(
        "pairloop: {}:2:16: max-clients: 0 is not in 1..",
        file.name()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    for (path, words) in [
        ("/nonexistent/pairloop.toml", "No such file"),
        ("/dev/zero", "not a regular file"),
    ] {
        let mut command = program();
        command.args(["serve", "--config", path]);
        let (_, stderr) = said(command, 1);
        assert!(stderr.contains(&format!("cannot read {path}")), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    let mut command = program();
    command
        .args(["serve", "--check"])
        .env("PAIRLOOP_ONCE", "maybe");
    let (_, stderr) = said(command, 2);
    assert!(
        stderr.contains("PAIRLOOP_ONCE: write true or false"),
        "{stderr}"
    );
}

#[test]
fn check_says_what_would_be_served_and_opens_no_port() {
    // The port is taken, which is found only by who wants to have it.
    let owner = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = owner.local_addr().unwrap().port();
    let users = UserFile::of("check.users", &["alice", "bob"]);
    let url = format!(
        "relay://127.0.0.1:{port}?rooms=named&auth={}",
        users.path().display()
    );
    let statistics = scratch("check.prom");
    let text = format!(
        "listen = [\"{url}\", \"transit://*:4001\"]\nmax-clients = 50\nstats-file = \"{}\"",
        statistics.display()
    );
    let file = File::of("check", &text);
    let mut command = file.serve();
    command
        .args(["--check", "--drain-timeout", "3s"])
        .env("PAIRLOOP_IDLE_TIMEOUT", "5m");
    let (stdout, stderr) = said(command, 0);
    assert_eq!(stderr, "");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            format!("{url} on 127.0.0.1:{port}: rooms named, wait none, 2 users"),
            "transit://*:4001 on [::]:4001: rooms by a first line of its own, wait 3600s".into(),
        ]
    );
    for line in [
        &format!("max-clients = 50 ({}:2:15)", file.name()),
        "max-clients-per-source = not set (default)",
        "hello-timeout = 10s (default)",
        "idle-timeout = 5m (PAIRLOOP_IDLE_TIMEOUT)",
        "drain-timeout = 3s (command line)",
        "no-splice = false (default)",
    ] {
        assert!(lines.contains(&line), "no {line:?} in {stdout}");
    }
    assert!(!statistics.exists(), "nothing is written");
}

#[test]
fn check_fails_where_serve_would() {
    let missing = "/nonexistent/users";
    for (arguments, code, words) in [
        (
            ["--listen", "relay://no.such.invalid:0"],
            1,
            "no.such.invalid",
        ),
        (["--listen", "rely://127.0.0.1:0"], 2, "unknown service"),
        (["--max-clients", "4000000"], 1, "descriptors"),
        (["--buffer-memory", "1"], 1, "too little"),
        (["--stats-file", "/nonexistent/file"], 1, "--stats-file"),
        (["--listen", &format!("{NAMED}&auth={missing}")], 1, missing),
    ] {
        for check in [&["--check"][..], &[]] {
            let mut command = program();
            // A port of its own: those by default may be taken.
            command.args(["serve", "--listen", RELAY]);
            command.args(arguments).args(check);
            let (stdout, stderr) = said(command, code);
            assert!(stderr.contains(words), "{arguments:?}: {stderr}");
            assert_eq!(stdout, "");
        }
    }
}
