//! What came out: the threads' results put together, for the table, JSON and the page alike.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::meter::{Losses, Measured, histogram};
use super::plan::Plan;
use super::probe::{Memory, Usage};
use super::series::Series;
use super::verdict::Verdict;

pub struct Outcome {
    /// The load in words.
    pub load: String,
    pub mode: &'static str,
    pub server: String,
    /// What was counted: messages, lines, rooms.
    pub unit: &'static str,
    pub messages: u64,
    pub bytes: u64,
    pub elapsed: Duration,
    pub warmup: Duration,
    pub latency: Histogram<u64>,
    /// How late messages were sent; only with a rate.
    pub late: Option<Histogram<u64>>,
    pub unanswered: u64,
    pub series: Series,
    /// Shares of a core that the generator's threads used.
    pub threads: Vec<f64>,
    pub usage: Usage,
    /// Bytes for each connection: all, and anonymous.
    pub memory: Option<(f64, f64)>,
    pub losses: Losses,
    pub verdict: Verdict,
    /// The verdict for people.
    pub words: String,
}

impl Outcome {
    pub fn new(plan: &Plan, parts: Vec<Measured>, usage: Usage) -> Self {
        let mut outcome = Self {
            load: plan.describe(),
            mode: plan.mode.name(),
            server: plan.server.to_string(),
            unit: plan.mode.unit(),
            messages: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            warmup: plan.warmup,
            latency: histogram(),
            late: plan.rate.map(|_| histogram()),
            unanswered: 0,
            series: Series::default(),
            threads: Vec::new(),
            usage,
            memory: None,
            losses: Losses::default(),
            verdict: Verdict::Neither,
            words: String::new(),
        };
        for part in parts {
            outcome.messages += part.messages;
            outcome.bytes += part.bytes;
            outcome.elapsed = outcome.elapsed.max(part.elapsed);
            outcome.unanswered += part.unanswered;
            outcome.series.merge(&part.series);
            outcome
                .threads
                .push(share(part.cpu, part.elapsed.as_secs_f64()));
            let waiting = share(part.waiting, part.elapsed.as_secs_f64());
            let most = outcome.usage.waiting.unwrap_or(0.0).max(waiting);
            outcome.usage.waiting = Some(most);
            outcome.losses.merge(part.losses);
            let same = "histograms of one kind";
            outcome.latency.add(&part.latency).expect(same);
            if let Some(late) = &mut outcome.late {
                late.add(&part.late).expect(same);
            }
        }
        outcome.verdict = Verdict::new(outcome.busiest(), &outcome.usage);
        outcome.words = outcome.verdict.words(plan.advice());
        outcome
    }

    /// Of connections that were opened and held: how long each took to be made.
    pub fn of_idle(
        plan: &Plan,
        latency: Histogram<u64>,
        elapsed: Duration,
        cpu: Duration,
        usage: Usage,
    ) -> Self {
        let generator = Measured {
            messages: latency.len(),
            latency,
            late: histogram(),
            bytes: 0,
            series: Series::default(),
            elapsed,
            cpu: cpu / plan.threads as u32,
            waiting: Duration::ZERO,
            unanswered: 0,
            losses: Losses::default(),
        };
        Self::new(plan, vec![generator], usage)
    }

    pub fn add_memory(&mut self, before: Memory, after: Memory) {
        let each = |before: u64, after: u64| (after as f64 - before as f64) / self.messages as f64;
        self.memory = Some((
            each(before.resident, after.resident),
            each(before.anonymous, after.anonymous),
        ));
    }

    pub fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64()
    }

    /// Messages a second.
    pub fn rate(&self) -> f64 {
        per(self.messages as f64, self.seconds())
    }

    /// GB (10^9 bytes) a second, counted once where they arrive.
    pub fn gigabytes(&self) -> f64 {
        per(self.bytes as f64 / 1e9, self.seconds())
    }

    /// The share of a core that the generator's busiest thread used.
    pub fn busiest(&self) -> f64 {
        self.threads.iter().copied().fold(0.0, f64::max)
    }

    /// The server's CPU time as a share of one core; above 1 for several.
    pub fn server_share(&self) -> Option<f64> {
        let elapsed = self.usage.elapsed.as_secs_f64();
        self.usage.server.map(|cpu| share(cpu, elapsed))
    }

    /// Microseconds of the server's CPU time for each message.
    pub fn server_per_message(&self) -> Option<f64> {
        self.server_share()
            .filter(|_| self.messages > 0)
            .map(|share| share * 1e6 / self.rate())
    }

    /// Seconds of the server's CPU time for each GB.
    pub fn server_per_gigabyte(&self) -> Option<f64> {
        self.server_share()
            .filter(|_| self.bytes > 0)
            .map(|share| share / self.gigabytes())
    }
}

/// Points of a distribution that people ask for: their names, and microseconds.
pub fn percentiles(histogram: &Histogram<u64>) -> [(&'static str, f64); 6] {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    [
        ("mean", histogram.mean() / 1000.0),
        ("p50", at(0.5)),
        ("p90", at(0.9)),
        ("p99", at(0.99)),
        ("p99.9", at(0.999)),
        ("max", histogram.max() as f64 / 1000.0),
    ]
}

fn share(cpu: Duration, elapsed: f64) -> f64 {
    per(cpu.as_secs_f64(), elapsed)
}

fn per(amount: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount / seconds } else { 0.0 }
}
