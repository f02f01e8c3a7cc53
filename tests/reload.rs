//! Files of users: what SIGHUP does with them, and what the start does.

mod common;

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use common::users::{PASSWORD, UserFile, begin, log_in};
use common::{Daemon, End, Signal, end_of, receive, scratch, serve};
use pairloop::limits::LONGEST_USER_FILE;
use pairloop::scram::Secret;
use pairloop::users::Users;

const WRONG: &str = "ERR auth wrong user name or password";

impl Daemon {
    /// Reloads, and answers what is said of that.
    fn reload(&mut self) -> String {
        self.signal(Signal::HUP);
        loop {
            // Of failed logins it says "user", too.
            let line = self.stderr.find("user");
            if line.contains("reloaded ") || line.ends_with("stay as they were") {
                return line;
            }
        }
    }

    /// Logs in to the first listener.
    fn lets_in(&self, name: &str) -> Result<TcpStream, String> {
        let mut client = self.connect();
        log_in(&mut client, "JOIN r", name, PASSWORD).map(|()| client)
    }
}

#[test]
fn after_sighup_new_users_get_in_and_removed_ones_do_not_and_rooms_go_on() {
    let users = UserFile::of("reload", &["alice", "bob"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let mut alice = daemon.lets_in("alice").unwrap();
    let mut bob = daemon.lets_in("bob").unwrap();
    let mut waiting = daemon.lets_in("bob").unwrap();
    let mut logging_in = daemon.connect();
    let begun = begin(&mut logging_in, "JOIN r", "bob", PASSWORD);
    users.has(&["alice", "carol"]);
    assert!(daemon.reload().ends_with(": 2 users"));
    let mut carol = daemon.lets_in("carol").unwrap();
    assert_eq!(daemon.lets_in("bob").unwrap_err(), WRONG);
    logging_in.write_all(begun.proof.as_bytes()).unwrap();
    receive(&mut logging_in, format!("{WRONG}\n").as_bytes());
    assert_eq!(end_of(&mut logging_in), End::Fin);
    // Whoever is in stays in.
    for (from, to) in [(&mut alice, &mut bob), (&mut waiting, &mut carol)] {
        from.write_all(b"still here").unwrap();
        receive(to, b"still here");
    }
}

#[test]
fn a_file_that_anybody_can_read_is_warned_of_at_the_start_and_after_sighup() {
    let users = UserFile::of("read", &["alice"]);
    let mode = |mode| fs::set_permissions(users.path(), Permissions::from_mode(mode)).unwrap();
    let path = users.path().display();
    let warning = format!("{path} has mode 0644: whoever reads it");
    mode(0o644);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let said = daemon.stderr.find(&warning);
    assert!(said.contains("WARN"), "{said}");
    assert!(said.contains(&format!("chmod 600 {path}")), "{said}");
    daemon.signal(Signal::HUP);
    daemon.stderr.find(&warning);
    daemon.stderr.find(": 1 user");
    for fine in [0o600, 0o640] {
        mode(fine);
        daemon.signal(Signal::HUP);
        let said = daemon.stderr.next().unwrap();
        assert!(said.contains("reloaded"), "mode {fine:o}: {said}");
    }
}

#[test]
fn the_salt_of_an_unknown_user_stays_the_same_across_logins_and_reloads() {
    let users = UserFile::of("salt", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let salt = |daemon: &Daemon| {
        let begun = begin(&mut daemon.connect(), "JOIN r", "mallory", "guess");
        begun.server_first.split_once(",s=").unwrap().1.to_owned()
    };
    let first = salt(&daemon);
    assert_eq!(salt(&daemon), first);
    users.has(&["alice", "bob"]);
    daemon.reload();
    assert_eq!(salt(&daemon), first);
}

#[test]
fn a_bad_file_keeps_the_users_and_says_what_is_wrong() {
    let users = UserFile::of("bad", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let good = fs::read_to_string(users.path()).unwrap();
    users.is(&format!("# a comment\n{good}\nbob:secret\n"));
    let said = daemon.reload();
    let path = users.path().display();
    assert!(
        said.contains("ERROR") && said.contains(&format!("{path}")),
        "{said}"
    );
    assert!(
        said.contains("line 4") && said.ends_with("the users stay as they were"),
        "{said}"
    );
    fs::remove_file(users.path()).unwrap();
    let said = daemon.reload();
    assert!(
        said.contains("No such file") && said.ends_with("as they were"),
        "{said}"
    );
    daemon.lets_in("alice").unwrap();
    assert_eq!(daemon.lets_in("bob").unwrap_err(), WRONG);
    // As soon as it is right again, it holds.
    users.has(&["bob"]);
    daemon.reload();
    daemon.lets_in("bob").unwrap();
    daemon.stop();
}

#[test]
fn without_files_sighup_does_nothing() {
    let mut daemon = Daemon::serve(&["relay://127.0.0.1:0"], &[]);
    daemon.signal(Signal::HUP);
    daemon
        .stderr
        .find("nothing to reload: no listener has auth=FILE");
    assert_eq!(daemon.report(), 0);
    daemon.stop();
}

#[test]
fn a_storm_of_sighups_ends_with_what_is_in_the_file() {
    let users = UserFile::of("storm", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    for round in 0..200 {
        users.has(&["alice", "bob"][..1 + round % 2]);
        daemon.signal(Signal::HUP);
    }
    users.has(&["alice", "bob", "carol"]);
    daemon.signal(Signal::HUP);
    daemon.stderr.find(": 3 users");
    daemon.lets_in("carol").unwrap();
}

#[test]
fn the_daemon_does_not_start_without_its_users() {
    let bad = scratch("start.bad");
    fs::write(&bad, "alice:pencil\n").unwrap();
    let missing = scratch("start.missing");
    for (file, words) in [(bad, "line 1: "), (missing, "No such file")] {
        let path = file.display().to_string();
        let url = format!("relay://127.0.0.1:0?rooms=named&auth={path}");
        let output = serve(&[&url]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(&path) && stderr.contains(words), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "one sentence: {stderr}");
        assert!(output.stdout.is_empty(), "nothing listens");
    }
}

/// Whoever opens one to read it waits for somebody to write, and nobody will.
fn fifo(path: &Path) {
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, path, FileType::Fifo, mode, 0).expect("a FIFO");
}

#[test]
fn a_fifo_in_place_of_the_users_does_not_hold_up_the_start() {
    let path = scratch("start.fifo");
    fifo(&path);
    let url = format!("relay://127.0.0.1:0?rooms=named&auth={}", path.display());
    let mut daemon = Daemon::adopt(serve(&[&url]).stderr(Stdio::piped()));
    assert_eq!(daemon.wait().code(), Some(1));
    daemon.stderr.find("not a regular file");
}

#[test]
fn a_fifo_in_place_of_the_users_does_not_end_reloading_for_ever() {
    let users = UserFile::of("fifo", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    fs::remove_file(users.path()).unwrap();
    fifo(users.path());
    let said = daemon.reload();
    assert!(
        said.contains("not a regular file") && said.ends_with("the users stay as they were"),
        "{said}"
    );
    users.has(&["bob", "carol"]);
    assert!(daemon.reload().ends_with(": 2 users"));
    daemon.lets_in("bob").unwrap();
    daemon.stop();
}

#[test]
fn a_file_that_is_too_long_is_not_taken_into_memory() {
    let path = scratch("long");
    let file = fs::File::create(&path).unwrap();
    file.set_len(LONGEST_USER_FILE + 1).unwrap();
    let error = Users::load(&path).err().expect("no users").to_string();
    assert!(error.contains("longer than"), "{error}");
}

#[test]
fn a_first_line_that_anybody_knows_is_no_key_for_decoys() {
    // Whoever could foresee the salts of unknown users would know by them who exists.
    let salt = |test: &str, secret_salt: &[u8]| {
        let secret = Secret::new(PASSWORD, secret_salt, 4096).unwrap();
        let path = scratch(test);
        fs::write(&path, format!(" \n # users of the relay\nalice:{secret}\n")).unwrap();
        Users::load(&path).unwrap().secret("mallory").salt
    };
    assert_ne!(
        salt("key.1", b"one random salt"),
        salt("key.2", b"other such salt")
    );
}
