//! Long streams of bytes that can be told apart at every position, without keeping them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::{Daemon, End, read};

/// A prime near a million: neither a read, a buffer nor a window is a multiple of it, so that bytes lost, doubled or
/// exchanged can't go unnoticed.
const PERIOD: usize = 999_983;

/// Far more than the kernel and the daemon may keep for one direction.
const ENDLESS: u64 = 1 << 30;

/// An endless stream of random bytes.
pub struct Noise {
    block: Vec<u8>,
}

impl Noise {
    pub fn new(seed: u64) -> Self {
        let mut block = vec![0; PERIOD];
        fastrand::Rng::with_seed(seed).fill(&mut block);
        Self { block }
    }

    /// Bytes from this position on, as many as are at hand.
    pub fn from(&self, position: u64) -> &[u8] {
        &self.block[(position % PERIOD as u64) as usize..]
    }

    /// Sends this part of the stream.
    pub fn send(&self, stream: &mut impl Write, part: Range<u64>) {
        assert!(self.try_send(stream, part), "the daemon takes the bytes");
    }

    /// Sends this part of the stream, unless it is cut off. Answers whether it was not.
    pub fn try_send(&self, stream: &mut impl Write, mut part: Range<u64>) -> bool {
        while part.start < part.end {
            let bytes = self.from(part.start);
            let count = bytes.len().min((part.end - part.start) as usize);
            if stream.write_all(&bytes[..count]).is_err() {
                return false;
            }
            part.start += count as u64;
        }
        true
    }

    /// Sends from this position on for as long as there is room at once. Answers the position reached, which is `most`
    /// if room never ran out.
    pub fn send_at_once(&self, mut stream: &TcpStream, mut position: u64, most: u64) -> u64 {
        stream.set_nonblocking(true).expect("a socket");
        while position < most {
            let bytes = self.from(position);
            match stream.write(&bytes[..bytes.len().min((most - position) as usize)]) {
                Ok(count) => position += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the daemon cut off at {position}: {error}"),
            }
        }
        stream.set_nonblocking(false).expect("a socket");
        position
    }

    /// Sends from the start until there is no room, and still none when the daemon has had many turns. Answers the position
    /// reached.
    pub fn send_until_stopped(&self, stream: &TcpStream, daemon: &mut Daemon) -> u64 {
        let (mut position, mut refusals) = (0, 0);
        while refusals < 5 {
            let reached = self.send_at_once(stream, position, ENDLESS);
            assert!(reached < ENDLESS, "nothing stops the producer");
            refusals = if reached == position { refusals + 1 } else { 0 };
            position = reached;
            daemon.settle();
        }
        position
    }

    /// Receives exactly this part of the stream.
    #[track_caller]
    pub fn receive(&self, stream: &mut impl Read, part: Range<u64>) {
        let (reached, end) = self.receive_up_to(stream, part.clone());
        assert_eq!(reached, part.end, "it ended early: {end:?}");
    }

    /// Receives from this position to the end of the stream. Answers the position reached, and how it ended.
    #[track_caller]
    pub fn receive_all(&self, stream: &mut impl Read, start: u64) -> (u64, End) {
        let (reached, end) = self.receive_up_to(stream, start..u64::MAX);
        (reached, end.expect("no stream is that long"))
    }

    /// Receives this part of the stream, or what there is of it. Answers the position reached, and how the stream ended
    /// if it did.
    #[track_caller]
    pub fn receive_up_to(&self, stream: &mut impl Read, part: Range<u64>) -> (u64, Option<End>) {
        let (mut position, mut buffer) = (part.start, vec![0; 256 * 1024]);
        while position < part.end {
            let expected = self.from(position);
            let most = (part.end - position).min(expected.len().min(buffer.len()) as u64) as usize;
            match read(stream, &mut buffer[..most]) {
                Ok(bytes) => {
                    let same = buffer[..bytes] == expected[..bytes];
                    assert!(same, "other bytes than sent at {position}, {bytes} long");
                    position += bytes as u64;
                }
                Err(end) => return (position, Some(end)),
            }
        }
        (position, None)
    }
}
