//! Standard output and error, written so that they can't hold up or end the daemon.
//!
//! A line goes out whole, at once, or not at all: a full pipe, a closed one, a full disk or a stopped terminal
//! costs lines, which are counted, never time. The descriptors stay in blocking mode, because that mode belongs to
//! the open file and so to the shell and to whoever else has it; instead a poll asks first whether there is room
//! for a line.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::limits::{CONSOLE_LINE, LOG_LINES_PER_SECOND};

/// Lines for the operator.
pub static STDOUT: Console = Console {
    fd: rustix::stdio::stdout,
    dropped: AtomicU64::new(0),
};

/// The log.
pub static STDERR: Console = Console {
    fd: rustix::stdio::stderr,
    dropped: AtomicU64::new(0),
};

pub struct Console {
    fd: fn() -> BorrowedFd<'static>,
    dropped: AtomicU64,
}

impl Console {
    /// Writes a line, which should end with LF. One that is too long to go out without blocking is cut.
    pub fn write_line(&self, line: &[u8]) {
        let mut cut;
        let line = if line.len() <= CONSOLE_LINE {
            line
        } else {
            cut = line[..CONSOLE_LINE].to_vec();
            cut[CONSOLE_LINE - 1] = b'\n';
            &cut
        };
        if self.write_now((self.fd)(), line) != Ok(line.len()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn write_now(&self, fd: BorrowedFd<'_>, line: &[u8]) -> Result<usize, Errno> {
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
        rustix::io::retry_on_intr(|| poll(&mut fds, Some(&Timespec::default())))?;
        if !fds[0].revents().contains(PollFlags::OUT) {
            return Err(Errno::AGAIN);
        }
        rustix::io::retry_on_intr(|| rustix::io::write(fd, line))
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
        if character.is_control() {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// The logger's way to stderr: so many lines a second, and then how many were left out.
pub struct LogWriter {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogWriter {
    #[allow(
        clippy::new_without_default,
        reason = "it begins with the time of its making"
    )]
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            lines: 0,
            suppressed: 0,
        }
    }

    /// Whether a line may be written at this time, and how many were left out since the last that was.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.lines = 0;
        }
        if self.lines == LOG_LINES_PER_SECOND {
            self.suppressed += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(suppressed) = self.admit(Instant::now()) {
            if suppressed > 0 {
                STDERR.write_line(format!("{suppressed} log lines suppressed\n").as_bytes());
            }
            STDERR.write_line(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(
            printable("Zo\u{eb} \u{1b}[2J\r\n\0\u{9b}"),
            "Zo\u{eb} \\u{1b}[2J\\r\\n\\u{0}\\u{9b}"
        );
    }

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let mut writer = LogWriter::new();
        let start = writer.since;
        for _ in 0..LOG_LINES_PER_SECOND {
            assert_eq!(writer.admit(start), Some(0));
        }
        assert_eq!(writer.admit(start), None);
        assert_eq!(writer.admit(start), None);
        assert_eq!(writer.admit(start + Duration::from_secs(1)), Some(2));
        assert_eq!(writer.admit(start + Duration::from_secs(1)), Some(0));
    }
}
