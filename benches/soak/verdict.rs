//! What must hold in the end.

use pairloop::limits::{LOG_LINES_PER_SECOND, MAX_PIPES};

use crate::shared::Tally;
use crate::subject::{Extent, Subject};
use crate::wave::Watch;

/// The memory that may be left beyond what the warm-up left: a tenth, and of a small daemon this much. Each thread that
/// reads files after SIGHUP may get an arena of the C library's that the warm-up's did not touch. A leak of a
/// byte for each room is more than that within half an hour.
const MORE: f64 = 1.10;
const ARENAS: u64 = 512 * 1024;

pub struct Verdict {
    /// Before anything, and after each wave.
    extents: Vec<Extent>,
    peak: Extent,
    most_clients: usize,
    reports: u64,
    failures: Vec<String>,
}

impl Verdict {
    pub fn new(subject: &Subject) -> Self {
        Self {
            extents: vec![subject.extent()],
            peak: Extent::default(),
            most_clients: 0,
            reports: 0,
            failures: Vec::new(),
        }
    }

    pub fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    /// What is there when a wave is over.
    pub fn after(&mut self, subject: &Subject, watch: &Watch<'_>, failed: Option<String>) {
        self.extents.push(subject.extent());
        self.failures.extend(failed);
        self.peak = watch.peak;
        self.most_clients = watch.most_clients;
        self.reports = watch.reports;
    }

    /// Ends the daemon, prints what there was, and answers what did not hold.
    pub fn finish(mut self, subject: &mut Subject, tally: &Tally) -> Result<(), String> {
        let code = subject.stop();
        let sessions = subject.sessions();
        self.must(code == Some(0), || {
            format!("SIGTERM ended it with {code:?}")
        });
        self.print(tally, sessions);
        self.rooms(tally);
        self.extent();
        self.log(subject);
        self.must(sessions > 0, || "the usage log is empty".into());
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(format!("FAILED:\n{}", self.failures.join("\n"))),
        }
    }

    fn must(&mut self, holds: bool, why: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(why());
        }
    }

    fn print(&self, tally: &Tally, sessions: usize) {
        for (kind, begun) in &tally.begun {
            let ended = tally.ended.get(kind).unwrap_or(&0);
            println!("{kind:>10}: {begun} rooms begun, {ended} ended");
        }
        println!(
            "{:.3} GB right, {} rooms wrong; {} reports, up to {} clients; {sessions} sessions in the usage log",
            tally.bytes as f64 / 1e9,
            tally.wrong,
            self.reports,
            self.most_clients
        );
        let names = ["before anything", "after the warm-up", "at the end"];
        let extents = names.iter().zip(&self.extents);
        for (name, extent) in extents.chain([(&"at most", &self.peak)]) {
            println!(
                "{name:>17}: {:>6} KiB anonymous, {:>5} descriptors, {:>5} of them sockets",
                extent.memory / 1024,
                extent.descriptors,
                extent.sockets
            );
        }
    }

    fn rooms(&mut self, tally: &Tally) {
        self.failures.extend(tally.told.iter().cloned());
        let more = tally.wrong as usize - tally.told.len();
        self.must(more == 0, || format!("and {more} rooms more"));
        for (kind, begun) in &tally.begun {
            let ended = tally.ended.get(kind).copied().unwrap_or(0);
            self.must(ended == *begun, || {
                format!("{kind}: {begun} begun, {ended} ended")
            });
        }
        let kinds = tally.ended.len();
        self.must(kinds == crate::script::KINDS.len(), || {
            format!("only {kinds} kinds of rooms were there")
        });
    }

    fn extent(&mut self) {
        let &[first, warm, last] = &self.extents[..] else {
            return self.fail("not every wave came to its end".into());
        };
        let most = (warm.memory as f64 * MORE).max((warm.memory + ARENAS) as f64);
        self.must(last.memory as f64 <= most, || {
            let [warm, last] = [warm.memory, last.memory].map(|bytes| bytes / 1024);
            format!("{last} KiB are left; after the warm-up it was {warm}")
        });
        self.must(last.sockets == first.sockets, || {
            format!(
                "{} sockets at the end, {} at first",
                last.sockets, first.sockets
            )
        });
        // Pipes that are not in use are kept for the next link; each has two descriptors.
        let others = last.descriptors - last.sockets;
        let most = first.descriptors - first.sockets + 2 * MAX_PIPES;
        self.must(others <= most, || {
            format!("{others} descriptors at the end are no sockets; at most {most} may be pipes")
        });
    }

    fn log(&mut self, subject: &Subject) {
        let seen = subject.output.seen();
        println!(
            "log: {} lines, up to {} in a second; {} notices of {} lines left out; {} errors, {} torn",
            seen.lines, seen.most, seen.notices, seen.suppressed, seen.errors, seen.torn
        );
        // A second of the clock can have part of two of the log's.
        let most = 2 * u64::from(LOG_LINES_PER_SECOND);
        self.must(seen.most <= most, || {
            format!("{} log lines in a second", seen.most)
        });
        self.must(seen.notices > 0 && seen.suppressed > 0, || {
            "no log line was left out, or nobody was told".into()
        });
        self.must(seen.torn == 0, || {
            format!("torn log lines: {:?}", seen.last_torn)
        });
        self.must(seen.errors == 0, || {
            format!("{} errors in the log", seen.errors)
        });
    }
}
