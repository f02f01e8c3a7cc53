//! How many instructions pairloop takes for what it does most, compared with checked-in limits: a slow-down is seen
//! without a stopwatch, on a busy machine as well.
//!
//! ```text
//! cargo bench --bench engine                        everything
//! cargo bench --bench engine -- chat daemon-echo    these
//! cargo bench --bench engine -- --functions echo    and where the instructions go
//! ```
//!
//! Each figure is the difference between two runs under callgrind, one with twice as many operations, so that what
//! happens once cancels out. The first few are of the reactor and the engine alone, without a kernel, mio or libc's system
//! calls (see [`kernel`]); they are the same in every run. Those of the daemon are of the whole program's user space, and
//! vary by a few instructions with how many events each poll brings.

mod callgrind;
#[path = "../../tests/common/mod.rs"]
mod common;
mod daemon;
mod kernel;
mod scenario;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use pairloop::reactor::Splicing;

use callgrind::Profile;
use scenario::Scenario;

/// Something that is counted.
struct Figure {
    name: &'static str,
    subject: Subject,
    /// Operations of the shorter run.
    operations: usize,
    /// The most instructions that one may take.
    limit: u64,
}

enum Subject {
    Alone(Scenario),
    /// The daemon in this mode, with these options, and options of the generator.
    Daemon(&'static str, &'static str, &'static str),
}

use Subject::{Alone, Daemon};

/// The limits are what was counted last and a little more, for other compilers and, with a whole daemon, for how many
/// messages come in a turn. One that is too high by more than a tenth
/// fails as well: it would let the next slow-down pass.
const FIGURES: &[Figure] = &[
    figure("echo", Alone(Scenario::Echo), 262),
    figure("relay-copied", Alone(Scenario::Relay(Splicing::Never)), 284),
    figure(
        "relay-adaptive",
        Alone(Scenario::Relay(Splicing::Adaptive)),
        290,
    ),
    figure(
        "relay-spliced",
        Alone(Scenario::Relay(Splicing::Always)),
        565,
    ),
    figure("chat", Alone(Scenario::Chat), 1410),
    figure("pairing", Alone(Scenario::Pairing), 5050),
    figure("pairing-by-name", Alone(Scenario::Hello), 15_100),
    figure("daemon-echo", Daemon("echo", "", "--connections 50"), 332),
    figure(
        "daemon-relay-copied",
        Daemon("relay", "--no-splice", "--rooms 50"),
        324,
    ),
    figure(
        "daemon-relay-adaptive",
        Daemon("relay", "", "--rooms 50"),
        331,
    ),
];

const fn figure(name: &'static str, subject: Subject, limit: u64) -> Figure {
    Figure {
        name,
        subject,
        operations: 10_000,
        limit,
    }
}

/// The argument with which this program does one scenario itself, under callgrind.
const ALONE: &str = "--alone";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, name, operations] = &arguments[..]
        && first == ALONE
    {
        let operations = operations.parse().expect("a number");
        match find(name).subject {
            Alone(scenario) => scenario.run(operations),
            Daemon(..) => panic!("{name} is not done alone"),
        }
        return ExitCode::SUCCESS;
    }
    if !callgrind::is_installed() {
        eprintln!("nothing was counted: there is no valgrind here (apt-get install valgrind)");
        return ExitCode::FAILURE;
    }
    // Cargo says --bench.
    let (options, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.starts_with("--"));
    let functions = options.iter().any(|option| *option == "--functions");
    let figures: Vec<&Figure> = match names[..] {
        [] => FIGURES.iter().collect(),
        _ => names.iter().map(|name| find(name)).collect(),
    };
    println!("instructions per operation   counted   limit");
    let failed = figures.iter().filter(|figure| !figure.holds(functions));
    match failed.count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn find(name: &str) -> &'static Figure {
    FIGURES
        .iter()
        .find(|figure| figure.name == name)
        .unwrap_or_else(|| panic!("nothing here is called {name}"))
}

impl Figure {
    /// Counts, prints, and compares with the limit.
    fn holds(&self, functions: bool) -> bool {
        let [once, twice] = [1, 2].map(|times| self.profile(times * self.operations));
        let more = twice.instructions() - once.instructions();
        let counted = more.div_ceil(self.operations as u64);
        let verdict = if counted > self.limit {
            "  TOO MANY"
        } else if counted < self.limit * 9 / 10 {
            "  far fewer: lower the limit"
        } else {
            ""
        };
        println!("{:<28} {counted:>7} {:>7}{verdict}", self.name, self.limit);
        if functions {
            for (name, cost) in twice.beyond(&once) {
                let each = cost as f64 / self.operations as f64;
                if each >= 1.0 {
                    println!("    {each:>8.1}  {name}");
                }
            }
        }
        verdict.is_empty()
    }

    fn profile(&self, operations: usize) -> Profile {
        let out = common::scratch("callgrind.out");
        match self.subject {
            Alone(_) => self.run_alone(&out, operations),
            Daemon(mode, options, load) => daemon::run(&out, mode, options, load, operations),
        }
        let profile = Profile::read(&out);
        // They would pile up; the last is kept if something goes wrong before.
        let _ = std::fs::remove_file(&out);
        profile
    }

    fn run_alone(&self, out: &Path, operations: usize) {
        let program = env::current_exe().expect("this program has a path");
        // Counting is off until the border is first crossed.
        let border = kernel::BORDER.map(|name| format!("--toggle-collect={name}"));
        let mut command = callgrind::command(out, &border, program.as_os_str());
        command.args([ALONE, self.name, &operations.to_string()]);
        let status = command.status().expect("valgrind starts");
        assert!(status.success(), "{} failed: {status}", self.name);
    }
}
