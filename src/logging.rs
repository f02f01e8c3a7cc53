//! The log on stderr: its levels, its lines, and how many of them a second.

use std::env;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use log::LevelFilter;

use crate::console::STDERR;
use crate::limits::LOG_LINES_PER_SECOND;

/// Starts to log: what is said by default, or `louder` levels more. `RUST_LOG` overrides.
pub fn start(louder: i16) {
    let level = match louder {
        ..=-2 => LevelFilter::Error,
        -1 => LevelFilter::Warn,
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    let mut builder = env_logger::Builder::new();
    match env::var("RUST_LOG") {
        Ok(filters) => builder.parse_filters(&filters),
        Err(_) => builder.filter_module("pairloop", level),
    };
    builder
        .target(env_logger::Target::Pipe(Box::new(LogWriter::new())))
        .format(|f, record| {
            writeln!(
                f,
                "{} {:<5} {}",
                f.timestamp_millis(),
                record.level(),
                record.args()
            )
        })
        .init();
}

/// The logger's way to stderr: so many lines a second, and then how many were left out.
struct LogWriter {
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
