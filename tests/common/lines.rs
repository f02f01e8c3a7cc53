//! The output of a process.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use super::DEADLINE;

/// What a process writes, line by line, read all the time so that it never has to wait.
pub struct Lines {
    name: &'static str,
    receiver: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    pub fn of(name: &'static str, pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, receiver) = channel();
        if let Some(pipe) = pipe {
            let mut pipe = BufReader::new(pipe);
            thread::spawn(move || {
                let mut line = Vec::new();
                while pipe
                    .read_until(b'\n', &mut line)
                    .is_ok_and(|bytes| bytes > 0)
                {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if sender.send(text).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            name,
            receiver,
            seen: Vec::new(),
        }
    }

    /// The next line; `None` if there will be none.
    pub fn next(&mut self) -> Option<String> {
        match self.receiver.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("nothing on {} after {:#?}", self.name, self.seen)
            }
        }
    }

    /// The next line that contains this; those before it are passed over.
    pub fn find(&mut self, part: &str) -> String {
        let begin = Instant::now();
        while begin.elapsed() < DEADLINE {
            match self.next() {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => break,
            }
        }
        panic!("no {part:?} on {} in {:#?}", self.name, self.seen)
    }

    /// Whether a line with this has come by now; those before it are passed over.
    pub fn has(&mut self, part: &str) -> Option<String> {
        while let Ok(line) = self.receiver.try_recv() {
            self.seen.push(line.clone());
            if line.contains(part) {
                return Some(line);
            }
        }
        None
    }

    /// All lines up to the end of the process.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// The line that was read last.
    pub fn last(&self) -> &str {
        self.seen.last().map_or("", |line| line)
    }
}
