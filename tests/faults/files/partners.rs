//! Partners who mean harm: lengths that lie, frames out of turn, and garbage.

use std::fs;
use std::io::Write;

use super::receiver_refuses;
use crate::common::{Folder, Partner, Rooms, read_all, receive_files, send_files};

/// SHA-256 of nothing.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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
