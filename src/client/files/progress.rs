//! What is said about a transfer: a bar on a terminal, a line for each file, or JSON.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

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

/// How a file came to be on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Whole,
    Continued { at: u64 },
    AlreadyThere,
}

impl Fate {
    /// Of a file of this size of which so many bytes were there.
    pub fn of(start: u64, size: u64) -> Self {
        match start {
            0 => Fate::Whole,
            _ if start == size => Fate::AlreadyThere,
            at => Fate::Continued { at },
        }
    }
}

pub struct Progress {
    style: Style,
    verb: &'static str,
    bar: ProgressBar,
    /// The file that is under way.
    name: String,
    text: String,
    size: u64,
    files: u64,
    bytes: u64,
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
            name: String::new(),
            text: String::new(),
            size: 0,
            files: 0,
            bytes: 0,
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

    pub fn file(&mut self, name: &Name, size: u64) {
        self.name = name.to_string();
        self.text = name.text().into_owned();
        self.size = size;
        self.bar.set_message(self.name.clone());
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

    /// The file is in place.
    pub fn kept(&mut self, fate: Fate, sha256: &str) {
        self.files += 1;
        self.bytes += self.size;
        let (verb, name, size) = (self.verb, &self.name, self.size);
        match self.style {
            Style::Quiet => {}
            Style::Lines => self.line(&match fate {
                Fate::Whole => format!("{verb} {name} ({size} bytes)"),
                Fate::Continued { at } => {
                    format!("{verb} {name} ({size} bytes, continued at {at})")
                }
                Fate::AlreadyThere => format!("{name} was there already ({size} bytes)"),
            }),
            Style::Json => {
                let mut object = Object::default();
                object.text("event", "file");
                object.text("name", &self.text);
                object.raw("bytes", &size.to_string());
                object.text("sha256", sha256);
                let start = match fate {
                    Fate::Whole => 0,
                    Fate::Continued { at } => at,
                    Fate::AlreadyThere => size,
                };
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
                self.line(&format!("{verb} {files} file{plural}, {bytes} bytes"));
            }
            Style::Json => {
                let mut object = Object::default();
                object.text("event", "done");
                object.raw("files", &files.to_string());
                object.raw("bytes", &bytes.to_string());
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
