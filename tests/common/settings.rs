//! A configuration file, and what a command that ends by itself says.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::{Daemon, Signal, program, scratch};

/// A configuration file.
pub struct File(PathBuf);

impl File {
    pub fn of(test: &str, text: &str) -> Self {
        let file = Self(scratch(&format!("{test}.toml")));
        file.is(text);
        file
    }

    /// From now on this is in it. It is replaced whole, since the daemon may be reading it.
    pub fn is(&self, text: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, text).expect("it can be written");
        fs::rename(&next, &self.0).expect("it can be replaced");
    }

    /// `pairloop serve` with this file.
    pub fn serve(&self) -> Command {
        let mut command = program();
        command.args(["serve", "--config"]).arg(&self.0);
        command
    }

    pub fn name(&self) -> String {
        self.0.display().to_string()
    }
}

impl Daemon {
    /// Reloads, and answers the first line that is said of the configuration.
    pub fn reconfigure(&mut self, file: &File) -> String {
        self.signal(Signal::HUP);
        self.stderr.find(&file.name())
    }
}

/// What a command that ends by itself says.
#[track_caller]
pub fn said(mut command: Command, code: i32) -> (String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
    (stdout, stderr)
}
