//! Headers that are forged, bad, cut off or late.

use std::io::Write;
use std::net::Shutdown;

use crate::common::proxied::{IPV4, IPV4_SAYS, SIGNATURE, header, is_reset, meet, said, v2};
use crate::common::users::{PASSWORD, UserFile, base64, connect_from, is_reset_from, log_in};
use crate::common::{self, AtRest, Bystander, CHAT, Daemon, End, read_all, receive, reset};

const RELAY: &str = "relay://127.0.0.1:0?proxy=on";
const NAMED: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

/// What IPV4 says, in the other version.
const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 7000\r\n";

#[test]
fn a_forged_header_from_an_address_that_is_not_trusted_is_not_even_read() {
    let url = format!("{RELAY}&trust=127.0.0.1/32,::1");
    let mut daemon = Daemon::serve(&[&url], &["--hello-timeout", "none"]);
    is_reset_from([127, 0, 0, 2], daemon.address(0), &header(IPV4_SAYS));
    let line = daemon.stderr.find("refused");
    let (_, from) = line.split_once(": 127.0.0.2:").expect("its own address");
    let words = " refused: not a proxy that is trusted here (trust=CIDR)";
    assert!(from.ends_with(words), "{line}");
    let x = daemon.say(header(IPV4_SAYS));
    meet(x, daemon.say(header("192.0.2.8:4711")));
    daemon.stop();
    let lines = daemon.stderr.rest();
    let spoken_for = lines.iter().filter(|line| line.contains("speaks for"));
    assert_eq!(spoken_for.count(), 2);
}

#[test]
fn a_forged_header_takes_nothing_from_the_address_that_it_names() {
    let users = UserFile::of("victim", &["alice"]);
    let url = format!("{}&proxy=on&trust=127.0.0.1/32", users.lock("relay"));
    let mut daemon = Daemon::serve(&[&url], &["--max-clients-per-source", "1"]);
    let login = format!("JOIN r scram={}\n", base64("no login"));
    for _ in 0..100 {
        let words = said(&[&header(IPV4_SAYS), login.as_bytes()]);
        is_reset_from([127, 0, 0, 2], daemon.address(0), &words);
    }
    // It has its one place, and has failed at no login.
    let mut client = daemon.say(header(IPV4_SAYS));
    log_in(&mut client, "JOIN r", "alice", PASSWORD).unwrap();
    daemon.has_clients(1);
}

#[test]
fn a_header_where_no_proxy_is_expected_makes_nobody_somebody_else() {
    let urls = ["relay://127.0.0.1:0?rooms=named", common::RELAY];
    let mut daemon = Daemon::serve(&urls, &["--max-clients-per-source", "2"]);
    for header in [VERSION_1.to_vec(), header(IPV4_SAYS)] {
        let mut client = daemon.say(said(&[&header, b"JOIN r ack\n"]));
        let from = client.local_addr().unwrap();
        let (words, end) = read_all(&mut client);
        let words = String::from_utf8(words).unwrap();
        assert!(words.starts_with("ERR hello "), "{words}");
        assert_eq!(end, End::Fin);
        drop(client);
        daemon.stderr.find(&format!("{from} refused: "));
        daemon.has_clients(0);
        // Where bytes are raw it is nothing but bytes, and the source is that of the socket.
        let [mut x, mut y] = [(); 2].map(|()| common::connect(daemon.address(1)));
        x.write_all(&header).unwrap();
        receive(&mut y, &header);
        is_reset_from([127, 0, 0, 1], daemon.address(1), &header);
        drop((x, y));
        daemon.has_clients(0);
    }
    let lines = {
        daemon.stop();
        daemon.stderr.rest()
    };
    assert!(
        !lines.iter().any(|line| line.contains("192.0.2.7")),
        "{lines:?}"
    );
}

#[test]
fn thousands_of_forged_headers_disturb_nobody_and_leave_nothing() {
    let url = format!("{RELAY}&trust=127.0.0.1/32");
    let mut daemon = Daemon::serve(&[&url, common::RELAY], &["-q"]);
    let (proxied, open) = (daemon.address(0), daemon.address(1));
    let forge = |times| {
        for number in 0..times {
            let (source, words): ([u8; 4], &[u8]) = match number % 3 {
                0 => ([127, 0, 0, 2], &header(IPV4_SAYS)),
                1 => ([127, 0, 0, 1], b"PROXY TCP4 192.0.2.7\r\n"),
                _ => ([127, 0, 0, 1], &[b'x'; 3000]),
            };
            is_reset_from(source, proxied, words);
        }
    };
    forge(300);
    let rest = AtRest::of(&mut daemon);
    let room = [(); 2].map(|()| common::connect(open));
    Bystander::beside(room.into(), || forge(3000));
    daemon.has_clients(0);
    rest.is_back(&mut daemon);
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
            let mut client = common::connect(daemon.address(listener));
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
fn a_header_cut_off_anywhere_is_no_header() {
    let mut daemon = Daemon::serve(&[RELAY, NAMED, common::RELAY], &[]);
    let open = common::connect(daemon.address(2));
    daemon.has_clients(1);
    let rest = AtRest::of(&mut daemon);
    let headers = [v2(0x11, &IPV4, b"\x04\0\x01x"), VERSION_1.into()];
    for listener in [0, 1] {
        for header in &headers {
            for length in 1..header.len() {
                let cut_off = || {
                    let mut client = common::connect(daemon.address(listener));
                    client.write_all(&header[..length]).unwrap();
                    client
                };
                reset(cut_off());
                let client = cut_off();
                client.shutdown(Shutdown::Write).unwrap();
                is_reset(client);
                daemon.stderr.find("refused: the PROXY header has no end");
            }
        }
    }
    // Nobody was taken for a client, and whoever was here is.
    daemon.has_clients(1);
    let mut partner = common::connect(daemon.address(2));
    partner.write_all(b"undisturbed").unwrap();
    receive(&mut { open }, b"undisturbed");
    drop(partner);
    daemon.has_clients(0);
    rest.is_back(&mut daemon);
}

#[test]
fn a_header_that_does_not_come_in_time_ends_its_client() {
    let daemon = Daemon::serve(&[RELAY, NAMED], &["--hello-timeout", "100ms"]);
    for listener in [0, 1] {
        for words in [&b""[..], b"PROXY"] {
            let mut client = common::connect(daemon.address(listener));
            client.write_all(words).unwrap();
            is_reset(client);
        }
    }
    // The same deadline holds for the hello, and then somebody is there to be told.
    let mut client = common::connect(daemon.address(1));
    client.write_all(&header(IPV4_SAYS)).unwrap();
    let (words, end) = read_all(&mut client);
    assert_eq!(
        (&words[..], end),
        (&b"ERR timeout no hello came in time\n"[..], End::Fin)
    );
}
