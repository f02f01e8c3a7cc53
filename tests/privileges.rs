//! `--user` and `--group`: root's rights for what needs them, and then no longer.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::users::UserFile;
use common::{Daemon, ECHO, RELAY, Signal, connect, program, receive};

/// A number that is nobody's, and that of nobody and its group.
const STRANGER: &str = "65531";
const NOBODY: u32 = 65_534;

/// The program ends with this code, and says this.
#[track_caller]
fn fails(mut command: Command, code: i32, words: &str) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    assert_eq!(daemon.wait().code(), Some(code));
    assert_eq!(daemon.stdout.rest(), [""; 0]);
    let stderr = daemon.stderr.rest().join("\n");
    assert!(stderr.contains(words), "no {words:?} in {stderr}");
}

fn serve(options: &[&str]) -> Command {
    let mut command = common::serve(&[ECHO]);
    command.args(options);
    command
}

/// The numbers in a line of what the kernel says of every thread of the process.
fn ids(daemon: &Daemon, line: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid().as_raw_nonzero())).unwrap();
    let mut found: Vec<String> = threads
        .map(|thread| {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let ids = status.lines().find_map(|text| text.strip_prefix(line));
            ids.unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    found.dedup();
    found
}

#[test]
fn who_cannot_be_is_refused_before_anything_is_opened() {
    for (options, code, words) in [
        (["--user", "no-such-user"].as_slice(), 1, "no such user"),
        (
            &["--user", "nobody", "--group", "no-such-group"],
            1,
            "no such group",
        ),
        (&["--user", STRANGER], 1, "add --group"),
        (&["--user", "root"], 1, "keep root's rights"),
        (&["--user", "0", "--group", "1"], 1, "keep root's rights"),
        (&["--user", "1", "--group", "root"], 1, "keep root's group"),
        (&["--user", "1", "--group", "0"], 1, "keep root's group"),
        (&["--group", "nogroup"], 2, "--user"),
    ] {
        fails(serve(options), code, words);
    }
}

/// A folder that everybody may enter, which those above the tests' own are perhaps not.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pairloop.{}.{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[ignore = "needs root"]
fn who_is_not_root_cannot_become_somebody_else() {
    let folder = Folder::new("not_root");
    let copy = folder.0.join("pairloop");
    fs::copy(program().get_program(), &copy).unwrap();
    let mut command = Command::new(copy);
    command.args(["serve", "--listen", ECHO, "--user", "nobody"]);
    command.uid(NOBODY).gid(NOBODY);
    fails(command, 1, "only root can become somebody else");
}

#[test]
#[ignore = "needs root"]
fn a_low_port_is_served_by_an_unprivileged_process() {
    // Whichever is free; nobody else takes one between this and the daemon.
    let port = (600..1024).find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let url = format!("echo://127.0.0.1:{}", port.expect("a low port is free"));
    let mut command = common::serve(&[&url]);
    command.args(["--user", "nobody"]);
    let mut daemon = Daemon::run(command, 1);
    let mut client = daemon.connect();
    std::io::Write::write_all(&mut client, b"from below").unwrap();
    receive(&mut client, b"from below");
    let nobody = [format!("{NOBODY} {NOBODY} {NOBODY} {NOBODY}")];
    assert_eq!(ids(&daemon, "Uid:"), nobody);
    assert_eq!(ids(&daemon, "Gid:"), nobody);
    assert_eq!(ids(&daemon, "Groups:"), [""]);
    for line in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
        assert_eq!(ids(&daemon, line), ["0000000000000000"], "{line}");
    }
    drop(client);
    daemon.stop();
}

#[test]
#[ignore = "needs root"]
fn a_user_and_a_group_may_be_numbers_that_nobody_has() {
    let mut daemon = Daemon::run(serve(&["--user", STRANGER, "--group", "65530"]), 1);
    let four = |id: &str| [[id; 4].join(" ")];
    assert_eq!(ids(&daemon, "Uid:"), four(STRANGER));
    assert_eq!(ids(&daemon, "Gid:"), four("65530"));
    daemon.stop();
}

#[test]
#[ignore = "needs root"]
fn what_is_opened_later_is_opened_as_the_user() {
    let folder = Folder::new("as_user");
    chown(&folder.0, Some(NOBODY), Some(NOBODY)).unwrap();
    let statistics = folder.0.join("statistics");
    let pid_file = folder.0.join("pid");
    let mut command = serve(&["--user", "nobody"]);
    command.arg("--stats-file").arg(&statistics);
    command.arg("--pid-file").arg(&pid_file);
    let mut daemon = Daemon::run(command, 1);
    assert_eq!(fs::metadata(&statistics).unwrap().uid(), NOBODY);
    assert_eq!(fs::metadata(&pid_file).unwrap().uid(), 0);
    // Its output is the test's pipe, which only root could open again.
    daemon.has_clients(0);
    daemon.stop();
    assert!(!pid_file.exists(), "the folder is the user's");
}

#[test]
#[ignore = "needs root"]
fn what_only_root_can_open_is_an_error_at_the_start_and_found_by_check() {
    let users = UserFile::of("privileges.users", &["alice"]);
    fs::set_permissions(users.path(), fs::Permissions::from_mode(0o600)).unwrap();
    let folder = Folder::new("only_root");
    let statistics = folder.0.join("statistics");
    let statistics = statistics.to_str().unwrap();
    for check in [&["--check"][..], &[]] {
        let locked = users.lock("relay");
        let mut command = common::serve(&[&locked]);
        command.args(["--user", "nobody"]).args(check);
        fails(command, 1, "Permission denied");
        for option in ["--stats-file", "--usage-log"] {
            let mut command = serve(&["--user", "nobody", option, statistics]);
            command.args(check);
            fails(command, 1, &format!("{option}: {statistics}"));
        }
    }
}

#[test]
#[ignore = "needs root"]
fn sighup_does_not_mind_that_only_root_could_write_the_pid_file() {
    let folder = Folder::new("reloaded");
    let settings = folder.0.join("toml");
    let pid_file = folder.0.join("pid");
    let text = format!("user = \"nobody\"\npid-file = \"{}\"\n", pid_file.display());
    fs::write(&settings, &text).unwrap();
    let mut command = serve(&[]);
    command.arg("--config").arg(&settings);
    let mut daemon = Daemon::run(command, 1);
    fs::write(&settings, format!("{text}idle-timeout = \"1h\"\n")).unwrap();
    daemon.signal(Signal::HUP);
    let said = daemon.stderr.find("toml");
    assert!(said.ends_with(": idle-timeout"), "{said}");
}

#[test]
#[ignore = "needs root"]
fn a_pid_file_in_root_s_folder_stays_and_the_next_daemon_replaces_it() {
    let folder = Folder::new("root_s");
    let file = folder.0.join("pid");
    for _ in 0..2 {
        let mut command = common::serve(&[RELAY]);
        command.args(["--user", "nobody", "--pid-file"]).arg(&file);
        let mut daemon = Daemon::run(command, 1);
        let number = format!("{}\n", daemon.pid().as_raw_nonzero());
        assert_eq!(fs::read_to_string(&file).unwrap(), number);
        drop(connect(daemon.address(0)));
        daemon.signal(Signal::TERM);
        daemon.stderr.find("stays: Permission denied");
        assert_eq!(daemon.wait().code(), Some(0));
    }
}
