//! Handshakes of transit clients in pieces, and with what follows them in one.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::common::transit::{TRANSIT, are_partners, handshake};
use crate::common::{Daemon, End, Noise, end_of, receive};

#[test]
fn a_handshake_split_anywhere_is_the_same_handshake() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    let line = handshake(1, Some(2));
    for split in 1..line.len() {
        let mut x = daemon.say(&line[..split]);
        has_read(&daemon);
        x.write_all(&line.as_bytes()[split..]).unwrap();
        let mut y = daemon.say(handshake(1, Some(3)));
        are_partners(&mut x, &mut y);
    }
}

#[test]
fn a_bad_handshake_split_anywhere_is_as_bad() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    let line = handshake(0, Some(1)).replace('\n', "\r\n");
    for split in 1..line.len() {
        let mut client = daemon.say(&line[..split]);
        has_read(&daemon);
        client.write_all(&line.as_bytes()[split..]).unwrap();
        is_bad(client);
    }
}

#[test]
fn a_transfer_behind_the_second_handshake_arrives_whole_copied_or_spliced() {
    const BULK: u64 = 16 << 20;
    for options in [&[][..], &["--no-splice"]] {
        let daemon = Daemon::serve(&[TRANSIT], options);
        let mut x = daemon.say(handshake(0, Some(1)));
        has_read(&daemon);
        let mut y = daemon.connect();
        let noise = Noise::new(11);
        thread::scope(|scope| {
            scope.spawn(|| {
                // One segment, and more of the stream than is read ahead.
                let head = [handshake(0, Some(2)).as_bytes(), &noise.from(0)[..5000]].concat();
                y.write_all(&head).unwrap();
                noise.send(&mut y, 5000..BULK);
                y.shutdown(Shutdown::Write).unwrap();
            });
            receive(&mut x, b"ok\n");
            assert_eq!(noise.receive_all(&mut x, 0), (BULK, End::Fin));
        });
        x.write_all(b"received").unwrap();
        x.shutdown(Shutdown::Write).unwrap();
        receive(&mut y, b"ok\nreceived");
        assert_eq!(end_of(&mut y), End::Fin);
    }
}

/// Everything that was sent before has been read: a client that comes now has been answered.
fn has_read(daemon: &Daemon) {
    is_bad(daemon.say("\n"));
}

/// Answered that it does not know the protocol, and sent away.
#[track_caller]
fn is_bad(mut client: TcpStream) {
    receive(&mut client, b"bad handshake\n");
    assert_eq!(end_of(&mut client), End::Fin);
}
