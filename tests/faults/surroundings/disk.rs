//! Disks that can't be written, from the start or from some moment on: what needs them says so, and everything else goes on.

use std::fs;
use std::io::Write;
use std::process::Command;

use super::{behind, fails, mounting};
use crate::common::{
    Client, Daemon, ECHO, Folder, RELAY, Room, Rooms, program, receive, scratch, serve,
};
use crate::common::{send_files, transfer};

/// Runs the command where a new file system with these options is mounted on this folder, and nowhere else. `then` is done to
/// it first.
fn mounted(folder: &Folder, options: &str, then: &str, plain: &Command) -> Command {
    let path = folder.path().display();
    let script = format!("mount -t tmpfs -o {options} none {path} && {then} && exec \"$@\"");
    mounting(&script, plain)
}

#[test]
#[ignore = "needs root"]
fn on_a_read_only_disk_what_would_be_written_is_named() {
    const READ_ONLY: &str = "Read-only file system";
    let folder = Folder::new("read-only");
    let file = folder.text("file");
    for option in ["--pid-file", "--stats-file", "--usage-log"] {
        let mut plain = serve(&[ECHO]);
        plain.args([option, &file]);
        let command = mounted(&folder, "ro", "true", &plain);
        fails(command, 1, &[option, &file, READ_ONLY]);
    }
    let mut plain = program();
    plain.args(["user", "add", "--file", &file, "--password-stdin", "alice"]);
    let said = behind("echo secret | \"$@\"", &plain);
    fails(
        mounted(&folder, "ro", "true", &said),
        1,
        &[&file, READ_ONLY],
    );

    let (rooms, from) = (Rooms::open(), Folder::new("read-only-from"));
    from.write("x", b"contents");
    let mut plain = transfer("receive", rooms.address(), &[]);
    plain.arg("--into").arg(folder.path());
    let mut receiver = Client::spawn(mounted(&folder, "ro", "true", &plain));
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    for words in [receiver.ends(1), sender.ends(1)] {
        assert!(
            words.contains("x: ") && words.contains(READ_ONLY),
            "{words}"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn on_a_full_disk_what_would_be_written_is_named_and_nothing_is_left() {
    const FULL: &str = "No space left on device";
    let folder = Folder::new("full-disk");
    let file = folder.text("file");
    let fill = format!("! cat /dev/zero 2>/dev/null >{}", folder.text("filler"));
    let left = format!(
        "ls -A {} >{}",
        folder.path().display(),
        folder.text("../full-disk.left")
    );
    for option in ["--pid-file", "--stats-file"] {
        let mut plain = serve(&[ECHO]);
        plain.args([option, &file]);
        // What is there afterwards can only be seen from inside.
        let listed = behind(&format!("\"$@\"; code=$?; {left}; exit $code"), &plain);
        let command = mounted(&folder, "size=64k", &fill, &listed);
        fails(command, 1, &[option, FULL]);
        let names = fs::read_to_string(folder.join("../full-disk.left")).unwrap();
        assert_eq!(names, "filler\n", "{option}");
    }
    fs::remove_file(folder.join("../full-disk.left")).unwrap();
}

#[test]
#[ignore = "needs root"]
fn a_disk_that_becomes_read_only_is_complained_of_and_everything_else_goes_on() {
    let folder = Folder::new("becomes-read-only");
    let mut plain = serve(&[RELAY, ECHO]);
    for (option, name) in [("--pid-file", "pid"), ("--stats-file", "stats")] {
        plain.args([option, &folder.text(name)]);
    }
    let mut daemon = Daemon::run(mounted(&folder, "size=1m", "true", &plain), 2);
    let (mut relay, mut echo) = (Room::relay(&daemon, 0), Room::echo(&daemon, 1));
    daemon.has_clients(3);
    let pid = daemon.pid().as_raw_nonzero().to_string();
    let remount = |how: &str| {
        let options = format!("remount,bind,{how}");
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["-m", "-t", &pid, "mount", "-o", &options]);
        assert!(nsenter.arg(folder.path()).status().unwrap().success());
    };
    remount("ro");
    daemon.report();
    let complaint = daemon.stderr.find("not written");
    assert!(complaint.contains("Read-only file system"), "{complaint}");
    relay.goes_on();
    echo.goes_on();
    drop(echo);
    daemon.has_clients(2);
    remount("rw");
    daemon.settle();
    let inside = format!("/proc/{pid}/root{}", folder.text("stats"));
    assert!(
        fs::read_to_string(inside)
            .unwrap()
            .contains("pairloop_clients{service=\"relay\"} 2\n")
    );
    remount("ro");
    relay.goes_on();
    drop(relay);
    daemon.has_clients(0);
    daemon.signal(crate::common::Signal::TERM);
    daemon.stderr.find("stays: Read-only file system");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_statistics_file_that_cannot_be_written_does_no_harm() {
    let folder = scratch("folder_that_goes_away");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("statistics.prom");
    let mut command = serve(&[RELAY]);
    command.arg("--stats-file").arg(&file);
    let mut daemon = Daemon::run(command, 1);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(daemon.report(), 0);
    let complaint = daemon.stderr.find("not written");
    assert!(complaint.contains(file.to_str().unwrap()), "{complaint}");
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"all the same").unwrap();
    receive(&mut y, b"all the same");
    drop((x, y));
    daemon.stop();
}

/// The name beside the statistics file may be anything that somebody put there.
#[test]
fn the_stats_file_is_not_written_through_a_link() {
    let folder = scratch("stats");
    std::fs::create_dir_all(&folder).unwrap();
    let (path, victim) = (folder.join("stats.prom"), folder.join("victim"));
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.join("stats.prom.tmp")).unwrap();
    let mut daemon = Daemon::serve(&[RELAY], &["--stats-file", path.to_str().unwrap()]);
    daemon.report();
    daemon.stop();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("pairloop_clients")
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
