//! The line that shows that something is going on.

use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use crate::console;

use super::meter::Live;
use super::plan::{Length, Plan};
use super::table::{grouped, percent};

/// Shown only to a terminal: a file or a pipe would keep every version of it.
pub struct Progress {
    length: Length,
    unit: &'static str,
    shown: bool,
    begin: Instant,
    last: (Instant, u64, u64, f64),
}

impl Progress {
    pub fn new(plan: &Plan, now: Instant) -> Self {
        Self {
            length: plan.length,
            unit: plan.mode.unit(),
            shown: std::io::stderr().is_terminal(),
            begin: now,
            last: (now, 0, 0, cpu()),
        }
    }

    /// Shows what has happened since it was shown last.
    pub fn show(&mut self, live: &Live) {
        if !self.shown {
            return;
        }
        let now = (
            Instant::now(),
            live.messages.load(Ordering::Relaxed),
            live.bytes.load(Ordering::Relaxed),
            cpu(),
        );
        let seconds = (now.0 - self.last.0).as_secs_f64().max(1e-9);
        let so_far = match self.length {
            Length::Time(time) => format!(
                "{:.0} of {:.0} s",
                self.begin.elapsed().as_secs_f64(),
                time.as_secs_f64()
            ),
            Length::Messages(count) => {
                format!(
                    "{} of {}",
                    grouped(now.1 as f64, 0),
                    grouped(count as f64, 0)
                )
            }
        };
        let line = format!(
            "\r\x1b[K{so_far}   {} {} a second   {:.3} GB/s   generator CPU {}",
            grouped((now.1 - self.last.1) as f64 / seconds, 0),
            self.unit,
            (now.2 - self.last.2) as f64 / seconds / 1e9,
            percent((now.3 - self.last.3) / seconds)
        );
        console::STDERR.write_line(line.as_bytes());
        self.last = now;
    }

    /// Leaves no trace of it.
    pub fn clear(&self) {
        if self.shown {
            console::STDERR.write_line(b"\r\x1b[K");
        }
    }
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
