//! What the daemon says: its answers on stdout, and its log, whose reader can be stopped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, PipeReader};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::Duration;

/// How often a reader that is stopped looks whether it may go on.
const NAP: Duration = Duration::from_millis(20);

/// Bytes of a time in front of a line, up to its seconds.
const SECONDS: usize = "2026-01-01T00:00:00".len();

/// What was seen in the log.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub lines: u64,
    /// The most that have the same second.
    pub most: u64,
    /// Lines that say how many were left out, and the sum of that.
    pub notices: u64,
    pub suppressed: u64,
    pub errors: u64,
    /// Lines that are neither whole nor a notice; the last is kept.
    pub torn: u64,
    pub last_torn: String,
}

pub struct Output {
    /// The lines of stdout that are for whoever started it.
    pub lines: Receiver<String>,
    stopped: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Output {
    pub fn of(stdout: PipeReader, stderr: PipeReader) -> Self {
        let (sender, lines) = channel();
        let output = Self {
            lines,
            stopped: Arc::default(),
            seen: Arc::default(),
        };
        thread::spawn(move || answers(stdout, &sender));
        let (stopped, seen) = (Arc::clone(&output.stopped), Arc::clone(&output.seen));
        thread::spawn(move || log(stderr, &stopped, &seen));
        output
    }

    /// Stops or goes on reading the log.
    pub fn stop_reading(&self, stop: bool) {
        self.stopped.store(stop, Relaxed);
    }

    pub fn seen(&self) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

/// Order rooms print there, too.
fn answers(stdout: PipeReader, sender: &Sender<String>) {
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        let wanted = ["NUMBER OF CLIENTS", "listening on", "THE SERVER"];
        if wanted.iter().any(|words| line.contains(words)) && sender.send(line).is_err() {
            return;
        }
    }
}

fn log(stderr: PipeReader, stopped: &AtomicBool, seen: &Mutex<Seen>) {
    // Few: whatever is not read stays in the pipe.
    let mut lines = BufReader::with_capacity(4096, stderr).split(b'\n');
    let mut seconds: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        while stopped.load(Relaxed) {
            sleep(NAP);
        }
        let Some(Ok(line)) = lines.next() else {
            return;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.lines += 1;
        if let Some((count, "log lines suppressed")) = line.split_once(' ') {
            seen.notices += 1;
            seen.suppressed += count.parse::<u64>().unwrap_or(0);
            continue;
        }
        let second = line
            .get(..SECONDS)
            .filter(|second| second.starts_with("20"));
        let Some(second) = second else {
            seen.torn += 1;
            seen.last_torn = line;
            continue;
        };
        seen.errors += u64::from(line.contains(" ERROR "));
        let count = seconds.entry(second.into()).or_default();
        *count += 1;
        seen.most = seen.most.max(*count);
        while seconds.len() > 4 {
            seconds.pop_first();
        }
    }
}
