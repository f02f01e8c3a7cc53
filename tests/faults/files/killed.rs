//! kill -9 of a sender, of a receiver, and of the server between them.

use std::fs;

use crate::common::{
    Client, Daemon, Folder, Noise, Rooms, Signal, eventually, receive_files, send_files,
};

const FILES: usize = 40;

/// A folder of files of many sizes. Answers how many bytes they have together.
fn many(folder: &Folder, random: &mut fastrand::Rng) -> usize {
    let mut all = 0;
    for number in 0..FILES {
        let length = random.usize(..200_000);
        let mut bytes = Vec::new();
        Noise::new(number as u64).send(&mut bytes, 0..length as u64);
        folder.write(&format!("many/{number:02}"), &bytes);
        all += length;
    }
    all
}

fn both(rooms: &Rooms, from: &Folder, into: &Folder) -> [Client; 2] {
    let receiver = receive_files(rooms.address(), into, &[]);
    [receiver, send_files(rooms.address(), &[&from.text("many")])]
}

/// Whatever has its final name is whole. Answers how many files have theirs.
#[track_caller]
fn nothing_else_is_there(from: &Folder, into: &Folder) -> usize {
    let whole = from.everything();
    let mut files = 0;
    for there in into.everything() {
        if !there.0.ends_with(".pairloop-part") && there.1 != "folder" {
            assert!(whole.contains(&there), "{} is not whole", there.0);
            files += 1;
        }
    }
    files
}

/// Runs both once more; they succeed.
#[track_caller]
fn continues(from: &Folder, into: &Folder) {
    let [mut receiver, mut sender] = both(&Rooms::open(), from, into);
    assert_eq!((sender.ends(0), receiver.ends(0)), Default::default());
    assert_eq!(nothing_else_is_there(from, into), FILES);
    assert_eq!(into.names().len(), FILES + 1, "nothing unfinished is left");
}

#[test]
fn whoever_is_killed_at_any_byte_has_given_no_part_a_final_name() {
    let mut random = fastrand::Rng::with_seed(9);
    let from = Folder::new("at-any-byte");
    let all = many(&from, &mut random);
    for victim in [0, 1].repeat(5) {
        let into = Folder::new("at-any-byte-there");
        let rooms = Rooms::hold_at(random.usize(1..all));
        let mut pair = both(&rooms, &from, &into);
        rooms.is_held();
        pair[victim].signal(Signal::KILL);
        pair[victim].wait();
        rooms.cut();
        pair[1 - victim].ends(1);
        assert!(nothing_else_is_there(&from, &into) < FILES);
        continues(&from, &into);
    }
}

#[test]
fn whoever_is_killed_at_any_moment_has_given_no_part_a_final_name() {
    let mut random = fastrand::Rng::with_seed(10);
    let from = Folder::new("at-any-moment");
    many(&from, &mut random);
    let mut cut = 0;
    for victim in [0, 1].repeat(10) {
        let into = Folder::new("at-any-moment-there");
        let mut pair = both(&Rooms::open(), &from, &into);
        // It is somewhere in the next file by now, perhaps about to give it its name.
        for _ in 0..random.usize(1..FILES / 2) {
            pair[victim].stdout.next().expect("a file has its name");
        }
        pair[victim].signal(Signal::KILL);
        for client in &mut pair {
            client.wait();
        }
        cut += usize::from(nothing_else_is_there(&from, &into) < FILES);
        continues(&from, &into);
    }
    assert!(cut > 0, "some were in the midst of it");
}

#[test]
fn a_server_that_is_killed_under_load_leaves_no_part_under_a_final_name_and_is_continued_with() {
    const LENGTH: u64 = 32 << 20;
    let (from, into) = (Folder::new("server"), Folder::new("server-there"));
    let mut bytes = Vec::new();
    Noise::new(1).send(&mut bytes, 0..LENGTH);
    from.write("large", &bytes);
    let partial = into.join(".large.pairloop-part");
    let written = || fs::metadata(&partial).map_or(0, |file| file.len());
    // No connection of another test can take its port meanwhile: those are between 127.0.0.1 and itself.
    let mut daemon = Daemon::serve(&["relay://127.0.78.2:0?rooms=named"], &[]);
    let at = daemon.address(0);
    for _ in 0..3 {
        let before = written();
        let mut receiver = receive_files(at, &into, &[]);
        let mut sender = send_files(at, &[&from.text("large")]);
        eventually("more is written", || written() > before);
        // The rest stays on its way.
        receiver.signal(Signal::STOP);
        daemon.kill();
        receiver.signal(Signal::CONT);
        for client in [&mut sender, &mut receiver] {
            let words = client.ends(1);
            assert!(
                words.contains("run both commands again to continue"),
                "{words}"
            );
        }
        assert_eq!(into.names(), [".large.pairloop-part"]);
        daemon = Daemon::serve(&[&format!("relay://{at}?rooms=named")], &[]);
    }
    let mut receiver = receive_files(at, &into, &[]);
    let mut sender = send_files(at, &[&from.text("large")]);
    assert_eq!((sender.ends(0), receiver.ends(0)), Default::default());
    assert_eq!(into.everything(), from.everything());
    let line = &receiver.stdout.rest()[0];
    assert!(line.contains("continued at "), "{line}");
    daemon.has_clients(0);
}
