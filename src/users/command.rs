//! `pairloop user`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::args::{Action, AddArgs, ListArgs, RemoveArgs, UserArgs};
use super::{Line, LineError, file, lines};
use crate::console;
use crate::limits::SALT;
use crate::password::{PasswordError, ask_twice, read_password};
use crate::scram::{self, Secret};

/// Why `pairloop user` failed.
#[derive(Debug, Error)]
pub enum UserError {
    #[error("cannot read {path}: {error}", path = .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("cannot write {path}: {error}", path = .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error(
        "{path} needs {needed} bytes of memory, and this process may take only {left} more: raise its limit (ulimit -v)",
        path = .path.display()
    )]
    Memory {
        path: PathBuf,
        needed: usize,
        left: usize,
    },
    #[error("{path}, {error}", path = .path.display())]
    Line { path: PathBuf, error: LineError },
    #[error("{name} is in {path} already: --replace gives a new password", path = .path.display())]
    Present { name: String, path: PathBuf },
    #[error("there is no {name} in {path}", path = .path.display())]
    Absent { name: String, path: PathBuf },
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Unusable(#[from] scram::Refusal),
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Adds, removes or lists users.
///
/// # Errors
/// If the file can't be read or written, has a bad line, or does not have what is to be changed; if there is no password.
pub fn user(args: &UserArgs) -> Result<(), UserError> {
    match &args.action {
        Action::Add(args) => add(args),
        Action::Remove(args) => remove(args),
        Action::List(args) => list(args),
    }
}

fn add(args: &AddArgs) -> Result<(), UserError> {
    let AddArgs { name, file, .. } = args;
    // Now, because nobody likes to think of a password in vain; and again below, where nobody can come between.
    let text = file::read(file)?.unwrap_or_default();
    place(args, &parsed(file, &text)?)?;
    let password = if args.password_stdin {
        read_password(&mut io::stdin().lock())?
    } else {
        ask_twice(&format!("Password for {name}: "))?
    };
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)?;
    let secret = Secret::new(&password, &salt, args.iterations)?;
    let line = format!("{name}:{secret}");
    file::edit(file, |text| {
        let text = text.unwrap_or_default();
        let place = place(args, &parsed(file, text)?)?;
        Ok(match place {
            Some(number) => with_line(text, number, Some(&line)),
            None => appended(text, &line),
        })
    })
}

/// The number of the line that is to be replaced, if one is.
fn place(args: &AddArgs, lines: &[Line]) -> Result<Option<usize>, UserError> {
    let number = find(lines, &args.name);
    if number.is_some() && !args.replace {
        return Err(UserError::Present {
            name: args.name.clone(),
            path: args.file.clone(),
        });
    }
    Ok(number)
}

fn remove(args: &RemoveArgs) -> Result<(), UserError> {
    let RemoveArgs { name, file } = args;
    file::edit(file, |text| {
        let text = text.ok_or_else(|| missing(file))?;
        let number = find(&parsed(file, text)?, name).ok_or_else(|| UserError::Absent {
            name: name.clone(),
            path: file.clone(),
        })?;
        Ok(with_line(text, number, None))
    })
}

fn list(args: &ListArgs) -> Result<(), UserError> {
    let text = file::read(&args.file)?.ok_or_else(|| missing(&args.file))?;
    let lines = parsed(&args.file, &text)?;
    let names = lines.iter().map(|line| format!("{}\n", line.name));
    console::print(names.collect::<String>().as_bytes()).map_err(UserError::Output)
}

fn parsed(path: &Path, text: &str) -> Result<Vec<Line>, UserError> {
    lines(text).map_err(|error| UserError::Line {
        path: path.to_owned(),
        error,
    })
}

pub(super) fn missing(path: &Path) -> UserError {
    UserError::Read {
        path: path.to_owned(),
        error: rustix::io::Errno::NOENT.into(),
    }
}

fn find(lines: &[Line], name: &str) -> Option<usize> {
    let line = lines.iter().find(|line| line.name == name)?;
    Some(line.number)
}

fn appended(text: &str, line: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{end}{line}\n")
}

/// The text with another line in the place of this one, or with none; every other line stays as it is.
fn with_line(text: &str, number: usize, line: Option<&str>) -> String {
    let mut new = String::new();
    for (at, old) in (1..).zip(text.split_inclusive('\n')) {
        match line {
            _ if at != number => new.push_str(old),
            Some(line) => new = appended(&new, line),
            None => {}
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_line_stays_as_it_is() {
        for (text, number, line, expected) in [
            ("a\nb\nc\n", 2, Some("B"), "a\nB\nc\n"),
            ("a\r\nb\r\n\n # c", 2, Some("B"), "a\r\nB\n\n # c"),
            ("a\nb", 2, Some("B"), "a\nB\n"),
            ("a\nb\nc", 2, None, "a\nc"),
            ("a", 1, None, ""),
        ] {
            assert_eq!(with_line(text, number, line), expected, "{text:?}");
        }
        assert_eq!(appended("", "a"), "a\n");
        assert_eq!(appended("a\n", "b"), "a\nb\n");
        assert_eq!(appended("a", "b"), "a\nb\n");
    }
}
