//! What holds for every stream of bytes that a client may begin with.

use pairloop::engine::Part;
use pairloop::engine::hello::{auth, is_room, join};
use pairloop::limits::LONGEST_HELLO;

/// What is a line is the same line however much of the stream is known, and what is none never becomes one.
pub fn check(bytes: &[u8]) {
    let (hello, step) = (join(bytes), auth(bytes));
    for split in 0..bytes.len().min(LONGEST_HELLO + 8) {
        match join(&bytes[..split]) {
            Ok(None) => {}
            early => assert_eq!(early, hello, "a hello up to {split}"),
        }
        match auth(&bytes[..split]) {
            Ok(None) => {}
            early => assert_eq!(early, step, "a step up to {split}"),
        }
    }
    if bytes.len() >= LONGEST_HELLO {
        assert!(hello != Ok(None) && step != Ok(None), "it waits for ever");
    }
    assert!(
        hello.is_err() || step.is_err() || bytes.is_empty(),
        "it is both"
    );
    if let Ok(Some((hello, length))) = hello {
        assert!(length <= LONGEST_HELLO && bytes[length - 1] == b'\n');
        assert!(is_room(hello.room), "{:?} is no room", hello.room);
        let line = str::from_utf8(&bytes[..length]).expect("a hello is text");
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        assert_eq!(words[..2], ["JOIN", hello.room]);
        let has_role = hello.part != Part::Role(None);
        let optional = [has_role, hello.ack, hello.seat, hello.scram.is_some()];
        let said = optional.iter().filter(|&&said| said).count();
        assert_eq!(words.len(), 2 + said, "every word is understood, once");
    }
    if let Ok(Some((message, length))) = step {
        let line = str::from_utf8(&bytes[..length]).expect("a step is text");
        let end = &line["AUTH ".len() + message.len()..];
        assert!(line.starts_with("AUTH ") && ["\n", "\r\n"].contains(&end));
    }
}
