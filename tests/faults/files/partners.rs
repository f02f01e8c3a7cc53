//! Partners who mean harm: names that lead elsewhere, lengths that lie, and garbage.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::common::{Folder, Partner, Rooms, read_all, receive_files, send_files};

/// SHA-256 of nothing.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A sender spoken by hand; the receiver gives up with these words, and says them to both.
#[track_caller]
fn receiver_refuses(into: &Folder, words: &str, say: impl FnOnce(&mut Partner)) {
    let rooms = Rooms::open();
    let mut receiver = receive_files(rooms.address(), into, &["--overwrite"]);
    let mut partner = Partner::sender(rooms.address());
    say(&mut partner);
    partner.hears_why(words);
    drop(partner);
    let said = receiver.ends(1);
    assert!(said.contains(words), "{said}");
}

/// A receiver spoken by hand; the sender gives up with these words.
#[track_caller]
fn sender_refuses(words: &str, say: impl FnOnce(&mut Partner)) {
    let (rooms, from) = (Rooms::open(), Folder::new("honest"));
    from.write("x", &vec![7; 3 << 20]);
    let mut sender = send_files(rooms.address(), &[&from.text("x")]);
    let mut partner = Partner::receiver(rooms.address());
    partner.hears(b'O');
    partner.hears(b'F');
    say(&mut partner);
    drop(partner);
    let said = sender.ends(1);
    assert!(said.contains(words), "{said}");
}

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
    for (path, words) in [
        ("../secret", "a component is . or .."),
        ("a/../../secret", "a component is . or .."),
        ("..", "a component is . or .."),
        (".", "a component is . or .."),
        ("", "a component is empty"),
        (&absolute[..], "a component is empty"),
        ("a//b", "a component is empty"),
        ("a/", "a component is empty"),
        ("..\\secret", "a component has a backslash"),
        ("a\0b", "a component has a control character"),
        ("a\x1b[2Jb", "a component has a control character"),
        (&long, "a component has more than 255 bytes"),
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

/// Exchanges a folder and a symlink to outside, again and again, until it is dropped.
struct Exchanging(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Exchanging {
    fn begin(folder: PathBuf, link: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
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

/// Offers a file of six bytes, and gets it wanted from its beginning.
fn six_bytes(partner: &mut Partner) {
    partner.offer(1, 6);
    partner.file(b"x", 6);
    let want = partner.hears(b'W');
    assert_eq!(want[..8], [0; 8]);
    partner.say(b'B', &[&[0; 8]]);
}

#[test]
fn lengths_that_lie_are_refused() {
    let into = Folder::new("lying");
    receiver_refuses(&into, "a file is longer than was announced", |partner| {
        six_bytes(partner);
        partner.say(b'.', &[b"seven b"]);
    });
    receiver_refuses(&into, "a file is shorter than was announced", |partner| {
        six_bytes(partner);
        partner.say(b'.', &[b"five "]);
        partner.say(b'E', &[&[0; 32]]);
    });
    fs::remove_file(into.join(".x.pairloop-part")).unwrap();
    receiver_refuses(&into, "the sender sends more than it offered", |partner| {
        partner.offer(1, 5);
        partner.file(b"x", 6);
    });
    receiver_refuses(&into, "the sender sends more than it offered", |partner| {
        partner.offer(0, 5);
        partner.say(b'D', &[b"x"]);
    });
    receiver_refuses(&into, "the sender sent less than it offered", |partner| {
        partner.offer(1, 0);
        partner.say(b'Z', &[]);
    });
    receiver_refuses(
        &into,
        "the sender offers more files than are taken",
        |partner| {
            partner.offer(u64::MAX, 0);
        },
    );
    receiver_refuses(
        &into,
        "a frame of kind '.' with 4294967295 bytes",
        |partner| {
            six_bytes(partner);
            partner.0.write_all(b".\xff\xff\xff\xff").unwrap();
        },
    );
    fs::remove_file(into.join(".x.pairloop-part")).unwrap();
    assert_eq!(into.names(), [""; 0], "nothing has its final name");
}

#[test]
fn other_contents_than_announced_never_get_a_name() {
    let into = Folder::new("wrong");
    receiver_refuses(
        &into,
        "x has other contents than were announced",
        |partner| {
            six_bytes(partner);
            partner.say(b'.', &[b"wrong!"]);
            partner.say(b'E', &[&[0; 32]]);
        },
    );
    assert_eq!(into.names(), [""; 0], "nor are they kept");
}

#[test]
fn frames_out_of_turn_are_refused() {
    let into = Folder::new("turns");
    receiver_refuses(&into, "the sender did not begin with an offer", |partner| {
        partner.file(b"x", 0);
    });
    receiver_refuses(&into, "neither an entry nor the end", |partner| {
        partner.offer(1, 6);
        partner.say(b'B', &[&[0; 8]]);
    });
    receiver_refuses(
        &into,
        "the sender did not begin where it was asked to",
        |partner| {
            partner.offer(1, 6);
            partner.file(b"x", 6);
            partner.hears(b'W');
            partner.say(b'B', &[&5_u64.to_be_bytes()]);
        },
    );
    receiver_refuses(&into, "a file that has not ended", |partner| {
        six_bytes(partner);
        partner.say(b'Z', &[]);
    });
    receiver_refuses(&into, "a frame of an unknown kind (0x47)", |partner| {
        partner.0.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    });
}

#[test]
fn garbage_ends_in_words() {
    let (rooms, into) = (Rooms::open(), Folder::new("garbage"));
    let mut receiver = receive_files(rooms.address(), &into, &["--forever"]);
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..8 {
        let mut partner = Partner::sender(rooms.address());
        let mut garbage = vec![0; random.usize(1..5000)];
        random.fill(&mut garbage);
        partner.0.write_all(&garbage).unwrap();
        partner.0.shutdown(std::net::Shutdown::Write).unwrap();
        let (said, _) = read_all(&mut partner.0);
        assert!(said.is_empty() || said[0] == b'A', "{said:?}");
        drop(partner);
        receiver.stderr.find("pairloop: ");
    }
    assert_eq!(into.names(), [""; 0]);
}

#[test]
fn a_sender_believes_only_what_was_confirmed() {
    sender_refuses("the receiver wants more than there is", |partner| {
        partner.say(b'W', &[&(1_u64 << 40).to_be_bytes(), &[0; 32]]);
        partner.hears_why("the receiver wants more than there is");
    });
    sender_refuses("the receiver did not say what it wants", |partner| {
        partner.say(b'K', &[]);
        partner.hears_why("the receiver did not say what it wants");
    });
    let of_nothing: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&OF_NOTHING[at..at + 2], 16).unwrap())
        .collect();
    let want = [&[0; 8][..], &of_nothing];
    sender_refuses("the connection was cut", |partner| {
        partner.say(b'W', &want);
        partner.hears(b'B');
    });
    sender_refuses(
        "the receiver answered before the end of a file",
        |partner| {
            partner.say(b'W', &want);
            partner.hears(b'B');
            partner.say(b'K', &[]);
            partner.hears_why_after_contents("the receiver answered before the end of a file");
        },
    );
    sender_refuses("the partner gave up: \\u{1b}[2J", |partner| {
        partner.say(b'W', &want);
        partner.say(b'A', &[b"\x1b[2J"]);
        read_all(&mut partner.0);
    });
    sender_refuses("a frame of an unknown kind", |partner| {
        partner.0.write_all(b"garbage").unwrap();
        partner.hears(b'A');
    });
}
