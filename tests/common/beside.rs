//! A room of others, while something happens.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::receive;

/// Does this while the two in a room talk to each other. Not a byte of theirs is lost, and they are not held up for longer
/// than reads and writes of tests wait.
pub fn beside_a_room(room: (TcpStream, TcpStream), deed: impl FnOnce()) {
    let over = AtomicBool::new(false);
    let (mut x, mut y) = room;
    thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) {
                let number = u64::to_be_bytes(rounds);
                x.write_all(&number).unwrap();
                receive(&mut y, &number);
                y.write_all(&number).unwrap();
                receive(&mut x, &number);
                rounds += 1;
            }
            rounds
        });
        let ending = Ending(&over);
        deed();
        drop(ending);
        assert!(talk.join().unwrap() > 0);
    });
}

/// Ends the talk, also if the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
