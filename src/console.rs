//! Standard output and error, written so that they can't hold up or end the daemon.
//!
//! A line goes out whole, at once, or not at all: a full pipe, a closed one, a full disk or a stopped terminal
//! costs lines, which are counted, never time. The descriptors that were handed to the process stay in blocking mode, because
//! that mode belongs to the open file and so to the shell and to whoever else has it. A pipe or a terminal is
//! therefore opened once more, and a socket asked not to wait.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::SendFlags;

use crate::limits::CONSOLE_LINE;

/// Lines for the operator.
pub static STDOUT: Console = Console::new(rustix::stdio::stdout);

/// The log.
pub static STDERR: Console = Console::new(rustix::stdio::stderr);

pub struct Console {
    given: fn() -> BorrowedFd<'static>,
    /// How to write to it, found out at the first line.
    sink: OnceLock<Sink>,
    /// The last line went out only in part, so that the next must begin a new one.
    torn: AtomicBool,
    dropped: AtomicU64,
}

/// Writes the result of a command to standard output, however long that takes. A reader who has seen enough is no failure.
///
/// # Errors
/// If it can't be written.
pub fn print(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// What stands behind a standard stream.
enum Sink {
    /// A pipe or terminal, with an open file of our own that does not block.
    Reopened(OwnedFd),
    /// A socket.
    Socket,
    /// A file, or something that could not be opened again: a poll asks first whether there is room.
    Polled,
}

impl Console {
    const fn new(given: fn() -> BorrowedFd<'static>) -> Self {
        let (torn, dropped) = (AtomicBool::new(false), AtomicU64::new(0));
        Self {
            given,
            sink: OnceLock::new(),
            torn,
            dropped,
        }
    }

    /// Finds out now how to write to it, while it may still be opened once more.
    pub fn prepare(&self) {
        let given = (self.given)();
        self.sink.get_or_init(|| Sink::of(given));
    }

    /// Writes a line, which should end with LF. One that is too long to go out in one piece is cut.
    pub fn write_line(&self, line: &[u8]) {
        if !self.offer_line(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The same for a line that can be written later as well: answers whether it went out, and does not count it if not.
    pub fn offer_line(&self, line: &[u8]) -> bool {
        let mut whole = Vec::with_capacity(line.len() + 1);
        if self.torn.load(Ordering::Relaxed) {
            whole.push(b'\n');
        }
        whole.extend_from_slice(line);
        if whole.len() > CONSOLE_LINE {
            whole.truncate(CONSOLE_LINE - 1);
            whole.push(b'\n');
        }
        let written = self.write_now(&whole).unwrap_or(0);
        if written > 0 {
            self.torn.store(written < whole.len(), Ordering::Relaxed);
        }
        written == whole.len()
    }

    /// How many lines were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn write_now(&self, line: &[u8]) -> Result<usize, Errno> {
        let given = (self.given)();
        match self.sink.get_or_init(|| Sink::of(given)) {
            Sink::Reopened(own) => retry_on_intr(|| rustix::io::write(own, line)),
            Sink::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                retry_on_intr(|| rustix::net::send(given, line, flags))
            }
            Sink::Polled => {
                let mut fds = [PollFd::from_borrowed_fd(given, PollFlags::OUT)];
                retry_on_intr(|| poll(&mut fds, Some(&Timespec::default())))?;
                if !fds[0].revents().contains(PollFlags::OUT) {
                    return Err(Errno::AGAIN);
                }
                retry_on_intr(|| rustix::io::write(given, line))
            }
        }
    }
}

impl Sink {
    fn of(given: BorrowedFd<'_>) -> Sink {
        use std::os::fd::AsRawFd;

        let Ok(stat) = rustix::fs::fstat(given) else {
            return Sink::Polled;
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Sink::Socket,
            FileType::Fifo | FileType::CharacterDevice => {
                let path = format!("/proc/self/fd/{}", given.as_raw_fd());
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                rustix::fs::open(path, flags, Mode::empty()).map_or(Sink::Polled, Sink::Reopened)
            }
            _ => Sink::Polled,
        }
    }
}

/// A console takes every line, and counts those that it loses.
impl Write for &Console {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text from a client, made harmless: control characters, which could drive a terminal or forge lines, are escaped.
pub fn printable(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || drives_layout(character) {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// Characters that change how the text around them is shown: line separators and directions (UAX #9).
fn drives_layout(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(
            printable("Zo\u{eb} \u{1b}[2J\r\n\0\u{9b}\u{202e}"),
            "Zo\u{eb} \\u{1b}[2J\\r\\n\\u{0}\\u{9b}\\u{202e}"
        );
    }
}
