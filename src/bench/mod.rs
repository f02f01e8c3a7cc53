//! `pairloop bench`: puts load on a server and says how it bore it, and whose limit the numbers are.
//!
//! Each thread has a poll, connections and a histogram of its own, and nothing is shared while it measures but a few
//! counters for the progress line. At the end the threads' results are put together.

pub mod args;
mod cycles;
mod dial;
mod flow;
mod idle;
mod json;
mod meter;
mod outcome;
mod page;
mod pattern;
mod plan;
mod plot;
mod probe;
mod progress;
mod proxied;
mod room;
mod rooms;
mod scale;
mod schedule;
mod series;
mod setup;
mod table;
mod verdict;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use args::{BenchArgs, Mode};
use meter::{Live, Measured, Meter};
use outcome::Outcome;
use plan::{Length, Plan};
use probe::Probe;
use progress::Progress;
use setup::Ends;

/// Why there is no result, or none that counts.
#[derive(Debug, Error)]
pub enum BenchError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Connect(String),
    #[error("{0}")]
    Room(String),
    #[error(
        "the server did not pair the clients in the order in which they came: room {expected} received what room {got} sent (is somebody else connected?)"
    )]
    Paired { expected: usize, got: usize },
    #[error(
        "this load needs {wanted} descriptors, and this process may have {limit}: raise the hard limit (ulimit -Hn)"
    )]
    Descriptors { wanted: u64, limit: u64 },
    #[error("--server-pid {0}: there is no such process")]
    NoProcess(u32),
    #[error("{count} lost, the first: {first}")]
    Lost { count: u64, first: String },
    #[error("nothing was measured: no answer came in time")]
    Nothing,
    #[error("cannot write {path}: {error}", path = path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("the generator failed: {0}")]
    Io(#[from] io::Error),
}

/// Runs the load, and prints what came out.
///
/// # Errors
/// If the load can't be put on, or connections were lost under it; then what was measured is printed all the same.
pub fn bench(args: &BenchArgs) -> Result<(), BenchError> {
    let plan = match Plan::new(args) {
        // Said and counted as clap does it.
        Err(BenchError::Usage(words)) => {
            clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, words + "\n").exit()
        }
        plan => plan?,
    };
    setup::reserve_descriptors(&plan)?;
    // A wrong number or path should be heard of before the load, not after it.
    Probe::take(&plan.server_pids)?;
    if let Some(path) = &args.report {
        let file = File::options().append(true).create(true).open(path);
        file.map_err(unwritable(path))?;
    }
    let outcome = match plan.mode {
        Mode::Idle => idle::run(&plan)?,
        _ => run(&plan)?,
    };
    let text = if args.json {
        json::json(&outcome)
    } else {
        table::table(&outcome)
    };
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(unwritable(Path::new("the result")))?;
    if let Some(path) = &args.report {
        let page = page::page(&outcome, &page::command_line(std::env::args()));
        std::fs::write(path, page).map_err(unwritable(path))?;
    }
    match outcome.losses.first {
        Some(first) => Err(BenchError::Lost {
            count: outcome.losses.count,
            first,
        }),
        None if outcome.messages == 0 && outcome.bytes == 0 => Err(BenchError::Nothing),
        None => Ok(()),
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> BenchError {
    |error| BenchError::Write {
        path: path.into(),
        error,
    }
}

fn run(plan: &Plan) -> Result<Outcome, BenchError> {
    let mut shares = deal(plan)?;
    let (live, gate) = (Live::default(), Mutex::new(()));
    let start = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let ends = std::mem::take(&mut shares[thread]);
                let meter = Meter::new(plan, start, quota(plan, thread), &live);
                let (live, gate) = (&live, &gate);
                scope.spawn(move || {
                    let result = work(plan, meter, thread, ends, gate);
                    if result.is_err() {
                        live.given_up.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        let usage = watch(plan, start, &live, &threads);
        let parts = threads.into_iter().map(|thread| thread.join());
        let parts = parts.map(|part| part.expect("it does not panic"));
        let parts = parts.collect::<Result<Vec<Measured>, BenchError>>()?;
        Ok(Outcome::new(plan, parts, usage?))
    })
}

/// Makes the rooms that stay, and gives each thread its part.
fn deal(plan: &Plan) -> Result<Vec<Vec<Ends>>, BenchError> {
    let rooms = match plan.mode {
        Mode::Echo => setup::connections(plan)?.0,
        Mode::Relay | Mode::Chat => setup::rooms(plan)?,
        Mode::Order | Mode::Connect | Mode::Idle => Vec::new(),
    };
    let mut shares: Vec<Vec<Ends>> = (0..plan.threads).map(|_| Vec::new()).collect();
    for (index, room) in rooms.into_iter().enumerate() {
        shares[index % plan.threads].push(room);
    }
    Ok(shares)
}

/// A thread's part of `--count`.
fn quota(plan: &Plan, thread: usize) -> u64 {
    let (threads, thread) = (plan.threads as u64, thread as u64);
    match plan.length {
        Length::Time(_) => u64::MAX,
        Length::Messages(count) => count / threads + u64::from(thread < count % threads),
    }
}

fn work(
    plan: &Plan,
    meter: Meter<'_>,
    thread: usize,
    ends: Vec<Ends>,
    gate: &Mutex<()>,
) -> Result<Measured, BenchError> {
    if let (Mode::Connect, Some(sink)) = (plan.mode, plan.sink) {
        proxied::Proxied::new(plan, meter, sink)?.run()
    } else if plan.mode.cycles() {
        cycles::Cycles::new(plan, meter, thread, gate)?.run()
    } else {
        rooms::Rooms::new(plan, meter, thread, ends)?.run()
    }
}

/// Looks at the server's CPU time when the measuring begins and when it ends, and shows progress meanwhile.
fn watch<T>(
    plan: &Plan,
    start: Instant,
    live: &Live,
    threads: &[ScopedJoinHandle<'_, T>],
) -> Result<probe::Usage, BenchError> {
    let is_over = || threads.iter().all(ScopedJoinHandle::is_finished);
    let sleep_until = |time: Instant| {
        while !is_over() && Instant::now() < time {
            let left = time.saturating_duration_since(Instant::now());
            thread::sleep(left.min(Duration::from_millis(10)));
        }
    };
    let from = start + plan.warmup;
    sleep_until(from);
    let looked = Probe::take(&plan.server_pids);
    let mut progress = Progress::new(plan, Instant::now());
    loop {
        let until = match plan.length {
            Length::Time(time) => from + time,
            Length::Messages(_) => Instant::now() + Duration::from_secs(1),
        };
        sleep_until(until.min(Instant::now() + Duration::from_secs(1)));
        let over = matches!(plan.length, Length::Time(_)) && Instant::now() >= until;
        if over || is_over() {
            break;
        }
        progress.show(live);
    }
    let usage = Probe::take(&plan.server_pids).and_then(|now| Ok(now.since(&looked?)));
    progress.clear();
    usage
}
