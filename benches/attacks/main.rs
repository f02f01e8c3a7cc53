//! What cheap attacks cost: the attacker, the daemon, and a room that nobody attacks. `cargo bench --bench attacks`.
//!
//! The attacker is a thread of this program on a core of its own. On the other core are the daemon and the generator whose
//! rooms nobody attacks, and a second daemon. The attacker and whoever it attacks need processor time, and a room would feel
//! that whichever program it went to. So there is a control: the same attack on the second daemon, from the same
//! core on the same core. What the room feels more when its own daemon is attacked is what the daemon does to it: a loop
//! that is held up, a turn that is too long. And what the second daemon uses meanwhile is all spent on the attack.

mod attack;
mod attacker;
#[path = "../begin.rs"]
mod begin;
#[path = "../../tests/common/mod.rs"]
mod common;
mod connection;
mod dial;
#[path = "../peers/machine.rs"]
#[expect(dead_code, reason = "programs that are started are started otherwise")]
mod machine;
#[path = "../peers/marks.rs"]
mod marks;
mod measure;
mod options;
mod table;

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::time::Instant;

use attack::ATTACKS;
use machine::Machine;
use options::Options;
use table::MOST;

const COMMAND: &str = "cargo bench --bench attacks -- --write-readme";

fn main() -> ExitCode {
    begin::begin("attacks", run)
}

fn run(options: &Options) -> Result<(), String> {
    options.check()?;
    let private = machine::enter_namespace();
    let machine = Machine::prepare(private).map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let mut results = Vec::new();
    for attack in ATTACKS.iter().filter(|attack| options.wants(attack)) {
        if stderr().is_terminal() {
            eprintln!("{}: {}", attack.name, attack.what);
        }
        results.push(measure::attack(&machine, options, attack));
    }
    let mut text = format!(
        "{} attacking connections on {}; medians of {} runs of {} s. Latency of the room in us: p50 / p99 / p99.9 / max.\n",
        options.connections(),
        machine.describe(),
        options.runs(),
        options.seconds()
    );
    for shortcoming in &machine.shortcomings {
        text += &format!("**Not fair: {shortcoming}.**\n");
    }
    text += &format!("\n{}", table::table(&results, options.connections()));
    println!("{text}\n{}", table::legend(&results));
    println!("{} s", begin.elapsed().as_secs());
    if options.write_readme {
        marks::replace(COMMAND, &text)?;
    }
    for result in results.iter().filter(|result| table::ratio(result) > MOST) {
        println!(
            "{}: the room's p99 is more than {MOST} times that of the control",
            result.attack.name
        );
    }
    let failed = results.iter().flat_map(|result| {
        let words = |why| format!("{}: {why}", result.attack.name);
        result.failures.iter().map(words)
    });
    match failed.collect::<Vec<_>>() {
        failed if failed.is_empty() => Ok(()),
        failed => Err(failed.join("\n")),
    }
}
