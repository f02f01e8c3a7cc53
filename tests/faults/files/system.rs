//! Receiving and sending while the system refuses things. Needs strace, which does the refusing.

use std::fs;
use std::process::Command;

use crate::common::{Client, Folder, Rooms, receive_files, send_files, transfer};

/// This command under strace, with these options for it.
fn traced(command: &Command, options: &[&str]) -> Client {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(options);
    strace.arg(command.get_program()).args(command.get_args());
    strace.env_remove("RUST_LOG");
    Client::spawn(strace)
}

/// A receiver under strace.
pub fn receiver(rooms: &Rooms, into: &Folder, options: &[&str]) -> Client {
    let mut command = transfer("receive", rooms.address(), &[]);
    command.arg("--into").arg(into.path());
    traced(&command, options)
}

#[test]
#[ignore = "needs strace"]
fn what_could_not_be_synced_is_not_continued() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("unsynced"),
        Folder::new("unsynced-there"),
    );
    from.write("x", b"contents");
    let inject = ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1"];
    let mut receiver = receiver(&rooms, &into, &inject);
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    let words = "x: cannot write: Input/output error";
    assert!(receiver.ends(1).contains(words));
    assert!(sender.ends(1).contains(words));
    assert_eq!(into.names(), [""; 0], "neither whole nor to be continued");
}

#[test]
#[ignore = "needs strace"]
fn what_is_there_already_is_on_the_disk_before_it_is_confirmed() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("synced"),
        Folder::new("synced-there"),
    );
    from.write("x", b"contents");
    receive_then(&rooms, &from, receive_files(rooms.address(), &into, &[]));
    let log = from.text("log");
    let receiver = receiver(&rooms, &into, &["-y", "-e", "trace=fsync", "-o", &log]);
    receive_then(&rooms, &from, receiver);
    let calls = fs::read_to_string(&log).unwrap();
    for path in [into.text("x"), into.path().display().to_string()] {
        assert!(calls.contains(&format!("<{path}>) = 0")), "{path}: {calls}");
    }
}

#[track_caller]
fn receive_then(rooms: &Rooms, from: &Folder, mut receiver: Client) {
    assert_eq!(send_files(rooms.address(), &[&from.text("x")]).ends(0), "");
    assert_eq!(receiver.ends(0), "");
}

#[test]
#[ignore = "needs strace"]
fn a_thread_that_cannot_be_had_is_said_on_both_sides() {
    const NO_THREAD: [&str; 4] = ["-e", "trace=clone3", "-e", "inject=clone3:error=EAGAIN"];
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("threads"),
        Folder::new("threads-there"),
    );
    from.write("x", b"contents");
    let mut without = receiver(&rooms, &into, &NO_THREAD);
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    assert!(without.ends(1).contains("x: cannot write: Resource"));
    assert!(sender.ends(1).contains("x: cannot write: Resource"));

    let mut receiver = receive_files(rooms.address(), &into, &[]);
    let command = transfer("send", rooms.address(), &[&from.text("x")]);
    let mut without = traced(&command, &NO_THREAD);
    assert!(without.ends(1).contains("x: cannot read: Resource"));
    assert!(receiver.ends(1).contains("x: cannot read: Resource"));
}
