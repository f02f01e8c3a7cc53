//! What one thread has measured.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use super::plan::{Length, Plan};
use super::probe::{self, Turns};
use super::series::{STEP, Series};

/// Latencies beyond this many nanoseconds (an hour) count as this.
const LONGEST: u64 = 3_600_000_000_000;

/// Nothing comes for so long in a run that counts messages, beyond the time in which nothing is sent: then the rest will
/// not come either.
const PATIENCE: u64 = 10_000_000_000;

/// A histogram of nanoseconds with three significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are right")
}

/// What the progress line and the other threads may know while a thread is still at it.
#[derive(Default)]
pub struct Live {
    pub messages: AtomicU64,
    pub bytes: AtomicU64,
    /// One thread can't go on, so the others need not.
    pub given_up: AtomicBool,
}

pub struct Meter<'a> {
    start: Instant,
    live: &'a Live,
    /// The window that is measured, in nanoseconds from the start.
    from: u64,
    until: u64,
    quota: u64,
    patience: u64,
    told: (u64, u64),
    next_telling: u64,
    last: u64,
    begun: Option<Begun>,
    measured: Measured,
}

/// Where the thread stood when measuring began.
struct Begun {
    at: u64,
    cpu: Duration,
    turns: Option<Turns>,
}

impl Begun {
    fn now(at: u64) -> Self {
        Self {
            at,
            cpu: thread_cpu(),
            turns: probe::own_turns(),
        }
    }
}

/// One thread's result.
pub struct Measured {
    /// Nanoseconds from the intended sending to the arrival.
    pub latency: Histogram<u64>,
    /// Nanoseconds from the intended to the actual sending; only with a rate.
    pub late: Histogram<u64>,
    pub messages: u64,
    pub bytes: u64,
    pub series: Series,
    /// How long was measured.
    pub elapsed: Duration,
    /// CPU time that the thread used meanwhile.
    pub cpu: Duration,
    /// Time that it waited for a core meanwhile.
    pub waiting: Duration,
    /// Messages that were due and not answered at the end.
    pub unanswered: u64,
    pub losses: Losses,
}

/// Connections that did not live to the end.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    pub count: u64,
    pub first: Option<String>,
}

impl Losses {
    pub fn add(&mut self, why: impl Into<String>) {
        self.count += 1;
        self.first.get_or_insert_with(|| why.into());
    }

    pub fn merge(&mut self, other: Losses) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}

impl<'a> Meter<'a> {
    /// `share` of the plan's `--count`, if it has one.
    pub fn new(plan: &Plan, start: Instant, share: u64, live: &'a Live) -> Self {
        let from = nanoseconds(plan.warmup);
        let (until, quota) = match plan.length {
            Length::Time(time) => (from.saturating_add(nanoseconds(time)), u64::MAX),
            Length::Messages(_) => (u64::MAX, share),
        };
        Self {
            start,
            live,
            from,
            until,
            quota,
            patience: PATIENCE.saturating_add(apart(plan).saturating_mul(2)),
            told: (0, 0),
            next_telling: 0,
            last: 0,
            begun: None,
            measured: Measured {
                latency: histogram(),
                late: histogram(),
                messages: 0,
                bytes: 0,
                series: Series::default(),
                elapsed: Duration::ZERO,
                cpu: Duration::ZERO,
                waiting: Duration::ZERO,
                unanswered: 0,
                losses: Losses::default(),
            },
        }
    }

    /// Nanoseconds from the start.
    pub fn now(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// Now, or the end of what is measured if that is past.
    pub fn end(&self) -> u64 {
        self.now().min(self.until)
    }

    /// To be asked between two pieces of work: whether it has been enough.
    pub fn is_over(&mut self, now: u64) -> bool {
        if self.begun.is_none() && now >= self.from {
            self.begun = Some(Begun::now(now));
            self.last = now;
        }
        if now >= self.next_telling {
            self.next_telling = now + STEP;
            self.tell();
            if self.live.given_up.load(Ordering::Relaxed) {
                return true;
            }
        }
        if self.until == u64::MAX && self.begun.is_some() && now > self.last + self.patience {
            self.lose(format!(
                "nothing came for {} seconds",
                self.patience / 1_000_000_000
            ));
            return true;
        }
        now >= self.until || self.measured.messages >= self.quota
    }

    /// So many messages or cycles that were to begin at `intended` are complete, each of so many bytes.
    pub fn record(&mut self, now: u64, intended: u64, count: u64, bytes: u64) {
        self.last = now;
        // Those that complete together with the last one were not asked for.
        let count = count.min(self.quota - self.measured.messages);
        if now < self.from || now >= self.until || count == 0 {
            return;
        }
        let latency = now.saturating_sub(intended);
        self.measured.latency.saturating_record_n(latency, count);
        self.add(now, count, count * bytes);
    }

    /// Bytes that belong to no message have arrived.
    pub fn record_bytes(&mut self, now: u64, bytes: u64) {
        if now >= self.from && now < self.until {
            self.add(now, 0, bytes);
        }
    }

    fn add(&mut self, now: u64, messages: u64, bytes: u64) {
        self.measured.messages += messages;
        self.measured.bytes += bytes;
        self.measured.series.add(now - self.from, messages, bytes);
    }

    /// A message that was meant for `intended` is sent now.
    pub fn record_late(&mut self, now: u64, intended: u64) {
        if now >= self.from && now < self.until {
            self.measured.late.saturating_record(now - intended);
        }
    }

    pub fn lose(&mut self, why: impl Into<String>) {
        self.measured.losses.add(why);
    }

    pub fn losses(&self) -> u64 {
        self.measured.losses.count
    }

    pub fn messages(&self) -> u64 {
        self.measured.messages
    }

    /// What was measured up to now.
    pub fn finish(mut self, unanswered: u64) -> Measured {
        self.tell();
        let now = self.end();
        if let Some(begun) = self.begun {
            let end = Begun::now(now);
            self.measured.elapsed = Duration::from_nanos(now.saturating_sub(begun.at));
            self.measured.cpu = end.cpu.saturating_sub(begun.cpu);
            if let Some((end, begun)) = end.turns.zip(begun.turns) {
                self.measured.waiting = end.waiting.saturating_sub(begun.waiting);
            }
        }
        self.measured.unanswered = unanswered;
        self.measured
    }

    /// Shared counters are written ten times a second and not for each message, which would cost more than the message.
    fn tell(&mut self) {
        let Measured {
            messages, bytes, ..
        } = self.measured;
        self.live
            .messages
            .fetch_add(messages - self.told.0, Ordering::Relaxed);
        self.live
            .bytes
            .fetch_add(bytes - self.told.1, Ordering::Relaxed);
        self.told = (messages, bytes);
    }
}

/// Nanoseconds between two messages of a thread.
fn apart(plan: &Plan) -> u64 {
    plan.rate
        .map_or(0, |rate| (1e9 * plan.threads as f64 / rate) as u64)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::*;

    #[test]
    fn a_slow_rate_is_no_silence() {
        let (live, start) = (Live::default(), Instant::now());
        for (line, seconds) in [
            ("echo --count 5 --warmup none", 10),
            ("echo --count 5 --warmup none --rate 0.05 --threads 2", 90),
        ] {
            let mut meter = Meter::new(&plan(line).unwrap(), start, 5, &live);
            assert!(!meter.is_over(0));
            assert!(!meter.is_over(seconds * 1_000_000_000), "{line}");
            assert!(meter.is_over(seconds * 1_000_000_000 + 1), "{line}");
        }
    }
}
