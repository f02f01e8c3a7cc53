//! Settings from the file, the environment and the command line; what `--check` says of them, and what SIGHUP makes of them.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::users::UserFile;
use common::{Daemon, End, RELAY, Signal, end_of, eventually, hears_nothing, program, scratch};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

/// A configuration file.
struct File(PathBuf);

impl File {
    fn of(test: &str, text: &str) -> Self {
        let file = Self(scratch(&format!("{test}.toml")));
        file.is(text);
        file
    }

    /// From now on this is in it. It is replaced whole, since the daemon may be reading it.
    fn is(&self, text: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, text).expect("it can be written");
        fs::rename(&next, &self.0).expect("it can be replaced");
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

impl Daemon {
    /// Reloads, and answers the first line that is said of the configuration.
    fn reconfigure(&mut self, file: &File) -> String {
        self.signal(Signal::HUP);
        self.stderr.find(&file.name())
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
        (["--usage-log", "/nonexistent/file"], 1, "--usage-log"),
        (["--pid-file", "/nonexistent/file"], 1, "--pid-file"),
        (["--user", "nobody-has-this-name"], 1, "no such user"),
        (["--user", "root"], 1, "root's rights"),
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

#[test]
fn sighup_lets_hold_what_can_change_and_names_what_cannot() {
    let before =
        format!("listen = [\"{NAMED}\"]\nhello-timeout = \"1h\"\nmax-clients-per-source = 2\n");
    let file = File::of("hup", &before);
    let mut daemon = Daemon::run(file.serve(), 1);
    let patient = daemon.connect();
    daemon.has_clients(1);

    file.is(&format!(
        "listen = [\"{NAMED}\", \"{RELAY}\"]\nhello-timeout = \"50ms\"\nmax-clients = 7\nmax-clients-per-source = 2\n"
    ));
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": hello-timeout"), "{said}");
    let said = daemon.stderr.find("reload: ");
    assert!(
        said.ends_with("reload: listen, max-clients changed: restart to let it hold"),
        "{said}"
    );
    let mut hasty = daemon.connect();
    common::receive(&mut hasty, b"ERR timeout");
    assert!(hears_nothing(&patient), "it came when there was time");

    file.is(&format!("{before}max-clients-per-source = 3"));
    let said = daemon.reconfigure(&file);
    assert!(
        said.contains(&format!("{}:4:1: duplicate key", file.name()))
            && said.ends_with(": everything stays as it was"),
        "{said}"
    );
    let mut hasty = daemon.connect();
    common::receive(&mut hasty, b"ERR timeout");

    file.is(&before);
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": hello-timeout"), "{said}");
    daemon.settle();
    assert_eq!(daemon.stderr.has("restart to let it hold"), None);
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": nothing new"), "{said}");
}

#[test]
fn sighup_changes_how_many_clients_a_source_may_have_where_they_are_counted() {
    let limited = |most: &str| format!("listen = \"{RELAY}\"\n{most}\n");
    let file = File::of("source", &limited("max-clients-per-source = 2"));
    let mut daemon = Daemon::run(file.serve(), 1);
    let _room = daemon.pair();
    daemon.has_clients(2);
    assert_eq!(end_of(&mut daemon.connect()), End::Reset);
    file.is(&limited("max-clients-per-source = 3"));
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": max-clients-per-source"), "{said}");
    let _third = daemon.connect();
    daemon.has_clients(3);
    assert_eq!(end_of(&mut daemon.connect()), End::Reset);
    file.is(&limited(""));
    daemon.reconfigure(&file);
    let _fourth = daemon.connect();
    daemon.has_clients(4);

    let file = File::of("uncounted", &limited(""));
    let mut daemon = Daemon::run(file.serve(), 1);
    file.is(&limited("max-clients-per-source = 1"));
    daemon.signal(Signal::HUP);
    daemon
        .stderr
        .find("max-clients-per-source changed: restart to let it hold");
    let _room = daemon.pair();
    daemon.has_clients(2);
}

#[test]
fn sighup_changes_timeouts_the_log_and_where_the_statistics_go() {
    let statistics = scratch("hup.prom");
    let listen = format!("listen = \"{RELAY}\"\n");
    let file = File::of("times", &listen);
    let mut daemon = Daemon::run(file.serve(), 1);
    file.is(&format!(
        "{listen}wait-timeout = \"50ms\"\ndrain-timeout = \"1ms\"\nlog-level = \"debug\"\nstats-file = \"{}\"",
        statistics.display()
    ));
    let said = daemon.reconfigure(&file);
    assert!(
        said.ends_with(": wait-timeout, drain-timeout, stats-file, log-level"),
        "{said}"
    );
    assert_eq!(end_of(&mut daemon.connect()), End::Reset);
    eventually("statistics", || {
        daemon.report();
        statistics.exists()
    });
    // Of a room that does not end by itself nobody waits for more than that.
    file.is(&format!(
        "{listen}drain-timeout = \"1ms\"\nlog-level = \"info\"\nidle-timeout = \"50ms\""
    ));
    daemon.reconfigure(&file);
    let (mut x, _y) = daemon.pair();
    assert_eq!(end_of(&mut x), End::Reset, "the room was idle");
    file.is(&format!(
        "{listen}drain-timeout = \"1ms\"\nlog-level = \"error\""
    ));
    daemon.signal(Signal::HUP);
    // Nothing is said of that any more.
    eventually("a stop in time", || {
        let _ = daemon.connect();
        daemon.report();
        daemon.stderr.has("connected").is_none()
    });
    let _room = daemon.pair();
    daemon.has_clients(2);
    daemon.stop();
}

#[test]
fn a_wrong_configuration_keeps_the_users_too() {
    let users = UserFile::of("kept.users", &["alice"]);
    let listen = format!("listen = \"{}\"\n", users.lock("relay"));
    let file = File::of("kept", &listen);
    let mut daemon = Daemon::run(file.serve(), 1);
    users.has(&["alice", "bob"]);
    file.is(&format!("{listen}nonsense = 1"));
    let said = daemon.reconfigure(&file);
    assert!(said.contains(":2:1: unknown key `nonsense`"), "{said}");
    fs::remove_file(&file.0).unwrap();
    let said = daemon.reconfigure(&file);
    assert!(
        said.contains("cannot read") && said.ends_with("as it was"),
        "{said}"
    );
    file.is(&listen);
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": nothing new"), "{said}");
    daemon.stderr.find(": 2 users");
}
