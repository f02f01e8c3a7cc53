//! Transfers that do not go through at once: whoever is cut off continues, and what changes is noticed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::continues;
use crate::common::{
    Client, Folder, Noise, Partner, Rooms, Signal, eventually, receive_files, send_files,
};

/// Twice what can be under way: blocks in the sender and its socket's buffer (4 MiB unless someone has changed that).
const LENGTH: usize = 16 << 20;

fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Noise::new(seed).send(&mut bytes, 0..LENGTH as u64);
    bytes
}

/// Sender and receiver of `large`, which is held up at this byte, and the server in between.
fn held(name: &str, at: usize) -> (Rooms, Folder, Folder, Client, Client) {
    let (from, into) = (Folder::new(name), Folder::new(&format!("{name}-there")));
    from.write("large", &noise(1));
    from.modified("large", Duration::from_secs(1_000_000_000));
    let rooms = Rooms::hold_at(at);
    let receiver = receive_files(rooms.address(), &into, &[]);
    let sender = send_files(rooms.address(), &[&from.text("large")]);
    rooms.is_held();
    // Some of it is more than under way.
    let partial = into.join(".large.pairloop-part");
    eventually("something is written", || {
        fs::metadata(&partial).is_ok_and(|file| file.len() > 0)
    });
    (rooms, from, into, sender, receiver)
}

/// Where the receiver's line says that the transfer was continued.
#[track_caller]
fn continued_at(line: &str) -> usize {
    let number = line.strip_prefix(&format!("received large ({LENGTH} bytes, continued at "));
    let number = number.and_then(|rest| rest.strip_suffix(')'));
    let number = number.unwrap_or_else(|| panic!("{line}"));
    number.parse().expect("a number")
}

#[test]
fn a_killed_receiver_continues() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..4 {
        let at = random.usize(LENGTH / 2..LENGTH);
        let (rooms, from, into, mut sender, mut receiver) = held(&format!("receiver-{round}"), at);
        receiver.signal(Signal::KILL);
        receiver.wait();
        rooms.cut();
        assert!(sender.ends(1).contains("the connection was cut"));
        assert_eq!(into.names(), [".large.pairloop-part"]);
        // What was under way in the process is gone with it.
        let start = continued_at(&continues(&rooms, &from, &into));
        assert!(start > 0 && start < at, "{start} of {at}");
    }
}

#[test]
fn a_killed_sender_continues() {
    let mut random = fastrand::Rng::with_seed(2);
    for round in 0..4 {
        let at = random.usize(LENGTH / 2..LENGTH);
        let (rooms, from, into, mut sender, mut receiver) = held(&format!("sender-{round}"), at);
        sender.signal(Signal::KILL);
        sender.wait();
        rooms.cut();
        let words = receiver.ends(1);
        assert!(words.contains("run both commands again"), "{words}");
        assert_eq!(into.names(), [".large.pairloop-part"]);
        let start = continued_at(&continues(&rooms, &from, &into));
        assert!(start > 0 && start < at, "{start} of {at}");
    }
}

#[test]
fn an_interrupted_receiver_leaves_what_it_has() {
    let (rooms, from, into, mut sender, mut receiver) = held("interrupted", LENGTH / 2);
    receiver.signal(Signal::INT);
    receiver.wait();
    rooms.cut();
    sender.ends(1);
    assert!(continued_at(&continues(&rooms, &from, &into)) > 0);
}

#[test]
fn a_lost_connection_fails_on_both_sides_and_continues() {
    let (rooms, from, into, mut sender, mut receiver) = held("lost", LENGTH / 2);
    rooms.cut();
    assert!(
        sender
            .ends(1)
            .contains("run both commands again to continue")
    );
    assert!(
        receiver
            .ends(1)
            .contains("run both commands again to continue")
    );
    assert!(continued_at(&continues(&rooms, &from, &into)) > 0);
}

#[test]
fn a_changed_source_starts_over() {
    let (rooms, from, into, mut sender, mut receiver) = held("changed", LENGTH / 2);
    rooms.cut();
    sender.ends(1);
    receiver.ends(1);
    // One byte of the part that has arrived, and nothing else that could be noticed.
    let mut contents = noise(1);
    contents[10] ^= 1;
    from.write("large", &contents);
    from.modified("large", Duration::from_secs(1_000_000_000));
    let line = continues(&rooms, &from, &into);
    assert_eq!(line, format!("received large ({LENGTH} bytes)"));
}

#[test]
fn a_partial_file_longer_than_the_source_is_not_used() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("shorter"),
        Folder::new("shorter-there"),
    );
    from.write("large", b"short");
    into.write(".large.pairloop-part", b"short and more");
    assert_eq!(continues(&rooms, &from, &into), "received large (5 bytes)");
}

#[test]
fn a_whole_partial_file_only_gets_its_name() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("whole"),
        Folder::new("whole-there"),
    );
    from.write("large", b"whole");
    into.write(".large.pairloop-part", b"whole");
    continues(&rooms, &from, &into);
}

#[test]
fn a_source_that_changes_while_it_is_sent_fails_on_both_sides() {
    let (rooms, from, into, mut sender, mut receiver) = held("while", LENGTH / 8);
    from.modified("large", Duration::from_secs(1_000_000_001));
    rooms.go_on();
    let words = "large changed while it was sent: send it again";
    assert_eq!(sender.ends(1), format!("pairloop: {words}"));
    let told = format!("pairloop: the partner gave up: {words}");
    assert_eq!(receiver.ends(1), told);
    assert_eq!(into.names(), [".large.pairloop-part"]);
    continues(&rooms, &from, &into);
}

#[test]
fn a_source_that_shrinks_while_it_is_sent_fails_on_both_sides() {
    let (rooms, from, into, mut sender, mut receiver) = held("shrinks", LENGTH / 8);
    let file = fs::File::options().write(true).open(from.join("large"));
    file.unwrap().set_len(LENGTH as u64 - 1).unwrap();
    rooms.go_on();
    assert!(sender.ends(1).contains("large changed while it was sent"));
    assert!(receiver.ends(1).contains("large changed while it was sent"));
    assert_eq!(into.names(), [".large.pairloop-part"]);
}

#[test]
fn a_source_that_grows_while_it_is_sent_fails_on_both_sides() {
    let (rooms, from, into, mut sender, mut receiver) = held("grows", LENGTH / 8);
    let mut file = fs::File::options()
        .append(true)
        .open(from.join("large"))
        .unwrap();
    file.write_all(b"more").unwrap();
    rooms.go_on();
    assert!(sender.ends(1).contains("large changed while it was sent"));
    assert!(receiver.ends(1).contains("large changed while it was sent"));
    assert_eq!(into.names(), [".large.pairloop-part"]);
}

#[test]
fn a_source_that_is_replaced_while_it_is_sent_arrives_as_it_was() {
    let (rooms, from, into, mut sender, mut receiver) = held("replaced", LENGTH / 8);
    let before = from.everything();
    from.write("another", b"other contents");
    fs::rename(from.join("another"), from.join("large")).unwrap();
    rooms.go_on();
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(into.everything(), before);
}

#[test]
fn a_folder_that_becomes_a_symlink_while_it_is_sent_is_not_followed() {
    let (rooms, from, into) = (
        Rooms::hold_at(LENGTH / 2),
        Folder::new("becomes"),
        Folder::new("becomes-there"),
    );
    from.write("top/a", &noise(1));
    from.write("top/b/secret", b"secret");
    let mut receiver = receive_files(rooms.address(), &into, &[]);
    let mut sender = send_files(rooms.address(), &[&from.text("top")]);
    rooms.is_held();
    fs::rename(from.join("top/b"), from.join("outside")).unwrap();
    symlink("../outside", from.join("top/b")).unwrap();
    rooms.go_on();
    let words = sender.ends(1);
    assert!(words.contains("top/b/secret: cannot open"), "{words}");
    assert!(receiver.ends(1).contains("top/b/secret: cannot open"));
    assert!(!into.join("top/b/secret").exists());
}

#[test]
fn two_receivers_do_not_write_one_file() {
    let (rooms, from, into, mut sender, mut receiver) = held("both", LENGTH / 2);
    let mut second = receive_files(rooms.address(), &into, &[]);
    let mut partner = Partner::sender(rooms.address());
    partner.offer(1, 3);
    partner.file(b"large", 3);
    partner.hears_why("large is being received by someone else");
    drop(partner);
    second.ends(1);
    rooms.go_on();
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(into.everything(), from.everything());
}
