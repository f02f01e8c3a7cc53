//! What is said about a transfer: a bar on a terminal, a line for each file, or JSON.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::frame::Digest;
use super::hex;
use super::names::Name;
use crate::console::{self, printable};
use crate::json::Object;

/// What the bar shows: which file, how much of everything, how fast, and how long it still takes.
const BAR: &str = "{wide_msg} {bytes}/{total_bytes} {bytes_per_sec} {eta}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Lines,
    Json,
    Quiet,
}

pub struct Progress {
    style: Style,
    verb: &'static str,
    bar: ProgressBar,
    /// What is in place.
    files: u64,
    bytes: u64,
    /// Files that did not have to be sent.
    there: u64,
}

impl Progress {
    pub fn new(verb: &'static str, json: bool, quiet: bool) -> Self {
        let style = match (json, quiet) {
            (true, _) => Style::Json,
            (false, true) => Style::Quiet,
            (false, false) => Style::Lines,
        };
        Self {
            style,
            verb,
            bar: ProgressBar::hidden(),
            files: 0,
            bytes: 0,
            there: 0,
        }
    }

    /// The partner is not there yet.
    pub fn waits(&self) {
        self.hint("waiting for the partner");
    }

    /// The partner is there, at this address.
    pub fn meets(&self, partner: &str) {
        self.hint(&format!("connected with {}", printable(partner)));
    }

    /// Something for whoever sits in front of a terminal.
    fn hint(&self, words: &str) {
        if self.style == Style::Lines && io::stderr().is_terminal() {
            console::STDERR.write_line(format!("-- {words}\n").as_bytes());
        }
    }

    /// So many bytes are to go. The bar is on standard error, and hides by itself if that is no terminal.
    pub fn begins(&mut self, bytes: u64) {
        if self.style == Style::Lines {
            let style = ProgressStyle::with_template(BAR).expect("a template");
            self.bar = ProgressBar::new(bytes).with_style(style);
        }
    }

    /// This file is under way.
    pub fn file(&mut self, name: &Name) {
        self.bar.set_message(name.to_string());
    }

    /// So many bytes of the file need not be sent.
    pub fn skip(&mut self, bytes: u64) {
        self.bar.inc(bytes);
        if bytes > 0 {
            // They say nothing about how fast the rest will be.
            self.bar.reset_eta();
        }
    }

    pub fn advance(&mut self, bytes: usize) {
        self.bar.inc(bytes as u64);
    }

    /// A file is in place; of its bytes, this side began with the one at `start`.
    pub fn kept(&mut self, name: &Name, size: u64, start: u64, digest: &Digest) {
        let was_there = start == size && size > 0;
        self.there += u64::from(was_there);
        self.files += u64::from(!was_there);
        self.bytes += size - start;
        let verb = self.verb;
        match self.style {
            Style::Quiet => {}
            Style::Lines => self.line(&match start {
                0 => format!("{verb} {name} ({size} bytes)"),
                _ if was_there => format!("{name} was there already ({size} bytes)"),
                _ => format!("{verb} {name} ({size} bytes, continued at {start})"),
            }),
            Style::Json => {
                let mut object = Object::default();
                object.text("event", "file");
                object.text("name", &name.text());
                object.raw("bytes", &size.to_string());
                object.text("sha256", &hex(digest));
                object.raw("start", &start.to_string());
                self.line(&object.finish());
            }
        }
    }

    /// Everything is in place.
    pub fn done(&mut self) {
        self.bar.finish_and_clear();
        let (verb, files, bytes) = (self.verb, self.files, self.bytes);
        match self.style {
            Style::Quiet => {}
            Style::Lines => {
                let plural = if files == 1 { "" } else { "s" };
                let there = match self.there {
                    0 => String::new(),
                    1 => ", 1 was there already".into(),
                    there => format!(", {there} were there already"),
                };
                self.line(&format!(
                    "{verb} {files} file{plural}, {bytes} bytes{there}"
                ));
            }
            Style::Json => {
                let mut object = Object::default();
                object.text("event", "done");
                object.raw("files", &files.to_string());
                object.raw("bytes", &bytes.to_string());
                object.raw("there", &self.there.to_string());
                self.line(&object.finish());
            }
        }
    }

    /// It is over, and not everything is in place.
    pub fn failed(&mut self, error: &impl Display) {
        self.bar.finish_and_clear();
        if self.style == Style::Json {
            let mut object = Object::default();
            object.text("event", "failed");
            object.text("error", &error.to_string());
            object.raw("files", &self.files.to_string());
            object.raw("bytes", &self.bytes.to_string());
            self.line(&object.finish());
        }
    }

    /// A line on standard output. The transfer goes on even if nobody wants to read it.
    fn line(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stdout(), "{line}");
        });
    }
}
