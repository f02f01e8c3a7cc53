//! pairloop side by side with other programs: `cargo bench --bench peers`.
//!
//! Each peer in its best configuration on one core, the same load generator on another, all in turns, and the medians. What
//! counts is the ratios: absolute figures are the machine's.

mod axes;
#[path = "../begin.rs"]
mod begin;
#[path = "../../tests/common/json.rs"]
#[expect(dead_code)] // Tests fail where something is missing; here it is asked for.
mod json;
mod load;
mod machine;
mod marks;
mod measure;
mod metric;
mod options;
mod peer;
mod programs;
mod readme;
mod results;
mod section;
mod server;
mod summary;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use axes::AXES;
use machine::Machine;
use options::Options;
use peer::{PEERS, Peer};
use section::Section;
use summary::Summary;

/// What is built, configured and found out here.
const FOLDER: &str = "target/peers";

fn main() -> ExitCode {
    begin::begin("peers", run)
}

fn run(options: &Options) -> Result<(), String> {
    options.check()?;
    if !machine::is_inside() {
        // What has to be fetched is fetched now: inside there is no other machine.
        programs::prepare(options.install);
    }
    let private = machine::enter_namespace();
    let machine = Machine::prepare(private).map_err(|error| error.to_string())?;
    let (found, missing): (Vec<&Peer>, Vec<&Peer>) = PEERS
        .iter()
        .filter(|peer| options.wants_peer(peer.name))
        .partition(|peer| (peer.find)().is_some());
    let session = Session {
        date: today(),
        machine: machine.describe(),
        shortcomings: machine.shortcomings.clone(),
        runs: options.runs(),
        seconds: options.seconds(),
        found,
        missing,
    };
    session.announce();
    // Configurations and logs of the time before; there may be none.
    let _ = std::fs::remove_dir_all(Path::new(FOLDER).join("run"));
    let begin = Instant::now();
    let mut samples = Vec::new();
    for axis in AXES.iter().filter(|axis| options.wants_axis(axis)) {
        let part = measure::axis(&machine, options, axis, &session.found);
        println!("\n{}", Summary::new(axis, &part));
        samples.extend(part);
        // After each axis: what is there is not lost if the next one is stopped.
        results::write(&options.json, &session, &samples)?;
    }
    let seconds = begin.elapsed().as_secs();
    println!("\n{seconds} s; all results: {}", options.json.display());
    if options.write_readme {
        let sections = Section::ALL.into_iter();
        let measured = sections.filter(|section| options.wants_section(*section));
        readme::write(&session, &samples, measured)?;
    }
    let failed = |sample: &&measure::Sample| sample.failure.is_some();
    match samples.iter().filter(failed).count() {
        0 => Ok(()),
        failures => Err(format!("{failures} of {} runs failed", samples.len())),
    }
}

/// What all results have in common.
pub struct Session {
    pub date: String,
    pub machine: String,
    pub shortcomings: Vec<String>,
    pub runs: u32,
    pub seconds: f64,
    pub found: Vec<&'static Peer>,
    pub missing: Vec<&'static Peer>,
}

impl Session {
    fn announce(&self) {
        println!("{}: {}", self.date, self.machine);
        for shortcoming in &self.shortcomings {
            println!("not fair: {shortcoming}");
        }
        for peer in &self.missing {
            println!("missing: {} ({})", peer.name, peer.install);
        }
    }
}

fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().into()
}
