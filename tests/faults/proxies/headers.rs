//! Headers that are forged, bad, cut off or late.

use std::io::Write;
use std::net::Shutdown;

use crate::common::proxied::{IPV4, IPV4_SAYS, SIGNATURE, header, is_reset, meet, said, v2};
use crate::common::users::connect_from;
use crate::common::{CHAT, Daemon, End, connect, read_all};

const RELAY: &str = "relay://127.0.0.1:0?proxy=on";
const NAMED: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

#[test]
fn a_forged_header_from_an_address_that_is_not_trusted_is_not_even_read() {
    let url = format!("{RELAY}&trust=127.0.0.1/32,::1");
    let mut daemon = Daemon::serve(&[&url], &["--hello-timeout", "none"]);
    let stranger = connect_from([127, 0, 0, 2], daemon.address(0));
    let from = stranger.local_addr().unwrap();
    // It may be gone before this is said.
    let _ = (&stranger).write_all(&header(IPV4_SAYS));
    is_reset(stranger);
    let line = daemon.stderr.find("refused");
    let expected = format!("{from} refused: not a proxy that is trusted here (trust=CIDR)");
    assert!(line.ends_with(&expected), "{line}");
    let x = daemon.say(header(IPV4_SAYS));
    meet(x, daemon.say(header("192.0.2.8:4711")));
    daemon.stop();
    let lines = daemon.stderr.rest();
    let spoken_for = lines.iter().filter(|line| line.contains("speaks for"));
    assert_eq!(spoken_for.count(), 2);
}

#[test]
fn by_default_only_this_machine_is_trusted() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let comes = |source: [u8; 4]| {
        let mut client = connect_from(source, daemon.address(0));
        client.write_all(&header(IPV4_SAYS)).unwrap();
        client
    };
    meet(comes([127, 0, 0, 2]), comes([127, 200, 0, 1]));
    let url = format!("{RELAY}&trust=10.0.0.0/8");
    let elsewhere = Daemon::serve(&[&url], &["--hello-timeout", "none"]);
    is_reset(elsewhere.connect());
}

#[test]
fn bad_headers_end_with_reset_and_no_words() {
    let mut daemon = Daemon::serve(&[RELAY, NAMED, CHAT], &[]);
    let too_long = said(&[SIGNATURE, b"\x21\x11\xff\xff"]);
    let table: [(&[u8], &str); 7] = [
        (b"JOIN r\n", "expected a PROXY header"),
        (b"GET / HTTP/1.1\r\n\r\n", "expected a PROXY header"),
        (b"PROXY TCP4 1.2.3.4\r\n", "malformed PROXY header"),
        (&said(&[SIGNATURE, b"\x2f"]), "malformed PROXY header"),
        (&v2(0x11, &IPV4, b"\x04\xff\xff"), "malformed PROXY header"),
        (&too_long, "the PROXY header is too long"),
        (
            &[b"PROXY UNKNOWN ", &[b'x'; 93][..]].concat(),
            "the PROXY header is too long",
        ),
    ];
    for listener in [0, 1] {
        for (header, words) in &table {
            let mut client = connect(daemon.address(listener));
            client.write_all(header).unwrap();
            is_reset(client);
            daemon.stderr.find(&format!("refused: {words}"));
        }
    }
    daemon.report();
    let line = daemon.stderr.find("closed: ");
    assert!(line.contains("closed: 14 bad_hello"), "{line}");
}

#[test]
fn a_header_cut_off_by_fin_is_no_header() {
    let mut daemon = Daemon::serve(&[RELAY, NAMED], &[]);
    let whole = v2(0x11, &IPV4, b"");
    for listener in [0, 1] {
        for length in [1, 12, 15, 16, 27] {
            let mut client = connect(daemon.address(listener));
            client.write_all(&whole[..length]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            is_reset(client);
            daemon.stderr.find("refused: the PROXY header has no end");
        }
    }
}

#[test]
fn a_header_that_does_not_come_in_time_ends_its_client() {
    let daemon = Daemon::serve(&[RELAY, NAMED], &["--hello-timeout", "100ms"]);
    for listener in [0, 1] {
        for words in [&b""[..], b"PROXY"] {
            let mut client = connect(daemon.address(listener));
            client.write_all(words).unwrap();
            is_reset(client);
        }
    }
    // The same deadline holds for the hello, and then somebody is there to be told.
    let mut client = connect(daemon.address(1));
    client.write_all(&header(IPV4_SAYS)).unwrap();
    let (words, end) = read_all(&mut client);
    assert_eq!(
        (&words[..], end),
        (&b"ERR timeout no hello came in time\n"[..], End::Fin)
    );
}
