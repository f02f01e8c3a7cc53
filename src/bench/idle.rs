//! The load of idle: connections that are opened and held.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::BenchError;
use super::outcome::Outcome;
use super::plan::{Length, Plan};
use super::probe::{Probe, memory, wants_core};
use super::setup::{self, Ends};

/// How often the server is looked at until it rests.
const LOOK: Duration = Duration::from_millis(100);

/// The share of a core below which it does.
const REST: f64 = 0.02;

/// How long it may take; it may have other clients.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens all, holds them, and counts those that are still there.
///
/// # Errors
/// If one can't be opened, or the server's process can't be looked at.
pub fn run(plan: &Plan) -> Result<Outcome, BenchError> {
    let memory_before = memory(&plan.server_pids)?;
    let probe = Probe::take(&plan.server_pids)?;
    let (begin, cpu) = (Instant::now(), process_cpu());
    let (mut connections, times) = match plan.sink {
        None => setup::connections(plan)?,
        Some(sink) => setup::through_a_proxy(plan, sink)?,
    };
    let (elapsed, cpu) = (begin.elapsed(), process_cpu().saturating_sub(cpu));
    let usage = Probe::take(&plan.server_pids)?.since(&probe);
    let mut outcome = Outcome::of_idle(plan, times, elapsed, cpu, usage);
    wait_for_rest(plan)?;
    if let Length::Time(time) = plan.length {
        std::thread::sleep(time);
    }
    let memory_after = memory(&plan.server_pids)?;
    if let Some((before, after)) = memory_before.zip(memory_after) {
        outcome.add_memory(before, after);
    }
    for connection in &mut connections {
        if let Err(why) = is_alive(connection) {
            outcome.losses.add(why);
        }
    }
    Ok(outcome)
}

/// Connections may still stand in the server's queue, and their memory with them.
fn wait_for_rest(plan: &Plan) -> Result<(), BenchError> {
    let begin = Instant::now();
    let mut before = Probe::take(&plan.server_pids)?;
    while begin.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
        let now = Probe::take(&plan.server_pids)?;
        let busy = now.since(&before).server_thread.unwrap_or(0.0);
        if busy < REST && !wants_core(&plan.server_pids) {
            break;
        }
        before = now;
    }
    Ok(())
}

/// Whether nothing but bytes has come; some services greet.
fn is_alive(connection: &mut Ends) -> Result<(), String> {
    for stream in std::iter::once(&mut connection.x).chain(&mut connection.y) {
        stream
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return Err("closed by the server".into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// CPU time of this process: connecting is nearly all that it does.
fn process_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
