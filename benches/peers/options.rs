//! What is to be measured, from the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::axes::{AXES, Axis};
use crate::peer::PEERS;
use crate::section::Section;

/// Measure pairloop side by side with other programs
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench peers --")]
pub struct Options {
    /// One short run of each: whether all works, not how fast
    #[arg(long, conflicts_with = "write_readme")]
    pub quick: bool,

    /// Only these: echo, messages, bulk, discard, connect, memory, crowd, start, or programs for all of them; transfers,
    /// throughput, waiting, or transit for all of them
    #[arg(long, value_name = "AXIS,...", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Only these peers, and pairloop; names as in the tables
    #[arg(
        long,
        value_name = "PEER,...",
        value_delimiter = ',',
        conflicts_with = "write_readme"
    )]
    pub peers: Vec<String>,

    /// Runs of each, of which the median counts
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,

    /// Seconds that a run measures, after a third to three times that for warming up
    #[arg(long, value_name = "S", default_value = "1")]
    pub seconds: f64,

    /// Where all results go, as JSON
    #[arg(long, value_name = "FILE", default_value = "target/peers/results.json")]
    pub json: PathBuf,

    /// Put the tables into README.md: all, or with --only those of programs or of transit
    #[arg(long)]
    pub write_readme: bool,

    /// First install the transit relay into target/peers (from PyPI)
    #[arg(long)]
    pub install: bool,

    /// Cargo says it to every benchmark, and not when it runs them as tests
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// # Errors
    /// If a name is not one, or tables in README.md would lack what was not measured.
    pub fn check(&self) -> Result<(), String> {
        let in_part = |axis: &Axis| self.wants_axis(axis) && !self.wants_section(axis.section);
        if self.write_readme && AXES.iter().any(in_part) {
            return Err("--write-readme replaces all tables, or with --only programs or --only transit all of these".into());
        }
        let axis = |name: &&String| !AXES.iter().any(|axis| axis.has_name(name));
        let peer = |name: &&String| !PEERS.iter().any(|peer| peer.name == **name);
        let strange = self.only.iter().find(axis);
        match strange.or(self.peers.iter().find(peer)) {
            Some(name) => Err(format!("`{name}` is neither an axis nor a peer")),
            None => Ok(()),
        }
    }

    pub fn runs(&self) -> u32 {
        if self.quick { 1 } else { self.runs }
    }

    pub fn seconds(&self) -> f64 {
        if self.quick { 0.3 } else { self.seconds }
    }

    pub fn wants_axis(&self, axis: &Axis) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| axis.has_name(only))
    }

    /// Whether it is to be measured whole.
    pub fn wants_section(&self, section: Section) -> bool {
        section.axes().all(|axis| self.wants_axis(axis))
    }

    pub fn wants_peer(&self, name: &str) -> bool {
        let mut axes = AXES.iter().filter(|axis| self.wants_axis(axis));
        let wanted = self.peers.is_empty()
            || name.starts_with("pairloop")
            || self.peers.iter().any(|peer| peer == name);
        wanted && axes.any(|axis| axis.peers.contains(&name))
    }
}
