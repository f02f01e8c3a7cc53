//! A room of others, while something happens.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{eventually, receive};

/// Does this while the two in a room talk to each other, before, meanwhile and after. Not a byte of theirs is lost, and
/// they are not held up for longer than reads and writes of tests wait.
pub fn beside_a_room(room: (TcpStream, TcpStream), deed: impl FnOnce()) {
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut x, mut y) = room;
    thread::scope(|scope| {
        let ending = Ending(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let number = rounds.load(Ordering::Relaxed).to_be_bytes();
                x.write_all(&number).unwrap();
                receive(&mut y, &number);
                y.write_all(&number).unwrap();
                receive(&mut x, &number);
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let go_on = || {
            let before = rounds.load(Ordering::Relaxed);
            // Of two rounds the second has begun after this.
            eventually("others talk", || {
                rounds.load(Ordering::Relaxed) >= before + 2
            });
        };
        go_on();
        deed();
        go_on();
        drop(ending);
    });
}

/// Ends the talk, also if the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
