//! What holds for every stream of bytes that a client of a transit relay may begin with.

use pairloop::engine::service::ServiceKind;
use pairloop::engine::{Greeting, Part, Refusal};
use pairloop::limits::LONGEST_HANDSHAKE;

/// What is a handshake is the same one however much of the stream is known, and what is none never becomes one.
pub fn check(bytes: &[u8]) {
    let kind = ServiceKind::find("transit").expect("it is a service");
    let greeting = kind.greeting.expect("its clients bring their own");
    let whole = (greeting.read)(bytes);
    for split in 0..bytes.len().min(LONGEST_HANDSHAKE + 8) {
        match (greeting.read)(&bytes[..split]) {
            Ok(None) => {}
            early => assert_eq!(early, whole, "a handshake up to {split}"),
        }
    }
    let end = bytes.iter().position(|&byte| byte == b'\n');
    match whole {
        Ok(None) => {
            assert!(
                end.is_none() && bytes.len() <= LONGEST_HANDSHAKE,
                "it waits for ever"
            );
        }
        Ok(Some((hello, length))) => {
            assert_eq!(Some(length - 1), end, "one line is taken");
            assert!(!hello.ack && !hello.seat && hello.scram.is_none());
            assert_eq!(said(hello.room, hello.part), bytes[..length]);
        }
        Err(refusal) => is_refused(greeting, refusal, end),
    }
}

/// The line that says this.
fn said(token: &str, part: Part) -> Vec<u8> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    assert!(token.len() == 64 && token.as_bytes().iter().all(fits));
    let mut line = format!("please relay {token}").into_bytes();
    match part {
        Part::Side(None) => {}
        Part::Side(Some(side)) => {
            assert!(side.iter().all(fits));
            line.extend_from_slice(b" for side ");
            line.extend_from_slice(&side);
        }
        Part::Role(_) => panic!("{part:?} is said elsewhere"),
    }
    line.push(b'\n');
    line
}

/// A whole line is answered; one that is too long is not, whether its end is there or not.
fn is_refused(greeting: &Greeting, refusal: Refusal, end: Option<usize>) {
    let is_line = end.is_some_and(|end| end <= LONGEST_HANDSHAKE);
    let expected: &[u8] = match is_line {
        true => b"bad handshake\n",
        false => b"",
    };
    assert_eq!(*(greeting.answer)(refusal), *expected);
}
