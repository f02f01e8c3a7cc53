//! Settings from the file, the environment and the command line, and what SIGHUP makes of them.

mod common;

use std::fs;
use std::process::Stdio;

use common::settings::{File, said};
use common::users::UserFile;
use common::{Daemon, End, RELAY, Signal, end_of, eventually, hears_nothing, program, scratch};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

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
        .env("PAIRLOOP_CONFIG", file.name())
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
fn a_wrong_file_is_wrong_usage_and_so_is_one_that_is_not_there() {
    let file = File::of("wrong", "\n max-clients = 0\n");
    let (stdout, stderr) = said(file.serve(), 2);
    assert_eq!(stdout, "");
    let expected = format!(
        "pairloop: {}:2:16: max-clients: not a whole number from 1 to",
        file.name()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    for (path, words) in [
        ("/nonexistent/pairloop.toml", "No such file"),
        ("/dev/zero", "not a regular file"),
    ] {
        let mut command = program();
        command.args(["serve", "--config", path]);
        let (_, stderr) = said(command, 2);
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
fn a_variable_that_sets_nothing_is_warned_of_with_what_may_have_been_meant() {
    for check in [&["--check"][..], &[]] {
        let mut command = program();
        command.args(["serve", "--listen", RELAY]).args(check);
        command.env("PAIRLOOP_MAX_CLIENT", "5");
        command.env("PAIRLOOP_PORT", "tcp://10.0.0.1:7000");
        command.env("PAIRLOOP_max_clients", "5");
        // These are for others, and empty ones say nothing.
        command.env("PAIRLOOP_PASSWORD", "pencil");
        command.env("PAIRLOOP_CONFIG", "");
        command.env("PAIRLOOP_NOTHING", "");
        command.env("PAIRLOOP_IDLE_TIMEOUT", "1h");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Daemon::adopt(&mut command);
        daemon.stdout.find("127.0.0.1:");
        if check.is_empty() {
            daemon.signal(Signal::TERM);
        }
        assert_eq!(daemon.wait().code(), Some(0));
        let said = daemon.stderr.rest().into_iter();
        let said = said.filter_map(|line| Some(line.split_once("WARN  ")?.1.to_owned()));
        assert_eq!(
            said.collect::<Vec<_>>(),
            [
                "PAIRLOOP_MAX_CLIENT sets nothing: did you mean PAIRLOOP_MAX_CLIENTS?",
                "PAIRLOOP_PORT sets nothing: no setting has that name",
                "PAIRLOOP_max_clients sets nothing: did you mean PAIRLOOP_MAX_CLIENTS?",
            ]
        );
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
    fs::remove_file(file.name()).unwrap();
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
