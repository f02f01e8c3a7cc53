//! Names, and symlinks on the way to what they name, that lead out of the folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::receiver_refuses;
use super::system::receiver;
use crate::common::{Folder, Partner, Rooms, receive_files, send_files};

/// A folder in a folder, beside something that must stay as it is.
fn beside_a_secret(name: &str) -> (Folder, Folder) {
    let outer = Folder::new(name);
    outer.write("secret", b"secret");
    let into = outer.folder("into");
    (outer, into)
}

#[test]
fn names_lead_nowhere_else() {
    let (outer, into) = beside_a_secret("names");
    let absolute = outer.text("secret");
    let long = "n".repeat(256);
    let too_deep = "n/".repeat(64) + "n";
    for (path, words) in [
        ("../secret", "a component is . or .."),
        ("a/../../secret", "a component is . or .."),
        ("..", "a component is . or .."),
        (".", "a component is . or .."),
        ("", "a component is empty"),
        (&absolute[..], "a component is empty"),
        ("/", "a component is empty"),
        ("./x", "a component is . or .."),
        ("a/./b", "a component is . or .."),
        ("a//b", "a component is empty"),
        ("a/", "a component is empty"),
        ("..\\secret", "a component has a backslash"),
        ("a\0b", "a component has a control character"),
        ("a\x1b[2Jb", "a component has a control character"),
        (&long, "a component has more than 255 bytes"),
        (&too_deep, "it has more than 64 components"),
        (".x.pairloop-part", "for unfinished transfers"),
    ] {
        receiver_refuses(&into, words, |partner| {
            partner.offer(1, 6);
            partner.file(path.as_bytes(), 6);
        });
        receiver_refuses(&into, words, |partner| {
            partner.offer(1, 0);
            partner.say(b'D', &[path.as_bytes()]);
        });
        assert_eq!(into.names(), [""; 0], "{path:?}");
        assert_eq!(outer.read("secret"), b"secret");
    }
}

#[test]
fn symlinks_lead_nowhere_else() {
    let (outer, into) = beside_a_secret("links");
    symlink("..", into.join("up")).unwrap();
    symlink("../secret", into.join(".x.pairloop-part")).unwrap();
    symlink("../made", into.join(".y.pairloop-part")).unwrap();
    for (path, words) in [
        ("up/secret", "something else than a folder"),
        ("up/new", "something else than a folder"),
        ("x", "something else than a file"),
        ("y", "something else than a file"),
    ] {
        receiver_refuses(&into, words, |partner| {
            partner.offer(1, 6);
            partner.file(path.as_bytes(), 6);
        });
    }
    receiver_refuses(&into, "something else than a folder", |partner| {
        partner.offer(1, 0);
        partner.say(b'D', &[b"up"]);
    });
    assert_eq!(outer.read("secret"), b"secret");
    assert!(!outer.join("new").exists() && !outer.join("made").exists());
}

#[test]
fn a_symlink_in_the_files_place_is_replaced_and_not_followed() {
    let (outer, into) = beside_a_secret("replaced");
    symlink("../secret", into.join("x")).unwrap();
    let rooms = Rooms::open();
    let from = Folder::new("replacing");
    from.write("x", b"mine");
    let mut receiver = receive_files(rooms.address(), &into, &[]);
    send_files(rooms.address(), &[&from.text("x")]).ends(1);
    assert!(receiver.ends(1).contains("x is there already"));
    let mut receiver = receive_files(rooms.address(), &into, &["--overwrite"]);
    send_files(rooms.address(), &[&from.text("x")]).ends(0);
    receiver.ends(0);
    assert_eq!(into.everything(), from.everything());
    assert_eq!(outer.read("secret"), b"secret");
}

/// Exchanges what is there and a symlink to outside, again and again, until it is dropped.
struct Exchanging(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Exchanging {
    fn begin(there: PathBuf, link: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                // There may be nothing to exchange it with at the moment.
                let _ = renameat_with(CWD, &there, CWD, &link, RenameFlags::EXCHANGE);
            }
        });
        Self(over, Some(thread))
    }
}

impl Drop for Exchanging {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().map(JoinHandle::join);
    }
}

#[test]
fn a_symlink_that_comes_and_goes_leads_nowhere_else() {
    let (outer, into) = beside_a_secret("race");
    fs::create_dir_all(outer.join("outside")).unwrap();
    fs::create_dir_all(into.join("a")).unwrap();
    symlink("../outside", into.join("link")).unwrap();
    let _exchanging = Exchanging::begin(into.join("a"), into.join("link"));
    let (rooms, from) = (Rooms::open(), Folder::new("race-from"));
    (0..30).for_each(|number| from.write(&format!("a/{number}"), b"contents"));
    let mut refused = 0;
    for _ in 0..10 {
        let mut receiver = receive_files(rooms.address(), &into, &["--overwrite"]);
        let mut sender = send_files(rooms.address(), &[&from.text("a")]);
        let failed = !sender.wait().success();
        assert_eq!(receiver.wait().success(), !failed);
        if failed {
            let words = receiver.stderr.rest().join(" ");
            assert!(words.contains("something else than a folder"), "{words}");
            refused += 1;
        }
    }
    assert!(refused > 0, "the symlink was met");
    assert_eq!(fs::read_dir(outer.join("outside")).unwrap().count(), 0);
}

#[test]
fn a_partial_file_that_is_a_second_name_of_another_is_not_written() {
    let (outer, into) = beside_a_secret("linked");
    fs::hard_link(outer.join("secret"), into.join(".x.pairloop-part")).unwrap();
    receiver_refuses(&into, "something else than a file", |partner| {
        partner.offer(1, 6);
        partner.file(b"x", 6);
    });
    assert_eq!(outer.read("secret"), b"secret");
}

#[test]
fn a_symlink_that_comes_and_goes_in_a_files_place_is_not_written_through() {
    for name in ["x", ".x.pairloop-part"] {
        let (outer, into) = beside_a_secret("place");
        into.write(name, b"there");
        symlink("../secret", into.join("link")).unwrap();
        let exchanging = Exchanging::begin(into.join(name), into.join("link"));
        let (rooms, from) = (Rooms::open(), Folder::new("place-from"));
        let mut kept = 0;
        for round in 0..20 {
            from.write("x", format!("contents {round}").as_bytes());
            let mut receiver = receive_files(rooms.address(), &into, &["--overwrite"]);
            let mut sender = send_files(rooms.address(), &[&from.text("x")]);
            let is_kept = sender.wait().success();
            assert_eq!(receiver.wait().success(), is_kept);
            kept += usize::from(is_kept);
            assert_eq!(outer.read("secret"), b"secret", "{name}, {round}");
            // So that there is something to exchange again.
            if !into.join(name).exists() {
                into.write(name, b"there");
            }
        }
        drop(exchanging);
        assert!(
            kept > 0 || name != "x",
            "nothing is wrong with the name itself"
        );
        assert!(
            outer
                .names()
                .iter()
                .all(|name| name == "secret" || name.starts_with("into"))
        );
    }
}

#[test]
#[ignore = "needs strace"]
fn a_refused_name_is_not_even_looked_for() {
    let (_outer, into) = beside_a_secret("looked-for");
    let log = into.text("../log");
    for path in [
        "../marked",
        "a/../../marked",
        "/marked",
        "..\\marked",
        "marked\0",
        "marked/.",
        "/",
    ] {
        let rooms = Rooms::open();
        let trace = ["-e", "trace=%file,mkdirat,openat,renameat2", "-o", &log];
        let mut receiver = receiver(&rooms, &into, &trace);
        let mut partner = Partner::sender(rooms.address());
        partner.offer(1, 6);
        partner.file(path.as_bytes(), 6);
        partner.hears_why("is refused");
        drop(partner);
        receiver.ends(1);
        let calls = fs::read_to_string(&log).unwrap();
        // What is asked of the system after the folder was opened for the transfer.
        let folder = format!("\"{}\"", into.path().display());
        let (_, after) = calls.rsplit_once(&folder).expect("the folder is opened");
        for looked_for in after.split('"').skip(1).step_by(2) {
            // Whether the folder is empty, and where to say what is wrong.
            let is_usual = [".", "/proc/self/fd/2"].contains(&looked_for);
            assert!(is_usual, "{path:?}: {looked_for}");
        }
    }
}
