//! Runs programs under valgrind's callgrind and reads what it has counted.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Instructions by function, of the function itself.
pub struct Profile(BTreeMap<String, u64>);

/// Whether there is a valgrind.
pub fn is_installed() -> bool {
    let mut version = Command::new("valgrind");
    version.arg("--version").stdout(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// A command under callgrind, which counts into the file when it ends. What it has to say goes to another beside it.
pub fn command(out: &Path, options: &[String], program: &OsStr) -> Command {
    let mut log = PathBuf::from(out);
    log.set_extension("log");
    let file = |option: &str, path: &Path| format!("--{option}={}", path.display());
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(file("callgrind-out-file", out))
        .arg(file("log-file", &log))
        .args(options)
        .arg(program);
    command
}

impl Profile {
    /// Reads callgrind's file (valgrind's manual, "Callgrind Format Specification").
    pub fn read(out: &Path) -> Self {
        let text = fs::read(out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
        let text = String::from_utf8_lossy(&text);
        // A name is written out once and then stands for its number: `fn=(7) main`, later `fn=(7)`.
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut functions: BTreeMap<String, u64> = BTreeMap::new();
        let mut function = "";
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let (key, value) = line.split_once('=').unwrap_or(("", line));
            if key == "fn" || key == "cfn" {
                let (number, name) = value.split_once(' ').unwrap_or((value, ""));
                let known = names.entry(number).or_insert(name);
                if key == "fn" {
                    function = known;
                }
            } else if key == "calls" {
                // The line behind it is what the callee took.
                lines.next();
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            {
                let cost = line
                    .split(' ')
                    .nth(1)
                    .and_then(|cost| cost.parse::<u64>().ok());
                let cost = cost.unwrap_or_else(|| panic!("not a cost: {line:?}"));
                *functions.entry(function.to_owned()).or_default() += cost;
            }
        }
        Self(functions)
    }

    pub fn instructions(&self) -> u64 {
        self.0.values().sum()
    }

    /// The functions by what they took more than in another profile, the most expensive first.
    pub fn beyond(&self, other: &Self) -> Vec<(&str, u64)> {
        let more = self.0.iter().map(|(name, &cost)| {
            let before = other.0.get(name).copied().unwrap_or(0);
            (name.as_str(), cost.saturating_sub(before))
        });
        let mut more: Vec<_> = more.collect();
        more.sort_by_key(|&(_, cost)| std::cmp::Reverse(cost));
        more
    }
}
