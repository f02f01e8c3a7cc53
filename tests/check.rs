//! What keeps the daemon from being started: `--check` and SIGHUP find what the start finds.

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use common::settings::{File, said};
use common::users::UserFile;
use common::{Daemon, RELAY, Signal, program, scratch};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";

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
    let folder = scratch("folder");
    fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let letter = scratch("letter");
    fs::write(&letter, "dear root\n").unwrap();
    let letter = letter.to_str().unwrap();
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
        (["--stats-file", folder], 1, "--stats-file"),
        (["--usage-log", "/nonexistent/file"], 1, "--usage-log"),
        (["--usage-log", folder], 1, "--usage-log"),
        (["--pid-file", "/nonexistent/file"], 1, "--pid-file"),
        (["--pid-file", folder], 1, "not the number of a process"),
        (["--pid-file", letter], 1, "not the number of a process"),
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
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "nothing is left");
}

#[test]
fn check_does_not_mind_that_the_daemon_runs() {
    let pid_file = scratch("running.pid");
    let file = File::of(
        "running",
        &format!(
            "listen = \"{RELAY}\"\npid-file = \"{}\"",
            pid_file.display()
        ),
    );
    let mut daemon = Daemon::run(file.serve(), 1);
    let mut command = file.serve();
    command.arg("--check");
    said(command, 0);
    daemon.stop();
}

#[test]
fn sighup_refuses_what_the_next_start_would_refuse() {
    let folder = scratch("hup.folder");
    fs::create_dir(&folder).unwrap();
    let folder = folder.display();
    let listen = format!("listen = \"{RELAY}\"\n");
    let file = File::of("hup", &listen);
    let mut daemon = Daemon::run(file.serve(), 1);
    for (line, words) in [
        (
            "max-clients = 4000000",
            ":2:15: --max-clients 4000000 needs",
        ),
        (
            "buffer-memory = \"1K\"",
            ":2:17: --buffer-memory 1024 is too",
        ),
        ("user = \"nobody-has-this-name\"", ":2:8: --user nobody-has"),
        ("pid-file = \"/nonexistent/pid\"", ":2:12: --pid-file"),
        (&format!("pid-file = \"{folder}\""), ":2:12: --pid-file"),
        ("usage-log = \"/nonexistent/log\"", ":2:13: --usage-log"),
        (&format!("stats-file = \"{folder}\""), ":2:14: --stats-file"),
    ] {
        // What could hold at once does not, either.
        file.is(&format!("{listen}{line}\nwait-timeout = \"1ms\""));
        let said = daemon.reconfigure(&file);
        assert!(said.contains(words), "{line}: {said}");
        assert!(said.ends_with(": everything stays as it was"), "{said}");
    }
    for (listen, words) in [
        ("relay://no.such.invalid:0", "no.such.invalid"),
        (
            &format!("{NAMED}&auth=/nonexistent/users"),
            "/nonexistent/users",
        ),
    ] {
        file.is(&format!("listen = \"{listen}\""));
        daemon.signal(Signal::HUP);
        let said = daemon.stderr.find(": everything stays as it was");
        assert!(said.contains(words), "{listen}: {said}");
    }
    file.is(&listen);
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": nothing new"), "{said}");
}

/// Whoever is taken out of the file of users is out, though a disk is gone that has nothing to do with it.
#[test]
fn what_has_become_wrong_around_old_settings_is_warned_of_and_the_rest_is_reloaded() {
    let users = UserFile::of("around", &["alice", "bob"]);
    let folder = scratch("around.folder");
    fs::create_dir(&folder).unwrap();
    let statistics = folder.join("x.prom");
    let file = File::of(
        "around",
        &format!(
            "listen = {:?}\nstats-file = {statistics:?}",
            users.lock("relay")
        ),
    );
    let mut daemon = Daemon::run(file.serve(), 1);
    fs::remove_dir_all(&folder).unwrap();
    users.has(&["alice"]);
    daemon.signal(Signal::HUP);
    let said = daemon.stderr.find("the next start would fail: ");
    let place = format!("WARN  the next start would fail: {}:2:14: ", file.name());
    assert!(said.contains(&place), "{said}");
    daemon.stderr.find(": 1 user");
    // A new listener changes nothing about that, nor about what else is new.
    let more = format!("listen = [{:?}, {RELAY:?}]", users.lock("relay"));
    users.has(&["bob"]);
    file.is(&format!("{more}\nstats-file = {statistics:?}"));
    daemon.signal(Signal::HUP);
    daemon.stderr.find("the next start would fail: ");
    daemon.stderr.find(": 1 user");
    daemon.stop();
}

/// It is not the option that was changed that does not fit any more.
#[test]
fn sighup_refuses_what_no_longer_fits_another_option() {
    let listen = format!("listen = {RELAY:?}\nbuffer-memory = \"1M\"\n");
    let file = File::of("fits", &listen);
    let mut daemon = Daemon::run(file.serve(), 1);
    file.is(&format!("{listen}max-clients = 5000"));
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": everything stays as it was"), "{said}");
    assert!(
        said.contains("--buffer-memory 1048576 is too little"),
        "{said}"
    );
    daemon.stop();
}

/// As root it would else take the place of /dev/null, for everybody.
#[test]
fn statistics_do_not_replace_what_is_no_file() {
    let (fifo, link) = (scratch("stats.fifo"), scratch("stats.link"));
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    symlink(&fifo, &link).unwrap();
    for path in [&fifo, &link] {
        for check in [&["--check"][..], &[]] {
            let mut command = program();
            command.args(["serve", "--listen", RELAY]).args(check);
            command.arg("--stats-file").arg(path);
            let (_, stderr) = said(command, 1);
            let words = format!("{}: it is not a regular file", path.display());
            assert!(stderr.contains(&words), "{stderr}");
        }
    }
    // Nor later.
    let file = scratch("stats.file");
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = Daemon::serve(&[RELAY], &options);
    fs::rename(&fifo, &file).unwrap();
    daemon.report();
    daemon.stderr.find("not written: it is not a regular file");
    daemon.stop();
    assert!(fs::metadata(&file).unwrap().file_type().is_fifo());
}

#[test]
fn sighup_leaves_the_limit_for_descriptors_as_the_operator_has_set_it() {
    let file = File::of("brake", &format!("listen = \"{RELAY}\""));
    let mut daemon = Daemon::run(file.serve(), 1);
    daemon.may_open(Some(100));
    let limit = daemon.descriptor_limit();
    let said = daemon.reconfigure(&file);
    assert!(said.ends_with(": nothing new"), "{said}");
    assert_eq!(daemon.descriptor_limit(), limit);
    daemon.stop();
}

#[test]
fn what_the_system_or_another_option_does_not_allow_is_said_with_its_place() {
    let file = File::of("place", "\nbuffer-memory = \"1K\"\n");
    for check in [&["--check"][..], &[]] {
        let mut command = file.serve();
        command.args(check);
        let (_, stderr) = said(command, 1);
        let place = format!("pairloop: {}:2:17: --buffer-memory 1024 is", file.name());
        assert!(stderr.starts_with(&place), "{stderr}");
        let mut command = program();
        command.arg("serve").args(check);
        command.env("PAIRLOOP_STATS_FILE", "/nonexistent/file");
        // A port of its own.
        command.args(["--listen", RELAY]);
        let (_, stderr) = said(command, 1);
        let place = "pairloop: PAIRLOOP_STATS_FILE: --stats-file: /nonexistent/file";
        assert!(stderr.starts_with(place), "{stderr}");
    }
}
