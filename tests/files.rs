//! Sending and receiving files: what arrives, and what is said about it.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use common::json::Json;
use common::{Folder, Rooms, Terminal, program, receive_files, send_files, transfer};

/// Sends these arguments into this folder. Both succeed; answers what each of them said.
#[track_caller]
fn passes(rooms: &Rooms, arguments: &[&str], into: &Folder) -> (Vec<String>, Vec<String>) {
    let mut receiver = receive_files(rooms.address(), into, &[]);
    let mut sender = send_files(rooms.address(), arguments);
    assert_eq!(sender.ends(0), "");
    assert_eq!(receiver.ends(0), "");
    (sender.stdout.rest(), receiver.stdout.rest())
}

#[test]
fn a_file_arrives_as_it_is() {
    let (rooms, from, into) = (Rooms::open(), Folder::new("one"), Folder::new("one-there"));
    from.write("notes.txt", b"hello");
    from.modified("notes.txt", Duration::new(1_000_000_000, 123_456_789));
    let (sent, received) = passes(&rooms, &[&from.text("notes.txt")], &into);
    assert_eq!(into.everything(), from.everything());
    assert_eq!(sent, ["sent notes.txt (5 bytes)", "sent 1 file, 5 bytes"]);
    let words = ["received notes.txt (5 bytes)", "received 1 file, 5 bytes"];
    assert_eq!(received, words);
}

#[test]
fn a_folder_arrives_with_everything_in_it() {
    let (rooms, from, into) = (Rooms::open(), Folder::new("all"), Folder::new("all-there"));
    from.write("top/run.sh", b"#!/bin/sh\n");
    from.make_executable("top/run.sh");
    from.write("top/empty", b"");
    fs::create_dir_all(from.join("top/nothing/in it")).unwrap();
    from.write("top/a/b/c/d", b"deep");
    from.write("top/\u{e9}t\u{e9} \u{1f41a}", b"unicode");
    from.write("top/-rf", b"no option");
    from.write(&format!("top/{}", "n".repeat(255)), b"long name");
    let large: Vec<u8> = (0..700_001_u32).map(|i| (i % 251) as u8).collect();
    from.write("top/large", &large);
    from.modified("top/large", Duration::from_secs(1));
    symlink("large", from.join("top/link")).unwrap();
    symlink("../a/b", from.join("top/nothing/folder link")).unwrap();
    passes(&rooms, &[&from.text("top")], &into);
    assert_eq!(into.everything(), from.everything());
    let link = into.join("top/link");
    assert!(!link.is_symlink(), "it arrives as what it points to");
}

#[test]
fn many_files_arrive_and_are_not_sent_twice() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("many"),
        Folder::new("many-there"),
    );
    for number in 0..50 {
        from.write(&format!("{number}"), format!("file {number}").as_bytes());
    }
    let paths: Vec<String> = (0..50)
        .map(|number| from.text(&number.to_string()))
        .collect();
    let arguments: Vec<&str> = paths.iter().map(String::as_str).collect();
    passes(&rooms, &arguments, &into);
    assert_eq!(into.everything(), from.everything());
    let (sent, received) = passes(&rooms, &arguments, &into);
    assert_eq!(sent[0], "0 was there already (6 bytes)");
    assert_eq!(received[..50], sent[..50]);
}

#[test]
fn nothing_is_overwritten_unless_asked_for() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("over"),
        Folder::new("over-there"),
    );
    from.write("x", b"new contents");
    // Of another size, and of the same.
    for old in [&b"old"[..], b"old contents"] {
        into.write("x", old);
        let mut receiver = receive_files(rooms.address(), &into, &[]);
        let mut sender = send_files(rooms.address(), &[&from.text("x")]);
        let words = "x is there already, and is not the same: it is only replaced with --overwrite";
        assert_eq!(receiver.ends(1), format!("pairloop: {words}"));
        let told = format!("pairloop: the partner gave up: {words}");
        assert_eq!(sender.ends(1), told);
        assert_eq!(into.read("x"), old);

        let mut receiver = receive_files(rooms.address(), &into, &["--overwrite"]);
        let mut sender = send_files(rooms.address(), &[&from.text("x")]);
        assert_eq!(
            (sender.ends(0), receiver.ends(0)),
            (String::new(), String::new())
        );
        assert_eq!(into.everything(), from.everything());
    }
}

#[test]
fn a_file_does_not_take_a_folders_place_nor_a_folder_a_files() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("kind"),
        Folder::new("kind-there"),
    );
    from.write("x", b"a file");
    from.write("y/inner", b"in a folder");
    into.write("x/inner", b"in a folder");
    into.write("y", b"a file");
    let before = into.everything();
    for (name, words) in [
        ("x", "x is there already as something else than a file"),
        ("y", "y is there already as something else than a folder"),
    ] {
        let mut receiver = receive_files(rooms.address(), &into, &["--overwrite"]);
        let mut sender = send_files(rooms.address(), &[&from.text(name)]);
        assert_eq!(receiver.ends(1), format!("pairloop: {words}"));
        assert!(sender.ends(1).ends_with(words));
        assert_eq!(into.everything(), before);
    }
}

#[test]
fn what_cannot_be_sent_is_named_before_anything_is() {
    let (rooms, from) = (Rooms::open(), Folder::new("unfit"));
    let secret = Folder::new("unfit-secret");
    secret.write("key", b"secret");
    from.write("top/good", b"good");
    symlink(secret.join("key"), from.join("top/outside")).unwrap();
    symlink("nowhere", from.join("top/broken")).unwrap();
    symlink("..", from.join("top/up")).unwrap();
    symlink(".", from.join("top/around")).unwrap();
    from.write("top/back\\slash", b"");
    from.write("top/new\nline", b"");
    from.write("top/.x.pairloop-part", b"");
    let socket = std::os::unix::net::UnixListener::bind(from.join("top/socket")).unwrap();
    let words = send_files(rooms.address(), &[&from.text("top"), "/no/such"]).ends(1);
    drop(socket);
    for part in [
        "top/outside: a symlink to outside the folder that is sent",
        "top/broken: a symlink to nowhere",
        "top/up: a symlink to outside",
        "top/around: a symlink to a folder that it is in",
        "a component has a backslash",
        "new\\nline: the name \"top/new\\nline\" is refused: a component has a control character",
        "for unfinished transfers",
        "top/socket: neither a file nor a folder",
        "/no/such: No such file",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    from.write("other/good", b"another");
    let twice = [&from.text("top/good")[..], &from.text("other/good")];
    let words = send_files(rooms.address(), &twice).ends(1);
    assert!(words.contains("has the same name"), "{words}");
}

/// Files of /proc say that they are empty.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_longer_than_it_says_is_not_sent_as_if_it_were_whole() {
    let (rooms, into) = (Rooms::open(), Folder::new("longer-there"));
    let mut receiver = receive_files(rooms.address(), &into, &[]);
    let words = send_files(rooms.address(), &["/proc/version"]).ends(1);
    assert_eq!(words, "pairloop: version is longer than it says");
    assert!(receiver.ends(1).contains("version is longer than it says"));
    assert!(!into.join("version").exists());
}

#[test]
fn json_says_what_happens_and_quiet_says_nothing() {
    let (rooms, from, into) = (
        Rooms::open(),
        Folder::new("json"),
        Folder::new("json-there"),
    );
    from.write("a\"b", b"hello");
    let at = rooms.address();
    let mut receiver = receive_files(at, &into, &["--quiet"]);
    let mut sender = send_files(at, &["--json", &from.text("a\"b")]);
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(receiver.stdout.rest(), [""; 0]);
    let said = sender.stdout.rest();
    assert_eq!(said.len(), 2);
    let file = Json::parse(&said[0]);
    assert_eq!((file.text("event"), file.text("name")), ("file", "a\"b"));
    assert_eq!((file.number("bytes"), file.number("start")), (5.0, 0.0));
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(file.text("sha256"), hash);
    let done = Json::parse(&said[1]);
    assert_eq!(done.text("event"), "done");
    assert_eq!((done.number("files"), done.number("bytes")), (1.0, 5.0));

    from.write("a\"b", b"other");
    let mut receiver = receive_files(at, &into, &["--json"]);
    let mut sender = send_files(at, &["--quiet", &from.text("a\"b")]);
    assert!(sender.ends(1).contains("--overwrite"), "failures are said");
    receiver.ends(1);
    let failed = Json::parse(&receiver.stdout.rest()[0]);
    assert_eq!(failed.text("event"), "failed");
    assert!(failed.text("error").contains("--overwrite"));
}

#[test]
fn a_terminal_shows_progress() {
    let (rooms, from, into) = (
        Rooms::hold_at(3 << 20),
        Folder::new("bar"),
        Folder::new("bar-there"),
    );
    from.write("\u{9b}large", &vec![7; 8 << 20]);
    let arguments = [&from.text("\u{9b}large")[..]];
    // The command is dropped at once: it has the terminal open, whose end would not come.
    let mut sender = Terminal::run(
        transfer("send", rooms.address(), &arguments)
            .env("TERM", "xterm")
            .env("COLUMNS", "80"),
    );
    sender.shows("-- waiting for the partner");
    let mut receiver = receive_files(rooms.address(), &into, &[]);
    sender.shows("-- connected with 127.0.0.1:");
    rooms.is_held();
    let shown = sender.shows("/8.00 MiB");
    assert!(shown.contains("\\u{9b}large"), "{shown:?}");
    assert!(!shown.contains('\u{9b}'), "names drive no terminal");
    rooms.go_on();
    sender.shows("sent \\u{9b}large (8388608 bytes)");
    sender.ends(0);
    receiver.ends(0);
    assert_eq!(into.everything(), from.everything());
}

#[test]
fn usage_is_explained() {
    let usage = |arguments: &[&str]| program().args(arguments).output().unwrap();
    let at = "127.0.0.1:7";
    for (arguments, words) in [
        (&["send", at, "--room", "r"][..], "<FILE>"),
        (&["send", at, "x"], "--room"),
        (&["send", "--room", "r", at], "<FILE>"),
        (&["receive", at, "--room", "a/b"], "1 to 64 of A-Z"),
        (&["receive", "nowhere", "--room", "r"], "write nowhere:PORT"),
    ] {
        let output = usage(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    for command in ["send", "receive"] {
        let help = String::from_utf8(usage(&[command, "--help"]).stdout).unwrap();
        let example = format!("Example: pairloop {command} relay.example:7000 --room holiday");
        assert!(help.contains(&example), "{help}");
    }
}
