//! `--pid-file`: one process at a time, and its number while it runs.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Daemon, RELAY, Signal, scratch};

/// A folder of the test's own, without anything in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = scratch(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("pid")
    }

    /// The names of everything in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn serve(file: &Path) -> Command {
    let mut command = common::serve(&[RELAY]);
    command.arg("--pid-file").arg(file);
    command
}

fn start(file: &Path) -> Daemon {
    Daemon::run(serve(file), 1)
}

/// The daemon does not start, and says this about the file.
#[track_caller]
fn is_refused(file: &Path, words: &str) {
    let mut command = serve(file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    assert_eq!(daemon.wait().code(), Some(1));
    let (stdout, stderr) = (daemon.stdout.rest(), daemon.stderr.rest().join("\n"));
    assert_eq!(stdout, [""; 0]);
    let file = file.display().to_string();
    for part in ["--pid-file", &file, words] {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
}

fn number(daemon: &Daemon) -> String {
    format!("{}\n", daemon.pid().as_raw_nonzero())
}

#[test]
fn the_number_is_there_when_the_daemon_is_ready_and_gone_when_it_has_ended() {
    let folder = Folder::new("pid_file");
    let mut daemon = start(&folder.file());
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), number(&daemon));
    assert_eq!(folder.names(), ["pid"]);
    daemon.stop();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_second_daemon_with_the_same_file_does_not_start() {
    let folder = Folder::new("pid_file_twice");
    let mut daemon = start(&folder.file());
    let owner = daemon.pid().as_raw_nonzero();
    is_refused(&folder.file(), &format!("the process {owner} has it"));
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), number(&daemon));
    assert_eq!(folder.names(), ["pid"]);
    daemon.stop();
}

#[test]
fn what_a_dead_process_has_left_is_replaced() {
    let folder = Folder::new("pid_file_stale");
    let mut dead = start(&folder.file());
    dead.kill();
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), number(&dead));
    let mut daemon = start(&folder.file());
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), number(&daemon));
    daemon.stop();
    fs::write(folder.file(), "").unwrap();
    start(&folder.file()).stop();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn of_many_that_start_at_once_one_does() {
    let folder = Folder::new("pid_file_race");
    fs::write(folder.file(), "1\n").unwrap();
    let started: Vec<Daemon> = (0..8)
        .map(|_| {
            let mut command = serve(&folder.file());
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            Daemon::adopt(&mut command)
        })
        .collect();
    let mut running = Vec::new();
    for mut daemon in started {
        match daemon.stdout.next() {
            Some(_) => running.push(daemon),
            None => assert_eq!(daemon.wait().code(), Some(1)),
        }
    }
    assert_eq!(running.len(), 1);
    let number = number(&running[0]);
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), number);
    assert_eq!(folder.names(), ["pid"]);
}

#[test]
fn a_file_of_something_else_is_not_replaced() {
    let folder = Folder::new("pid_file_foreign");
    fs::write(folder.file(), "127.0.0.1 localhost\n").unwrap();
    is_refused(&folder.file(), "not the number of a process");
    let text = fs::read_to_string(folder.file()).unwrap();
    assert_eq!(text, "127.0.0.1 localhost\n");
    fs::remove_file(folder.file()).unwrap();
    fs::create_dir(folder.file()).unwrap();
    is_refused(&folder.file(), "not the number of a process");
    fs::remove_dir(folder.file()).unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.file()).unwrap();
    is_refused(&folder.file(), "symbolic link");
    assert_eq!(folder.names(), ["pid"]);
}

#[test]
fn a_file_that_is_another_s_by_now_stays() {
    let folder = Folder::new("pid_file_other");
    let mut daemon = start(&folder.file());
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.file(), "another").unwrap();
    daemon.stop();
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), "another");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let folder = Folder::new("pid_file_nowhere");
    is_refused(&folder.0.join("missing/pid"), "No such file");
    is_refused(Path::new("/proc/pid"), "");
}

#[test]
fn a_daemon_that_fails_later_leaves_no_file() {
    let folder = Folder::new("pid_file_failed");
    let mut command = serve(&folder.file());
    command.args(["--stats-file", "/nonexistent/statistics"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    assert_eq!(daemon.wait().code(), Some(1));
    daemon.stderr.find("--stats-file");
    assert_eq!(folder.names(), [""; 0]);
    let mut daemon = start(&folder.file());
    daemon.signal(Signal::INT);
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(folder.names(), [""; 0]);
}
