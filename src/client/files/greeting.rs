//! The first line of each side of a transfer. Pure.

use std::fmt;

use super::FilesError;

/// What it begins with, and the version behind that.
const PROTOCOL: &str = "PAIRLOOP-FILES";
const VERSION: &str = "1";

/// Bytes that are read of the other side's, its end included.
pub const LONGEST: usize = 64;

/// What a side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Send,
    Receive,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Send => "send",
            Role::Receive => "receive",
        })
    }
}

impl Role {
    /// What a side with this role says first.
    pub fn greeting(self) -> String {
        format!("{PROTOCOL} {VERSION} {self}\n")
    }
}

/// Looks at the other side's first line, or as much of it as was read.
///
/// # Errors
/// If whoever says it does not take the other part of the same conversation.
pub fn understand(line: &[u8], own: Role) -> Result<(), FilesError> {
    let line = std::str::from_utf8(line).map_err(|_| FilesError::Stranger)?;
    let words = line.strip_suffix('\n').ok_or(FilesError::Stranger)?;
    let mut words = words.split(' ');
    if words.next() != Some(PROTOCOL) {
        return Err(FilesError::Stranger);
    }
    match (words.next(), words.next()) {
        (Some(VERSION), Some("send")) if own == Role::Receive => Ok(()),
        (Some(VERSION), Some("receive")) if own == Role::Send => Ok(()),
        (Some(VERSION), Some("send" | "receive")) => Err(FilesError::SameRole(own)),
        (Some(VERSION), _) | (None, _) => Err(FilesError::Stranger),
        (Some(theirs), _) => Err(FilesError::Version {
            theirs: theirs.into(),
            own: VERSION,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_other_role_of_this_version_is_understood() {
        assert!(understand(b"PAIRLOOP-FILES 1 receive\n", Role::Send).is_ok());
        assert!(understand(b"PAIRLOOP-FILES 1 send\n", Role::Receive).is_ok());
        for (line, words) in [
            (&b"PAIRLOOP-FILES 1 send\n"[..], "both send"),
            (b"PAIRLOOP-FILES 12 receive more\n", "speaks version 12"),
            (b"PAIRLOOP-FILES \x1b[2J receive\n", "version \\u{1b}[2J"),
            (b"PAIRLOOP-FILES 1 relay\n", "no pairloop send"),
            (b"PAIRLOOP-FILES 1 receive", "no pairloop send"),
            (b"PAIRLOOP-FILES\n", "no pairloop send"),
            (b"GET / HTTP/1.1\r\n", "no pairloop send"),
            (b"\xff\n", "no pairloop send"),
            (b"", "no pairloop send"),
        ] {
            let error = understand(line, Role::Send).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
