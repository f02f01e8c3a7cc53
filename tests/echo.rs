//! echo: what comes in goes back, byte for byte, until FIN.

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use common::{Daemon, ECHO, End, Noise, end_of, read_all, receive};

#[test]
fn every_byte_value_comes_back_before_fin() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    let mut client = daemon.connect();
    for byte in 0..=255 {
        client.write_all(&[byte]).unwrap();
        receive(&mut client, &[byte]);
    }
}

#[test]
fn a_long_stream_comes_back_whole_while_it_is_being_sent() {
    const LENGTH: u64 = 32 << 20;
    let daemon = Daemon::serve(&[ECHO], &[]);
    let noise = Noise::new(1);
    let mut client = daemon.connect();
    thread::scope(|scope| {
        let mut sender = &client;
        let noise = &noise;
        scope.spawn(move || {
            noise.send(&mut sender, 0..LENGTH);
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let back = noise.receive_all(&mut &client, 0);
        assert_eq!(back, (LENGTH, End::Fin));
    });
    assert_eq!(end_of(&mut client), End::Fin);
}

#[test]
fn fin_comes_back_behind_the_last_byte() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    for words in ["", "x", "some words and no newline"] {
        let mut client = daemon.connect();
        client.write_all(words.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut client), (words.into(), End::Fin));
    }
}

#[test]
fn each_client_hears_itself_alone() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    let mut clients: Vec<_> = (0..20).map(|_| daemon.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(number.to_string().as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(read_all(client), (number.to_string().into(), End::Fin));
    }
}

#[test]
fn a_client_that_reads_only_after_it_has_sent_all_gets_all() {
    // As much as the kernel and the daemon keep between them, so that the client is not held up for ever.
    const LENGTH: u64 = 100_000;
    let mut daemon = Daemon::serve(&[ECHO], &[]);
    let noise = Noise::new(2);
    let mut client = daemon.connect();
    noise.send(&mut client, 0..LENGTH);
    client.shutdown(Shutdown::Write).unwrap();
    daemon.stderr.find("over after");
    assert_eq!(noise.receive_all(&mut client, 0), (LENGTH, End::Fin));
}

/// A read stops short of urgent data, which must not be taken for the end of what is there.
#[test]
fn urgent_bytes_are_bytes_like_all_others() {
    let daemon = Daemon::serve(&[ECHO], &[]);
    let mut client = daemon.connect();
    client.write_all(b"abc").unwrap();
    socket2::SockRef::from(&client)
        .send_out_of_band(b"d")
        .unwrap();
    client.write_all(b"efg").unwrap();
    receive(&mut client, b"abcdefg");
}
