//! Passwords, from a terminal that does not show them or from a pipe.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::io::{read, retry_on_intr};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr, ttyname,
};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::emulate_default_handler;
use thiserror::Error;

use crate::limits::LONGEST_PASSWORD;

/// The environment variable that a client's password may come from.
pub(crate) const VARIABLE: &str = "PAIRLOOP_PASSWORD";

/// Why there is no password.
#[derive(Debug, Error)]
pub enum PasswordError {
    #[error("cannot ask for the password on a terminal: {0}: --help names other ways")]
    NoTerminal(io::Error),
    #[error("cannot ask for the password on a terminal: {0}: use --password-file or {VARIABLE}")]
    Unasked(io::Error),
    #[error("cannot read the password from {path}: {error}", path = .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("cannot read the password: {0}")]
    Read(io::Error),
    #[error("no password was given")]
    Empty,
    #[error("a password is text in UTF-8, in one line of up to {LONGEST_PASSWORD} bytes")]
    NotALine,
    #[error("the two passwords are not the same")]
    Differ,
}

/// The password that is all there is to read; a line end behind it is not part of it.
///
/// # Errors
/// If there is none, or more than one line.
pub fn read_password(from: &mut impl Read) -> Result<String, PasswordError> {
    let mut bytes = Vec::new();
    // Two for the line end, and one to see that there is more.
    let most = LONGEST_PASSWORD as u64 + 3;
    from.take(most)
        .read_to_end(&mut bytes)
        .map_err(PasswordError::Read)?;
    one_line(bytes)
}

/// The password with which a client logs in: from this file, from `PAIRLOOP_PASSWORD`, or from who sits at the terminal.
/// Never from an argument, which every user of the machine can read.
///
/// # Errors
/// If there is none, or no terminal to ask on.
pub fn password(user: &str, file: Option<&Path>) -> Result<String, PasswordError> {
    if let Some(path) = file {
        let mut file = File::open(path).map_err(|error| PasswordError::File {
            path: path.to_owned(),
            error,
        })?;
        return read_password(&mut file);
    }
    if let Some(password) = std::env::var_os(VARIABLE) {
        return one_line(password.into_vec());
    }
    let terminal = Silent::open().map_err(PasswordError::Unasked)?;
    terminal.ask(&format!("Password for {user}: "))
}

/// The password that is typed twice. The question and the answer go to the terminal itself, wherever the standard
/// streams lead.
///
/// # Errors
/// If there is no terminal, nothing is typed, or not the same twice.
pub fn ask_twice(question: &str) -> Result<String, PasswordError> {
    let terminal = Silent::open().map_err(PasswordError::NoTerminal)?;
    let password = terminal.ask(question)?;
    if terminal.ask("Once more: ")? != password {
        return Err(PasswordError::Differ);
    }
    Ok(password)
}

/// A terminal that does not show what is typed, as long as this exists.
///
/// Its keys make no signals meanwhile, since one that ends the process would leave it like that. Ctrl-C ends the line
/// instead, and then the process; no handler is needed, which could not be taken away again.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn open() -> io::Result<Self> {
        let terminal = terminal()?;
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        modes.local_modes |= LocalModes::ECHONL | LocalModes::ICANON;
        modes.special_codes[SpecialCodeIndex::VEOL] = before.special_codes[SpecialCodeIndex::VINTR];
        set(&terminal, &modes)?;
        Ok(Self { terminal, before })
    }

    fn ask(&self, question: &str) -> Result<String, PasswordError> {
        let mut terminal = &self.terminal;
        terminal
            .write_all(question.as_bytes())
            .map_err(PasswordError::Read)?;
        // A terminal gives a line at a time, and none that is longer than this.
        let mut line = [0; 4096];
        let bytes = retry_on_intr(|| read(terminal, &mut line))
            .map_err(|error| PasswordError::Read(error.into()))?;
        let line = &line[..bytes];
        if line.last() == Some(&self.before.special_codes[SpecialCodeIndex::VINTR]) {
            self.set_back();
            let _ = terminal.write_all(b"\n");
            // The process ends by the signal, which tells a script from a failure.
            let _ = emulate_default_handler(SIGINT);
        }
        one_line(line.to_vec())
    }

    fn set_back(&self) {
        // If the terminal is gone, so is what it would show.
        let _ = set(&self.terminal, &self.before);
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.set_back();
    }
}

/// The terminal of standard input, or if something else comes from there, the one on which the command was started.
fn terminal() -> io::Result<File> {
    let stdin = io::stdin();
    let name = if stdin.is_terminal() {
        ttyname(&stdin, Vec::new()).ok()
    } else {
        None
    };
    let path = name.as_deref().map_or(Path::new("/dev/tty"), |name| {
        Path::new(OsStr::from_bytes(name.to_bytes()))
    });
    File::options().read(true).write(true).open(path)
}

/// What was typed before the question is thrown away.
fn set(terminal: impl AsFd, modes: &Termios) -> io::Result<()> {
    Ok(tcsetattr(terminal, OptionalActions::Flush, modes)?)
}

fn one_line(bytes: Vec<u8>) -> Result<String, PasswordError> {
    let mut line = String::from_utf8(bytes).map_err(|_| PasswordError::NotALine)?;
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    }
    match line.len() {
        0 => Err(PasswordError::Empty),
        length if length > LONGEST_PASSWORD || line.contains('\n') => Err(PasswordError::NotALine),
        _ => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        let read = |bytes: &[u8]| read_password(&mut &bytes[..]).map_err(|error| error.to_string());
        let longest = "a".repeat(LONGEST_PASSWORD);
        for (bytes, password) in [
            ("pencil", "pencil"),
            ("pencil\n", "pencil"),
            ("pencil\r\n", "pencil"),
            (" pen cil \n", " pen cil "),
            (&longest, &longest),
            (&format!("{longest}\r\n"), &longest),
        ] {
            assert_eq!(read(bytes.as_bytes()), Ok(password.to_owned()));
        }
        let not_a_line = Err(PasswordError::NotALine.to_string());
        for bytes in ["pen\ncil", "pencil\n\n", &format!("{longest}a")] {
            assert_eq!(read(bytes.as_bytes()), not_a_line, "{bytes:?}");
        }
        assert_eq!(read(b"\xFF\n"), not_a_line);
        for bytes in ["", "\n", "\r\n"] {
            let empty = Err(PasswordError::Empty.to_string());
            assert_eq!(read(bytes.as_bytes()), empty);
        }
    }
}
