//! A wave of load: what is done to the daemon meanwhile, and what is seen of it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::Signal;
use crate::options::{Options, Times};
use crate::shared::{Phase, Shared};
use crate::subject::{Extent, Subject};

/// How often the number of clients is asked for.
const BEAT: Duration = Duration::from_secs(1);

/// How long rooms may take to their ends when nobody waits any more.
const DRAIN: Duration = Duration::from_secs(120);

pub struct Watch<'a> {
    subject: &'a Subject,
    shared: &'a Shared,
    times: Times,
    burst: usize,
    /// The most that was seen of each, and of clients.
    pub peak: Extent,
    pub most_clients: usize,
    pub reports: u64,
}

/// Something that is done again and again.
struct Every {
    pause: Duration,
    next: Instant,
}

impl Every {
    fn new(pause: Duration) -> Self {
        let next = Instant::now() + pause;
        Self { pause, next }
    }

    fn is_due(&mut self) -> bool {
        let due = Instant::now() >= self.next;
        if due {
            self.next += self.pause;
        }
        due
    }
}

impl<'a> Watch<'a> {
    pub fn new(subject: &'a Subject, shared: &'a Shared, options: &Options) -> Self {
        Self {
            subject,
            shared,
            times: options.times(),
            burst: options.burst(),
            peak: Extent::default(),
            most_clients: 0,
            reports: 0,
        }
    }

    /// Load for so long, and then until all have left.
    ///
    /// # Errors
    /// If the daemon does not answer, or rooms don't come to their ends.
    pub fn wave(&mut self, name: &str, time: Duration) -> Result<(), String> {
        self.shared.set(Phase::Running);
        let outcome = self.load(name, time);
        self.subject.output.stop_reading(false);
        self.shared.set(Phase::Draining);
        outcome?;
        let begin = Instant::now();
        // The generator tells at its next tick what it has.
        sleep(BEAT);
        while self.shared.rooms() > 0 {
            if begin.elapsed() > DRAIN {
                return Err(format!(
                    "{} rooms don't come to their ends",
                    self.shared.rooms()
                ));
            }
            self.look()?;
            sleep(BEAT);
        }
        self.subject.empties()?;
        self.line(&format!("{name}, all have left"));
        Ok(())
    }

    fn load(&mut self, name: &str, time: Duration) -> Result<(), String> {
        let Times {
            told,
            reload,
            stop,
            deaf,
            deafness,
            burst,
            ..
        } = self.times;
        let begin = Instant::now();
        let mut beat = Every::new(BEAT);
        let [mut told, mut reload, mut stop, mut deaf, mut burst] =
            [told, reload, stop, deaf, burst].map(Every::new);
        let mut hears_again: Option<Instant> = None;
        while begin.elapsed() < time {
            sleep(Duration::from_millis(20));
            if beat.is_due() {
                self.look()?;
            }
            if told.is_due() {
                self.line(&format!("{name} {:.0} s", begin.elapsed().as_secs_f64()));
            }
            if reload.is_due() {
                self.subject.daemon.signal(Signal::HUP);
            }
            if stop.is_due() {
                self.subject.daemon.signal(Signal::STOP);
                sleep(self.times.stopped);
                self.subject.daemon.signal(Signal::CONT);
            }
            if deaf.is_due() {
                self.subject.output.stop_reading(true);
                hears_again = Some(Instant::now() + deafness);
            }
            if hears_again.is_some_and(|time| Instant::now() >= time) {
                self.subject.output.stop_reading(false);
                hears_again = None;
            }
            if burst.is_due() {
                self.shared.burst(self.burst);
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), String> {
        self.most_clients = self.most_clients.max(self.subject.clients()?);
        self.reports += 1;
        let Extent {
            memory,
            descriptors,
            sockets,
        } = self.subject.extent();
        self.peak.memory = self.peak.memory.max(memory);
        self.peak.descriptors = self.peak.descriptors.max(descriptors);
        self.peak.sockets = self.peak.sockets.max(sockets);
        Ok(())
    }

    fn line(&self, when: &str) {
        let (tally, extent) = (self.shared.tally(), self.subject.extent());
        let ended = tally.ended.iter();
        let ended: Vec<String> = ended
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        println!(
            "{when}: {}; {:.3} GB right, {} wrong; {} open, {} KiB, {} descriptors",
            ended.join(", "),
            tally.bytes as f64 / 1e9,
            tally.wrong,
            self.shared.open(),
            extent.memory / 1024,
            extent.descriptors
        );
    }
}
