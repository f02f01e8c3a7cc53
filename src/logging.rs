//! The log on stderr: its levels, its lines, and how many of them a second.

use std::env;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{LevelFilter, warn};

use crate::console::{STDERR, printable};
use crate::limits::LOG_LINES_PER_SECOND;

/// The variable that decides for itself.
const OVERRIDE: &str = "RUST_LOG";

/// Whose lines these are.
const OURS: &str = "pairloop";

/// The target of lines that clients bring about, so that a flood of them leaves those about the daemon alone.
pub const CLIENTS: &str = "pairloop::clients";

/// From the least that is said to the most.
const LEVELS: [LevelFilter; 5] = [
    LevelFilter::Error,
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

/// Starts to log at this level. `RUST_LOG` overrides, for good; what would silence us by mistake is said and passed over.
pub fn start(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    let given = Filters::given();
    match given.as_ref().filter(|filters| filters.are_about_us) {
        Some(filters) => builder.parse_filters(&filters.right),
        // The level itself is looked at before a line gets there, so that it can change.
        None => builder.filter_module(OURS, LevelFilter::Trace),
    };
    let limit = Mutex::new(LineLimit::new(Instant::now()));
    builder
        .target(env_logger::Target::Pipe(Box::new(&STDERR)))
        .format(move |f, record| {
            let mut limit = limit.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(suppressed) = limit.admit(record.target() == CLIENTS, Instant::now()) else {
                return Ok(());
            };
            if suppressed > 0 {
                let note = format!("{suppressed} log lines suppressed\n");
                if !STDERR.offer_line(note.as_bytes()) {
                    // So the next line is to say it.
                    limit.suppressed += suppressed;
                }
            }
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
    if let Some(filters) = given {
        filters.warn();
    }
}

/// Logs at this level from now on, unless `RUST_LOG` has said otherwise.
pub fn set_level(level: LevelFilter) {
    if !Filters::given().is_some_and(|filters| filters.are_about_us) {
        log::set_max_level(level);
    }
}

/// `RUST_LOG`, in env_logger's form. That takes any word for somebody's target, also a level that is misspelt, and then logs nothing of
/// all others; what it does not understand it says on stderr itself, whether that can be written or not.
struct Filters {
    given: String,
    /// What of it can be understood.
    right: String,
    /// What can't.
    wrong: Vec<String>,
    /// It is not left to chance what is logged of us.
    are_about_us: bool,
}

impl Filters {
    /// What the variable says, if it says anything.
    fn given() -> Option<Self> {
        let given = env::var_os(OVERRIDE)?.to_string_lossy().into_owned();
        (!given.is_empty()).then(|| Self::of(given))
    }

    fn of(given: String) -> Self {
        let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
        let is_ours = |target: &str| OURS.starts_with(target) || target.starts_with("pairloop::");
        let (directives, pattern) = match given.split_once('/') {
            Some((directives, pattern)) => (directives, Some(pattern)),
            None => (&*given, None),
        };
        let directives = directives.split(',').map(str::trim);
        let is_right = |directive: &&str| {
            let level = directive.split_once('=').map(|(_, level)| level);
            level.is_none_or(|level| level.is_empty() || is_level(level))
        };
        let (right, wrong): (Vec<&str>, Vec<&str>) = directives
            .filter(|word| !word.is_empty())
            .partition(is_right);
        let has_one_pattern = pattern.is_none_or(|pattern| !pattern.contains('/'));
        let about_us = |directive: &&str| {
            let target = directive.split('=').next().unwrap_or_default();
            is_ours(target) || is_level(directive)
        };
        let are_about_us = has_one_pattern && right.iter().any(about_us);
        let pattern = pattern.map_or(String::new(), |pattern| format!("/{pattern}"));
        Self {
            right: right.join(",") + &pattern,
            wrong: wrong.into_iter().map(str::to_owned).collect(),
            are_about_us,
            given,
        }
    }

    /// Warns of what is passed over.
    fn warn(&self) {
        if !self.are_about_us {
            let given = printable(&self.given);
            warn!(
                "{OVERRIDE}={given} says no level for {OURS}, so it is passed over: write error, warn, info, debug, trace or off, or {OURS}=debug"
            );
        } else if !self.wrong.is_empty() {
            let wrong = self.wrong.join(",");
            warn!(
                "{OVERRIDE}: {} is passed over: its level is none of error, warn, info, debug, trace and off",
                printable(&wrong)
            );
        }
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

/// So many lines a second about clients, as many about all else, and then how many were left out.
struct LineLimit {
    since: Instant,
    about_clients: u32,
    others: u32,
    suppressed: u64,
}

impl LineLimit {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            about_clients: 0,
            others: 0,
            suppressed: 0,
        }
    }

    /// Whether a line may be written at this time, and how many were left out since the last that was.
    fn admit(&mut self, about_clients: bool, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                suppressed: self.suppressed,
                ..Self::new(now)
            };
        }
        let lines = match about_clients {
            true => &mut self.about_clients,
            false => &mut self.others,
        };
        if *lines == LOG_LINES_PER_SECOND {
            self.suppressed += 1;
            return None;
        }
        *lines += 1;
        Some(std::mem::take(&mut self.suppressed))
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
        for about_clients in [true, false] {
            let start = Instant::now();
            let mut limit = LineLimit::new(start);
            for _ in 0..LOG_LINES_PER_SECOND {
                assert_eq!(limit.admit(about_clients, start), Some(0));
            }
            assert_eq!(limit.admit(about_clients, start), None);
            assert_eq!(limit.admit(about_clients, start), None);
            let later = start + Duration::from_secs(1);
            assert_eq!(limit.admit(about_clients, later), Some(2));
            assert_eq!(limit.admit(about_clients, later), Some(0));
        }
    }

    #[test]
    fn lines_about_clients_do_not_keep_out_those_about_the_daemon() {
        let now = Instant::now();
        let mut limit = LineLimit::new(now);
        while limit.admit(true, now).is_some() {}
        assert_eq!(limit.admit(false, now), Some(1));
        assert_eq!(limit.admit(true, now), None);
    }
}
