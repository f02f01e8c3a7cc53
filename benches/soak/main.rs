//! A long mixed load near the limit of descriptors, and whether anything was lost, wrong or left over:
//! `cargo bench --bench soak`.
//!
//! A wave of the load warms the daemon up, so that its tables and the allocator's arenas have the size that this load
//! takes; all leave, and what it is then is what it must come back to after the long wave.

#[path = "../begin.rs"]
mod begin;
#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../attacks/dial.rs"]
mod dial;
mod load;
mod login;
#[path = "../peers/machine.rs"]
#[expect(dead_code, reason = "no cores are chosen")]
mod machine;
mod options;
mod output;
mod room;
mod script;
mod shared;
mod step;
mod subject;
mod verdict;
mod wave;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use pairloop::limits::RESERVED_DESCRIPTORS;
use rustix::process::{Resource, getrlimit};

use load::Load;
use machine::Machine;
use options::Options;
use shared::{Phase, Shared};
use subject::Subject;
use verdict::Verdict;
use wave::Watch;

fn main() -> ExitCode {
    begin::begin("soak", run)
}

/// The error is all that did not hold.
fn run(options: &Options) -> Result<(), String> {
    let private = machine::enter_namespace();
    let machine = Machine::prepare(private).map_err(|error| error.to_string())?;
    println!("{}", machine.describe());
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = (descriptors as usize).min(1 << 20) - RESERVED_DESCRIPTORS;
    let clients = options.clients(possible);
    let size = options.size(clients);
    println!(
        "--max-clients {clients}, up to {} connections, {} of them idle",
        size.most, size.idle
    );
    let mut subject = Subject::start(clients).map_err(|error| error.to_string())?;
    let shared = Arc::new(Shared::default());
    shared.set(Phase::Draining);
    let at = (0..script::LISTENERS).map(|number| subject.daemon.address(number));
    let load = Load::new(at.collect(), size, options.seed, Arc::clone(&shared));
    let load = load.map_err(|error| error.to_string())?;
    let generator = thread::spawn(move || load.run());

    let mut verdict = Verdict::new(&subject);
    let mut watch = Watch::new(&subject, &shared, options);
    let times = options.times();
    for (name, time) in [("warm-up", times.warm_up), ("load", times.load)] {
        let failed = watch.wave(name, time).err();
        verdict.after(&subject, &watch, failed);
    }
    shared.set(Phase::Stopped);
    match generator.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => verdict.fail(format!("the generator: {error}")),
        Err(_) => verdict.fail("the generator panicked".into()),
    }
    verdict.finish(&mut subject, &shared.tally())
}
