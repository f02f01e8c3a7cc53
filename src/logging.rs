//! The log on stderr: its levels, its lines, and how many of them a second.

use std::env;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use log::LevelFilter;

use crate::console::STDERR;
use crate::limits::LOG_LINES_PER_SECOND;

/// The variable that decides for itself.
const OVERRIDE: &str = "RUST_LOG";

/// Whose lines these are.
const OURS: &str = "pairloop";

/// From the least that is said to the most.
const LEVELS: [LevelFilter; 5] = [
    LevelFilter::Error,
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

/// Starts to log at this level. `RUST_LOG` overrides, for good.
pub fn start(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    let filters = env::var(OVERRIDE);
    match &filters {
        Ok(filters) => builder.parse_filters(filters),
        // The level itself is looked at before a line gets there, so that it can change.
        Err(_) => builder.filter_module(OURS, LevelFilter::Trace),
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
    set_level(level);
}

/// Logs at this level from now on, unless `RUST_LOG` has said otherwise.
pub fn set_level(level: LevelFilter) {
    if env::var_os(OVERRIDE).is_none() {
        log::set_max_level(level);
    }
}

/// This level, or so many further from errors only towards everything.
pub fn level(base: LevelFilter, louder: i16) -> LevelFilter {
    let last = LEVELS.len() as i16 - 1;
    let at = LEVELS.iter().position(|&level| level == base);
    let at = at.unwrap_or(0) as i16;
    LEVELS[at.saturating_add(louder).clamp(0, last) as usize]
}

/// The level of this name.
///
/// # Errors
/// If there is none.
pub fn parse(name: &str) -> Result<LevelFilter, String> {
    let level = LEVELS
        .iter()
        .find(|level| level.as_str().to_lowercase() == name);
    level
        .copied()
        .ok_or_else(|| "not a level: write error, warn, info, debug or trace".into())
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
    fn louder_and_quieter_count_from_the_level_that_is_set() {
        for (base, louder, expected) in [
            ("info", 0, "info"),
            ("info", 1, "debug"),
            ("warn", 1, "info"),
            ("info", -2, "error"),
            ("error", -1, "error"),
            ("debug", 9, "trace"),
        ] {
            let base = parse(base).unwrap();
            assert_eq!(Ok(level(base, louder)), parse(expected), "{base} {louder}");
        }
        assert!(parse("loud").unwrap_err().contains("error, warn"));
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
