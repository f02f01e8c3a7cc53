//! Receiving where there is not enough room.

use std::process::Command;

use super::continues;
use crate::common::{Client, Folder, Partner, Rooms, receive_files, send_files, transfer};

#[test]
fn more_than_there_is_room_for_is_refused_before_it_is_sent() {
    let (rooms, into) = (Rooms::open(), Folder::new("room"));
    for (offered, first) in [(1 << 60, 1 << 60), (1 << 60, 1)] {
        let mut receiver = receive_files(rooms.address(), &into, &[]);
        let mut partner = Partner::sender(rooms.address());
        partner.offer(2, offered);
        partner.file(b"large", first);
        partner.hears_why(&format!("not enough room: {offered} bytes are needed and "));
        drop(partner);
        assert!(receiver.ends(1).contains("not enough room"));
    }
}

#[test]
fn room_is_not_asked_for_what_may_be_there_already() {
    let (rooms, into) = (Rooms::open(), Folder::new("rest"));
    into.write("large", b"as far as anybody knows");
    let _receiver = receive_files(rooms.address(), &into, &[]);
    let mut partner = Partner::sender(rooms.address());
    partner.offer(2, 1 << 60);
    partner.file(b"a", 1);
    partner.hears(b'W');
}

#[test]
#[ignore = "needs root"]
fn a_file_system_that_does_not_count_its_blocks_is_not_full() {
    let (rooms, from, ram) = (
        Rooms::open(),
        Folder::new("ram"),
        Small::mount("ram-there", &["-t", "ramfs", "ramfs"]),
    );
    from.write("x", b"x");
    let mut receiver = receive_files(rooms.address(), &ram.0, &[]);
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(ram.0.everything(), from.everything());
}

#[test]
fn a_disk_that_fills_up_is_said_on_both_sides_and_the_partial_file_stays() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("full"),
        Folder::new("full-there"),
    );
    from.write("large", &vec![7; 4 << 20]);
    // No file may become longer than a MiB. Whoever ignores the signal gets an error from its write.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh"]);
    let receive = transfer("receive", rooms.address(), &[]);
    limited.arg(receive.get_program()).args(receive.get_args());
    limited
        .arg("--into")
        .arg(into.path())
        .env_remove("RUST_LOG");
    let mut receiver = Client::spawn(limited);
    let mut sender = send_files(rooms.address(), &[&from.text("large")]);
    let words = "large: cannot write: File too large (os error 27)";
    assert_eq!(receiver.ends(1), format!("pairloop: {words}"));
    let told = format!("pairloop: the partner gave up: {words}");
    assert_eq!(sender.ends(1), told);
    assert_eq!(into.names(), [".large.pairloop-part"]);
    let written = into.read(".large.pairloop-part").len();
    assert_eq!(written, 1 << 20);

    let mut receiver = receive_files(rooms.address(), &into, &[]);
    let mut sender = send_files(rooms.address(), &[&from.text("large")]);
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(into.everything(), from.everything());
    let line = format!("received large (4194304 bytes, continued at {written})");
    assert_eq!(receiver.stdout.rest()[0], line);
}

/// A file system of its own; it is taken away when the test is over.
struct Small(Folder);

impl Small {
    fn mount(name: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new(name);
        let mut mount = Command::new("mount");
        let mounted = mount.args(arguments).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "this test needs root");
        Self(folder)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root"]
fn a_disk_that_others_fill_meanwhile_is_said_on_both_sides() {
    let (from, small) = (
        Folder::new("meanwhile"),
        Small::mount(
            "meanwhile-there",
            &["-t", "tmpfs", "-o", "size=8m", "tmpfs"],
        ),
    );
    let into = &small.0;
    from.write("large", &vec![7; 7 << 20]);
    let rooms = Rooms::hold_at(1 << 20);
    let mut receiver = receive_files(rooms.address(), into, &[]);
    let mut sender = send_files(rooms.address(), &[&from.text("large")]);
    rooms.is_held();
    into.write("another", &vec![7; 4 << 20]);
    rooms.go_on();
    let words = receiver.ends(1);
    assert!(words.contains("No space left on device"), "{words}");
    assert!(sender.ends(1).contains("No space left on device"));
    assert_eq!(into.names(), [".large.pairloop-part", "another"]);
    std::fs::remove_file(into.join("another")).unwrap();

    let line = continues(&rooms, &from, into);
    assert!(line.contains("continued at "), "{line}");
}
