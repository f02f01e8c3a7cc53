//! Lines that are as long as they may be, by one byte longer, and of a mebibyte without an end: for everything that is read
//! up to an end.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use crate::common::proxied::{IPV4, SIGNATURE, meet, said, v2};
use crate::common::transit::{TRANSIT, are_partners, handshake};
use crate::common::users::{UserFile, begin, is_reset_from};
use crate::common::{
    Bystander, CHAT, Daemon, End, ORDER, RELAY, connect, end_of, hears_nothing, read_all, receive,
};

/// What clients are promised, terminators included but for messages and handshakes.
const LONGEST_HELLO: usize = 1024;
const LONGEST_HANDSHAKE: usize = 1024;
const LONGEST_LINE: usize = 64 * 1024;
const LONGEST_MESSAGE: usize = 1024;
const LONGEST_PROXY_LINE: usize = 107;
const LONGEST_PROXY_HEADER: usize = 2048;

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const PROXY: &str = "relay://127.0.0.1:0?proxy=on";
const FREE: &str = "chat://127.0.0.1:0?turns=free";

const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";

const MEBIBYTE: usize = 1 << 20;

/// So many bytes, of which these are the first and the last.
fn long(begin: &str, length: usize, end: &str) -> Vec<u8> {
    let fill = length - begin.len() - end.len();
    [begin, &"A".repeat(fill), end].concat().into_bytes()
}

/// Says this, as far as it is taken, and hears this and FIN.
#[track_caller]
fn is_told(mut client: TcpStream, words: &[u8], answer: &str) {
    // It may be over before all of it is said.
    let _ = client.write_all(words);
    let (heard, end) = read_all(&mut client);
    assert_eq!(
        (String::from_utf8_lossy(&heard).as_ref(), end),
        (answer, End::Fin)
    );
}

/// Everything that was sent to this listener of named rooms before has been read.
fn has_read(daemon: &Daemon) {
    is_told(daemon.connect(), b"?", "ERR hello expected JOIN <room>\n");
}

#[test]
fn a_hello_may_have_1024_bytes() {
    let mut daemon = Daemon::serve(&[NAMED], &[]);
    let begin = "JOIN r scram=";
    for end in ["\n", "\r\n"] {
        for length in [LONGEST_HELLO - 1, LONGEST_HELLO] {
            // No line of that length is a good one, but it is read, and what is wrong with it is said.
            let hello = long(begin, length, end);
            is_told(daemon.connect(), &hello, "ERR auth nobody logs in here\n");
        }
        let hello = long(begin, LONGEST_HELLO + 1, end);
        is_told(daemon.connect(), &hello, "ERR hello the line is too long\n");
    }
    let hello = long(begin, LONGEST_HELLO - 1, "");
    let client = daemon.say(&hello);
    has_read(&daemon);
    assert!(hears_nothing(&client), "it may still become a line");
    is_told(client, b"\n", "ERR auth nobody logs in here\n");
    for length in [LONGEST_HELLO, LONGEST_HELLO + 1, MEBIBYTE] {
        let hello = long(begin, length, "");
        is_told(daemon.connect(), &hello, "ERR hello the line is too long\n");
    }
    daemon.has_clients(0);
}

#[test]
fn a_step_of_a_login_may_have_1024_bytes() {
    let users = UserFile::of("limits", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let begun = || {
        let mut client = daemon.connect();
        begin(&mut client, "JOIN r", "alice", "a guess");
        client
    };
    let malformed = "ERR auth not SCRAM-SHA-256 as it is spoken here\n";
    let too_long = "ERR auth the line is too long\n";
    for (length, end, answer) in [
        (LONGEST_HELLO - 1, "\n", malformed),
        (LONGEST_HELLO, "\n", malformed),
        (LONGEST_HELLO + 1, "\n", too_long),
    ] {
        is_told(begun(), &long("AUTH ", length, end), answer);
    }
    // So many failures would be a penalty.
    let users = UserFile::of("limits.endless", &["alice"]);
    daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let begun = || {
        let mut client = daemon.connect();
        begin(&mut client, "JOIN r", "alice", "a guess");
        client
    };
    for length in [LONGEST_HELLO, MEBIBYTE] {
        is_told(begun(), &long("AUTH ", length, ""), too_long);
    }
    daemon.has_clients(0);
}

#[test]
fn a_chat_line_may_have_64_kib() {
    let mut daemon = Daemon::serve(&[CHAT, FREE], &[]);
    for (listener, x_says_it) in [(0, true), (0, false), (1, true), (1, false)] {
        let talk = |daemon: &Daemon| {
            let mut x = connect(daemon.address(listener));
            receive(&mut x, WELCOME);
            let mut y = connect(daemon.address(listener));
            if x_says_it {
                return (x, y);
            }
            x.write_all(b"go on\n").unwrap();
            receive(&mut y, b"go on\n");
            (y, x)
        };
        for length in [LONGEST_LINE - 1, LONGEST_LINE] {
            let (mut one, mut other) = talk(&daemon);
            let line = long("", length, "\n");
            one.write_all(&line).unwrap();
            receive(&mut other, &line);
            other.write_all(&line).unwrap();
            receive(&mut one, &line);
        }
        for (length, end) in [(LONGEST_LINE, ""), (LONGEST_LINE + 1, "\n"), (MEBIBYTE, "")] {
            let (one, mut other) = talk(&daemon);
            // Nothing but lines is ever said in a chat, so there are no words for it.
            is_told(one, &long("", length, end), "");
            assert_eq!(end_of(&mut other), End::Fin, "and nothing of the line");
            drop(other);
            daemon.stderr.find("said too much at once");
        }
    }
    daemon.has_clients(0);
}

#[test]
fn an_order_message_may_have_1024_bytes() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let pair = |daemon: &Daemon| {
        let (mut x, mut y) = daemon.pair();
        receive(&mut x, b"Client X connected\n");
        receive(&mut y, b"Client Y connected\n");
        (x, y)
    };
    for length in [LONGEST_MESSAGE - 1, LONGEST_MESSAGE] {
        for end in ["\n", "\r\n", ""] {
            for name in ["", "Client X: "] {
                let (mut x, mut y) = pair(&daemon);
                let message = "a".repeat(length);
                x.write_all(format!("{name}{message}{end}").as_bytes())
                    .unwrap();
                daemon.stdout.find("X: aaa");
                y.write_all(b"Bob\n").unwrap();
                let order = format!("X: {message} received before Y: Bob\n");
                receive(&mut x, order.as_bytes());
                receive(&mut y, order.as_bytes());
            }
        }
    }
    for (length, end) in [
        (LONGEST_MESSAGE + 1, "\n"),
        (LONGEST_MESSAGE + 1, ""),
        (MEBIBYTE, ""),
    ] {
        let (x, y) = pair(&daemon);
        let words = "ERR room the message is longer than 1024 bytes\n";
        is_told(x, &long("a", length + end.len(), end), words);
        is_told(y, b"", "ERR room the partner is gone\n");
    }
    daemon.has_clients(0);
}

#[test]
fn a_transit_line_may_have_1024_bytes_and_a_longer_one_is_closed_without_a_word() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let bad = "bad handshake\n";
    for length in [LONGEST_HANDSHAKE - 1, LONGEST_HANDSHAKE] {
        let line = "x".repeat(length);
        is_told(daemon.connect(), format!("{line}\n").as_bytes(), bad);
        let client = daemon.say(&line);
        is_told(daemon.connect(), b"\n", bad);
        assert!(hears_nothing(&client), "{length} may still become a line");
        is_told(client, b"\n", bad);
    }
    for length in [LONGEST_HANDSHAKE + 1, 2 * LONGEST_HANDSHAKE, MEBIBYTE] {
        for end in ["", "\n"] {
            let line = long("", length + end.len(), end);
            is_told(daemon.connect(), &line, "");
        }
    }
    let (mut x, mut y) = (
        daemon.say(handshake(1, None)),
        daemon.say(handshake(1, None)),
    );
    are_partners(&mut x, &mut y);
    drop((x, y));
    daemon.has_clients(0);
}

#[test]
fn a_proxys_line_may_have_107_bytes_and_its_block_2048() {
    let mut daemon = Daemon::serve(&[PROXY], &["--hello-timeout", "1m"]);
    let line = |length: usize| long("PROXY UNKNOWN ", length, "\r\n");
    let block = |length: usize| {
        let tlv = length - SIGNATURE.len() - 4 - IPV4.len() - 3;
        let [high, low] = u16::try_from(tlv).unwrap().to_be_bytes();
        v2(0x11, &IPV4, &said(&[&[4, high, low], &vec![b'x'; tlv]]))
    };
    let good = [
        line(LONGEST_PROXY_LINE - 1),
        line(LONGEST_PROXY_LINE),
        block(LONGEST_PROXY_HEADER - 1),
        block(LONGEST_PROXY_HEADER),
    ];
    for header in good {
        meet(daemon.say(&header), daemon.say(&header));
    }
    let endless = |length: usize| long("PROXY UNKNOWN ", length, "");
    let waits = daemon.say(endless(LONGEST_PROXY_LINE - 1));
    let bad = [
        line(LONGEST_PROXY_LINE + 1),
        endless(LONGEST_PROXY_LINE),
        endless(MEBIBYTE),
        block(LONGEST_PROXY_HEADER + 1),
    ];
    for header in bad {
        is_reset_from([127, 0, 0, 1], daemon.address(0), &header);
        daemon.stderr.find("refused: the PROXY header is too long");
    }
    assert!(hears_nothing(&waits), "it may still become a header");
    drop(waits);
    daemon.has_clients(0);
}

/// Twenty of each kind, each with a mebibyte, and all of them stay.
#[test]
fn whatever_has_no_end_costs_no_memory() {
    let users = UserFile::of("endless", &["alice"]);
    let urls = [
        RELAY,
        NAMED,
        &users.lock("relay"),
        CHAT,
        ORDER,
        TRANSIT,
        PROXY,
    ];
    let mut daemon = Daemon::serve(&urls, &["-q"]);
    let bystander = Bystander::at(daemon.address(0));
    daemon.has_clients(2);
    let mut clients = Vec::new();
    let mut grown = Vec::new();
    for _ in 0..20 {
        let before = daemon.memory("VmRSS");
        for listener in 1..urls.len() {
            let mut client = connect(daemon.address(listener));
            if [3, 4].contains(&listener) {
                clients.push(connect(daemon.address(listener)));
            }
            let begin = match listener {
                1 => "JOIN r scram=",
                2 => "AUTH ",
                6 => "PROXY UNKNOWN ",
                _ => "",
            };
            // It may be over before all of it is said.
            let _ = client.write_all(&long(begin, MEBIBYTE, ""));
            let _ = client.shutdown(Shutdown::Write);
            read_all(&mut client);
            clients.push(client);
        }
        grown.push(daemon.memory("VmRSS").saturating_sub(before));
    }
    // The first of each may have made the process larger once for all.
    let grown: u64 = grown[1..].iter().sum();
    assert!(grown < 1 << 20, "{grown} bytes more with each mebibyte");
    bystander.was_undisturbed();
    drop(clients);
    daemon.has_clients(0);
}
