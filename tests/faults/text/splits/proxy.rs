//! PROXY headers in pieces, and with what follows them in one.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use crate::common::proxied::{IPV4, IPV4_SAYS, LOCAL, header, is_reset, said, v2};
use crate::common::{self, Daemon, End, Noise, end_of, read_all, receive};

const RELAY: &str = "relay://127.0.0.1:0?proxy=on";
const NAMED: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

fn address(client: &TcpStream) -> SocketAddr {
    client.local_addr().unwrap()
}

#[test]
fn what_stands_behind_the_header_is_heard_wherever_it_is_split() {
    let daemon = Daemon::serve(&[NAMED, RELAY], &[]);
    for (listener, hello) in [(0, &b"JOIN r\n"[..]), (1, b"")] {
        for header in [v2(0x11, &IPV4, b"\x04\0\x01x"), b"PROXY UNKNOWN\r\n".into()] {
            let words = said(&[&header, hello, b"and then the stream"]);
            for split in 1..=words.len() {
                let mut x = common::connect(daemon.address(listener));
                x.write_all(&words[..split]).unwrap();
                // A client that comes later has been turned away, so what came before it was read.
                is_reset(daemon.say("?"));
                x.write_all(&words[split..]).unwrap();
                x.shutdown(Shutdown::Write).unwrap();
                let mut y = common::connect(daemon.address(listener));
                y.write_all(&said(&[&header, hello])).unwrap();
                y.shutdown(Shutdown::Write).unwrap();
                let heard = read_all(&mut y);
                assert_eq!(
                    heard,
                    (b"and then the stream".to_vec(), End::Fin),
                    "{split}"
                );
                assert_eq!(end_of(&mut x), End::Fin, "{split}");
            }
        }
    }
}

#[test]
fn byte_by_byte_it_is_the_same() {
    let mut daemon = Daemon::serve(&[NAMED], &[]);
    let mut x = daemon.connect();
    let words = said(&[&v2(0x11, &IPV4, b"\x04\0\x01x"), b"JOIN r ack\nstream"]);
    for byte in words {
        x.write_all(&[byte]).unwrap();
        daemon.report();
    }
    let mut y = daemon.say(said(&[LOCAL, b"JOIN r ack\n"]));
    receive(&mut y, format!("OK Y {IPV4_SAYS}\nstream").as_bytes());
    receive(&mut x, format!("OK X {}\n", address(&y)).as_bytes());
}

#[test]
fn bulk_behind_the_header_in_one_segment_arrives_whole_copied_or_spliced() {
    const BULK: u64 = 8 << 20;
    for options in [&[][..], &["--no-splice"]] {
        let daemon = Daemon::serve(&[RELAY], options);
        let mut x = daemon.connect();
        let sending = thread::spawn(move || {
            let noise = Noise::new(7);
            let head = said(&[&header(IPV4_SAYS), &noise.from(0)[..1000]]);
            x.write_all(&head).unwrap();
            noise.send(&mut x, 1000..BULK);
            x.shutdown(Shutdown::Write).unwrap();
            assert_eq!(end_of(&mut x), End::Fin);
        });
        let mut y = daemon.say(header("192.0.2.8:4711"));
        Noise::new(7).receive(&mut y, 0..BULK);
        assert_eq!(end_of(&mut y), End::Fin);
        drop(y);
        sending.join().unwrap();
    }
}
