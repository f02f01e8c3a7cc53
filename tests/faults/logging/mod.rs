//! What is written for operators, and nobody takes: it costs lines, which are counted, and nothing else.

#![cfg(target_os = "linux")]

mod console;
mod flood;
mod usage;

use std::path::Path;

use crate::common::{Daemon, Signal};

/// How many lines for `stream` the daemon has dropped, by its statistics file.
fn dropped(daemon: &Daemon, file: &Path, stream: &str) -> u64 {
    daemon.signal(Signal::USR2);
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let name = format!("pairloop_dropped_lines_total{{stream=\"{stream}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().unwrap())
}
