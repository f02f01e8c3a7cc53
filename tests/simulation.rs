//! The real reactor and engine on a simulated network, against many seeds and in named scenarios.
//!
//! `PAIRLOOP_SIM_SECONDS=600` looks for longer, `PAIRLOOP_SIM_FIRST=1000000` begins at
//! another seed, `SEED=n` runs one seed alone (with `RUST_LOG=debug`, its log).

mod sim;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use pairloop::engine::{CloseReason, Mood};

use sim::net::Fault;
use sim::notes;
use sim::plan::Kind;
use sim::run::{STEP, run};
use sim::summary::{SERVICES, Summary};

/// How long the seeds are tried by default.
const SECONDS: u64 = 15;

/// The seeds that are tried in any case, and that must show everything there is.
const SEEDS: u64 = 300;

#[test]
fn whatever_happens_streams_stay_whole() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("SEED") {
        notes::listen(true);
        println!("{}", line(&watched(seed)));
        return;
    }
    notes::listen(false);
    let end =
        Instant::now() + Duration::from_secs(number("PAIRLOOP_SIM_SECONDS").unwrap_or(SECONDS));
    let first = number("PAIRLOOP_SIM_FIRST").unwrap_or(0);
    let mut sum = Summary::default();
    while sum.seeds < SEEDS || Instant::now() < end {
        sum.add(&watched(first + sum.seeds));
    }
    println!("{}", line(&sum));
    for fault in Fault::ALL {
        assert!(sum.faults[fault as usize] > 0, "{fault:?} never struck");
    }
    for reason in CloseReason::ALL {
        assert!(
            sum.closed[reason as usize] > 0,
            "nobody was ever closed as {reason:?}"
        );
    }
    for (mood, count) in sum.moods.iter() {
        assert!(count > 0, "no session was ever {}", mood.name());
    }
    for kind in Kind::ALL {
        assert!(sum.kinds[kind as usize] > 0, "{kind:?} never came");
    }
    for (service, done) in SERVICES.iter().zip(sum.done) {
        assert!(done > 0, "no {service} room ever ended well");
    }
    assert!(
        sum.with_login > 0 && sum.named > sum.with_login,
        "no named rooms ended well"
    );
    let seen = &sum.handovers;
    for (what, times) in [
        ("handed over", seen.handed_over),
        ("handed over unhindered", seen.unhindered),
        ("given up by a worker, and tried elsewhere", seen.retried),
        ("left without a worker", seen.no_worker),
        ("cut by a worker's end", seen.cut),
        ("held up by a backlog", seen.held_up),
    ] {
        assert!(times > 0, "no pair was ever {what}");
    }
    assert!(sum.refused > 0, "nobody was ever refused");
}

/// Runs a seed, and says which it was if it fails.
fn watched(seed: u64) -> Summary {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|failure| {
        let (turn, time) = STEP.get();
        eprintln!("SEED={seed} failed in turn {turn}, after {time:?}");
        resume_unwind(failure)
    })
}

fn line(sum: &Summary) -> String {
    let handovers = &sum.handovers;
    let counts = |counts: &[u64], names: Vec<String>| {
        let pairs = names.iter().zip(counts);
        let pairs = pairs.map(|(name, count)| format!("{name} {count}"));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let moods: Vec<u64> = sum.moods.iter().map(|(_, count)| count).collect();
    format!(
        "{} seeds, {} turns, {} clients, {} whole streams, {} bytes, {} refused; done: {} ({} with names, {} with logins); {handovers:?}; faults: {}; closed: {}; moods: {}",
        sum.seeds,
        sum.turns,
        sum.clients,
        sum.whole,
        sum.bytes,
        sum.refused,
        counts(&sum.done, SERVICES.map(String::from).to_vec()),
        sum.named,
        sum.with_login,
        counts(
            &sum.faults,
            Fault::ALL.map(|fault| format!("{fault:?}")).to_vec()
        ),
        counts(
            &sum.closed,
            CloseReason::ALL.map(|reason| reason.name().into()).to_vec()
        ),
        counts(&moods, Mood::ALL.map(|mood| mood.name().into()).to_vec()),
    )
}
