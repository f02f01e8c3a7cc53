//! The runs: all peers in turns, so that what changes on the machine changes for all.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::thread::sleep;
use std::time::Duration;

use crate::axes::{Axis, Point, Task};
use crate::load::{self, Load};
use crate::machine::Machine;
use crate::metric::Metric;
use crate::options::Options;
use crate::peer::{Peer, Role};
use crate::server::Server;

/// How long after its start a server is weighed.
const SETTLING: Duration = Duration::from_millis(100);

/// One run of one peer.
pub struct Sample {
    pub axis: &'static Axis,
    pub point: &'static Point,
    pub peer: &'static Peer,
    pub run: u32,
    /// In the order of the axis's metrics.
    pub values: Vec<Option<f64>>,
    pub warning: Option<Warning>,
    /// Why the run does not count.
    pub failure: Option<String>,
    /// All that the generator said, as JSON.
    pub result: Option<String>,
}

/// Why a figure need not be the server's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    Generator,
    Machine,
}

/// Measures an axis: point by point, run by run, peer by peer.
pub fn axis(
    machine: &Machine,
    options: &Options,
    axis: &'static Axis,
    peers: &[&'static Peer],
) -> Vec<Sample> {
    let runs = options.runs().min(axis.most_runs);
    let mut samples = Vec::new();
    for point in axis.points {
        let mut contenders: Vec<Contender> = peers
            .iter()
            .filter(|peer| axis.peers.contains(&peer.name) && point.suits(peer))
            .map(|peer| Contender { peer, server: None })
            .collect();
        for run in 0..runs {
            // Forwards and backwards, so that nobody always comes after the same.
            contenders.reverse();
            for contender in &mut contenders {
                progress(&format!(
                    "{} {} {run} {}",
                    axis.name, point.label, contender.peer.name
                ));
                let outcome = contender.run(machine, axis.metrics, point, options.seconds());
                samples.push(sample(axis, point, contender.peer, run, outcome));
            }
        }
    }
    progress("");
    samples
}

struct Contender {
    peer: &'static Peer,
    server: Option<Server>,
}

/// What a run found.
struct Outcome {
    values: Vec<Option<f64>>,
    warning: Option<Warning>,
    result: Option<String>,
}

impl Contender {
    fn run(
        &mut self,
        machine: &Machine,
        metrics: &[Metric],
        point: &Point,
        seconds: f64,
    ) -> Result<Outcome, String> {
        let load = match point.task {
            Task::Start => return self.start(machine, metrics),
            Task::Load(load) => load,
        };
        if point.needs_fresh_server() || self.server.as_mut().is_some_and(Server::has_ended) {
            self.server = None;
        }
        let server = match self.server.take() {
            Some(server) => server,
            None => Server::start(machine, self.peer, point.service)?,
        };
        let server = self.server.insert(server);
        put(machine, server, metrics, &load, seconds)
    }

    fn start(&self, machine: &Machine, metrics: &[Metric]) -> Result<Outcome, String> {
        let (server, time) = Server::time_start(machine, self.peer)?;
        sleep(SETTLING);
        let program = (self.peer.find)().and_then(|program| program.canonicalize().ok());
        // A script is not the program.
        let program = program.filter(|_| self.peer.role != Role::Transit);
        let size = program.and_then(|program| fs::metadata(program).ok());
        let value = |metric: &Metric| match metric.path {
            "start_ms" => Some(time.as_secs_f64() * 1e3),
            "resident" => Some(server.resident() as f64 * metric.scale),
            _ => size.as_ref().map(|data| data.len() as f64 * metric.scale),
        };
        Ok(Outcome {
            values: metrics.iter().map(value).collect(),
            warning: None,
            result: None,
        })
    }
}

fn put(
    machine: &Machine,
    server: &Server,
    metrics: &[Metric],
    load: &Load,
    seconds: f64,
) -> Result<Outcome, String> {
    let measured = load::run(machine, server, load, seconds)?;
    let idle = load.mode == "idle";
    let warning = match measured.json.find("verdict") {
        // How fast idle clients come is not asked.
        _ if idle => None,
        Some("generator" | "maybe-generator") => Some(Warning::Generator),
        Some("machine") => Some(Warning::Machine),
        _ => None,
    };
    let value = |metric: &Metric| {
        let value: f64 = measured.json.find(metric.path)?.parse().ok()?;
        Some(value * metric.scale * (metric.factor)(server.role))
    };
    Ok(Outcome {
        values: metrics.iter().map(value).collect(),
        warning,
        result: Some(measured.text),
    })
}

fn sample(
    axis: &'static Axis,
    point: &'static Point,
    peer: &'static Peer,
    run: u32,
    outcome: Result<Outcome, String>,
) -> Sample {
    let (values, warning, failure, result) = match outcome {
        Ok(outcome) => (outcome.values, outcome.warning, None, outcome.result),
        Err(why) => (Vec::new(), None, Some(why), None),
    };
    Sample {
        axis,
        point,
        peer,
        run,
        values,
        warning,
        failure,
        result,
    }
}

/// One line that is overwritten by the next; for people only.
fn progress(words: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{words}");
        let _ = stderr().flush();
    }
}
