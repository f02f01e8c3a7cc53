//! The runs: a room that nobody attacks, in quiet and beside attacks.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::attack::{Attack, Target};
use crate::attacker::{Attacker, Sums};
use crate::common::json::Json;
use crate::common::users::UserFile;
use crate::common::{Daemon, program, scratch, serve};
use crate::machine::Machine;
use crate::options::Options;

/// What the generator is asked for: each message of these is due at its time, whatever became of the one before.
const LOAD: &[&str] = &["--rooms", "4", "--rate", "2000", "--size", "64"];

/// How long the daemon has to forget an attack's clients.
const PATIENCE: Duration = Duration::from_secs(20);

/// Points of the distribution that are shown, by their names in the generator's result.
pub const POINTS: [&str; 4] = ["p50", "p99", "p99.9", "max"];

/// In which state of things the room's latency was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Quiet,
    /// Its own daemon is attacked.
    Attacked,
    /// Another daemon on the same core is.
    Control,
    /// The attack is just over.
    After,
}

/// One measurement of the room.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub phase: Phase,
    /// Microseconds, of each of the points.
    pub latency: [f64; 4],
    /// Of the control: what the attack costs where there is nobody else.
    pub cost: Option<Cost>,
}

/// Per second, but for the memory.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub units: f64,
    pub attacker_cpu: f64,
    pub attacker_bytes: f64,
    pub daemon_cpu: f64,
    /// Bytes more than before, all in all.
    pub memory: f64,
}

/// An attack's runs. One run is a sample of each phase.
pub struct Result {
    pub attack: &'static Attack,
    pub runs: Vec<Vec<Sample>>,
    /// Why other runs are not among them.
    pub failures: Vec<String>,
}

pub fn attack(machine: &Machine, options: &Options, attack: &'static Attack) -> Result {
    let mut result = Result {
        attack,
        runs: Vec::new(),
        failures: Vec::new(),
    };
    match Duel::new(machine, options, attack) {
        Err(why) => result.failures.push(why),
        Ok(mut duel) => {
            for run in 0..options.runs() {
                match duel.run(run) {
                    Ok(samples) => result.runs.push(samples),
                    Err(why) => result.failures.push(why),
                }
            }
        }
    }
    result
}

/// The daemon with the room, and the other one.
struct Duel<'a> {
    machine: &'a Machine,
    options: &'a Options,
    attack: &'static Attack,
    victim: Daemon,
    other: Daemon,
    _users: UserFile,
}

impl<'a> Duel<'a> {
    fn new(
        machine: &'a Machine,
        options: &'a Options,
        attack: &'static Attack,
    ) -> std::result::Result<Self, String> {
        let users = UserFile::of("attacks.users", &["alice"]);
        let urls = Target::urls(&users.lock("relay"));
        Ok(Self {
            machine,
            options,
            attack,
            victim: daemon(machine, &urls, "attacked.log")?,
            other: daemon(machine, &urls, "control.log")?,
            _users: users,
        })
    }

    /// The phases, with attack and control in turns the first.
    fn run(&mut self, run: u32) -> std::result::Result<Vec<Sample>, String> {
        let mut samples = vec![self.quiet(Phase::Quiet)?];
        if run.is_multiple_of(2) {
            samples.extend(self.attacked()?);
            samples.push(self.control()?);
        } else {
            samples.push(self.control()?);
            samples.extend(self.attacked()?);
        }
        Ok(samples)
    }

    fn quiet(&self, phase: Phase) -> std::result::Result<Sample, String> {
        Ok(Sample {
            phase,
            latency: self.measure(&self.victim)?.0,
            cost: None,
        })
    }

    fn attacked(&mut self) -> std::result::Result<[Sample; 2], String> {
        let attacker = self.begin(&self.victim)?;
        let attacked = self.quiet(Phase::Attacked);
        attacker.stop()?;
        let after = self.quiet(Phase::After)?;
        leave(&mut self.victim)?;
        Ok([attacked?, after])
    }

    fn control(&mut self) -> std::result::Result<Sample, String> {
        let before = self.other.memory("VmRSS");
        let attacker = self.begin(&self.other)?;
        let (begin, first) = (Instant::now(), attacker.sums());
        let (latency, daemon_cpu) = self.measure(&self.other)?;
        let (seconds, last) = (begin.elapsed().as_secs_f64(), attacker.sums());
        let after = self.other.memory("VmRSS");
        attacker.stop()?;
        leave(&mut self.other)?;
        let per_second = |of: fn(&Sums) -> f64| (of(&last) - of(&first)) / seconds;
        let cost = Cost {
            units: per_second(|sums| sums.units),
            attacker_cpu: per_second(|sums| sums.cpu.as_secs_f64()),
            attacker_bytes: per_second(|sums| sums.bytes as f64),
            daemon_cpu,
            memory: after.saturating_sub(before) as f64,
        };
        Ok(Sample {
            phase: Phase::Control,
            latency,
            cost: Some(cost),
        })
    }

    fn begin(&self, daemon: &Daemon) -> std::result::Result<Attacker, String> {
        let at = daemon.address(self.attack.target as usize);
        Attacker::start(self.machine, self.attack, at, self.options.connections())
    }

    /// The room's latency, and the share of a core that this daemon used meanwhile.
    fn measure(&self, watched: &Daemon) -> std::result::Result<([f64; 4], f64), String> {
        let mut command = program();
        let milliseconds = |seconds: f64| format!("{:.0}ms", seconds * 1000.0);
        let seconds = self.options.seconds();
        command.args(["bench", "relay", "--json"]).args(LOAD);
        command.args(["--duration", &milliseconds(seconds)]);
        command.args(["--warmup", &milliseconds(seconds / 4.0)]);
        let at = self.victim.address(Target::Victim as usize).to_string();
        let pid = watched.pid().as_raw_nonzero().to_string();
        command.args(["--at", &at, "--server-pid", &pid]);
        let output = self
            .machine
            .on(self.machine.server_core, || command.output());
        let output = output
            .and_then(|output| output)
            .map_err(|error| error.to_string())?;
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("the room: {}", errors.trim_end()));
        }
        let json = Json::parse(&String::from_utf8_lossy(&output.stdout));
        let latency = POINTS.map(|point| json.number(&format!("latency_us.{point}")));
        Ok((latency, json.number("server_cpu")))
    }
}

/// Starts a daemon, on the servers' core. Its log goes to a file, as is usual.
fn daemon(machine: &Machine, urls: &[String], log: &str) -> std::result::Result<Daemon, String> {
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut command: Command = serve(&urls);
    let log = File::create(scratch(log)).map_err(|error| error.to_string())?;
    command.stdout(Stdio::piped()).stderr(log);
    let adopted = machine.on(machine.server_core, || Daemon::adopt(&mut command));
    let mut daemon = adopted.map_err(|error| error.to_string())?;
    for _ in urls {
        let line = daemon.stdout.next().ok_or("the daemon does not serve")?;
        daemon.is_ready(&line);
    }
    Ok(daemon)
}

/// Waits until nobody is left of the attack. Its connections are reset; what is asked is whether that is all.
fn leave(daemon: &mut Daemon) -> std::result::Result<(), String> {
    let begin = Instant::now();
    loop {
        match daemon.report() {
            0 => return Ok(()),
            clients if begin.elapsed() > PATIENCE => {
                return Err(format!("{clients} clients are left after the attack"));
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
