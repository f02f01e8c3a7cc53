//! What is to be measured, from the command line.

use clap::Parser;

use crate::attack::{ATTACKS, Attack};

/// Measure what cheap attacks cost: the attacker, the daemon, and a room that nobody attacks
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench attacks --")]
pub struct Options {
    /// One short run of each: whether all works, not how much
    #[arg(long, conflicts_with = "write_readme")]
    pub quick: bool,

    /// Only these
    #[arg(long, value_name = "ATTACK,...", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Runs of each, in which attack and control come first in turns; medians count
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,

    /// Seconds that the room is measured in each phase of a run: quiet, attacked, just after, control
    #[arg(long, value_name = "S", default_value = "2")]
    pub seconds: f64,

    /// Attacking connections at one time
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u16).range(2..=16000))]
    pub connections: u16,

    /// Put the table into README.md
    #[arg(long, conflicts_with = "only")]
    pub write_readme: bool,

    /// Cargo says it to every benchmark, and not when it runs them as tests
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// # Errors
    /// If there is no such attack.
    pub fn check(&self) -> Result<(), String> {
        let unknown = |name: &&String| !ATTACKS.iter().any(|attack| attack.name == **name);
        match self.only.iter().find(unknown) {
            Some(name) => {
                let names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
                Err(format!(
                    "there is no `{name}`: choose of {}",
                    names.join(", ")
                ))
            }
            None => Ok(()),
        }
    }

    pub fn wants(&self, attack: &Attack) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == attack.name)
    }

    pub fn runs(&self) -> u32 {
        if self.quick { 1 } else { self.runs }
    }

    pub fn seconds(&self) -> f64 {
        if self.quick { 0.25 } else { self.seconds }
    }

    pub fn connections(&self) -> usize {
        if self.quick {
            600
        } else {
            self.connections.into()
        }
    }
}
