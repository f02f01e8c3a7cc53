//! Very many clients of a transit relay.

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::transit::{TRANSIT, are_partners, handshake};
use common::{Daemon, End, hears_nothing, raise_descriptor_limit, read_all, receive};

const MANY: usize = 5_000;

#[test]
#[ignore = "needs 6,000 descriptors and the release build"]
fn thousands_wait_on_one_token() {
    raise_descriptor_limit(MANY as u64 + 1000);
    let mut daemon = Daemon::serve(&[TRANSIT], &["-q"]);
    let mut same: Vec<TcpStream> = (0..MANY)
        .map(|_| daemon.say(handshake(0, Some(1))))
        .collect();
    daemon.has_clients(MANY);
    daemon.settle();
    assert!(same.iter().all(hears_nothing));
    let mut other = daemon.say(handshake(0, Some(2)));
    receive(&mut other, b"ok\n");
    daemon.has_clients(2);
    let told: Vec<(Vec<u8>, End)> = same[1..].iter_mut().map(read_all).collect();
    assert!(told.iter().all(|told| *told == (Vec::new(), End::Fin)));
    receive(&mut same[0], b"ok\n");
    same[0].write_all(b"chosen").unwrap();
    receive(&mut other, b"chosen");
}

#[test]
#[ignore = "needs 6,000 descriptors and the release build"]
fn thousands_wait_on_tokens_of_their_own() {
    raise_descriptor_limit(MANY as u64 + 1000);
    let mut daemon = Daemon::serve(&[TRANSIT], &["-q"]);
    let waiting: Vec<TcpStream> = (0..MANY)
        .map(|token| daemon.say(handshake(token, Some(1))))
        .collect();
    daemon.has_clients(MANY);
    daemon.settle();
    for (token, mut x) in waiting.into_iter().enumerate().rev() {
        let mut y = daemon.say(handshake(token, Some(2)));
        are_partners(&mut x, &mut y);
    }
    daemon.has_clients(0);
}
