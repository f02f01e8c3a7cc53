//! The users: a file of names with what is kept of their passwords, and `pairloop user`, which keeps it.
//!
//! One user a line, `NAME:SECRET`, where the secret has PostgreSQL's form (see [`Secret`]). A name is 1 to 64 of `A-Z a-z 0-9 . _ -`.
//! Lines that are empty or begin with `#` are passed over.

mod args;
mod command;
mod file;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use log::warn;
use thiserror::Error;

use crate::limits::{DEFAULT_ITERATIONS, LONGEST_NAME, SALT, USERS_MEMORY};
use crate::memory;
use crate::scram::{Key, Secret, SecretError, hmac};

pub use args::UserArgs;
pub use command::{UserError, user};

/// Everybody who may log in.
pub struct Users {
    // Clients choose what is looked up, so the map keeps std's hash, which they can't foresee.
    by_name: HashMap<String, Secret>,
    decoys: Decoys,
}

/// What is wrong with a line of the file.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct LineError {
    line: usize,
    fault: Fault,
}

#[derive(Debug, PartialEq, Eq, Error)]
enum Fault {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{0}")]
    Name(String),
    #[error("{name} is in line {line} already")]
    Twice { name: String, line: usize },
}

impl Users {
    /// The users of the file at this path. Who is not in it is given the same salt as long as its first user's line is the
    /// same. A file that anybody can read is warned of.
    ///
    /// # Errors
    /// If it can't be read, or has a line that is not one.
    pub fn load(path: &Path) -> Result<Self, UserError> {
        let needed = Self::memory(path);
        if let Some(left) = memory::left().filter(|&left| left < needed) {
            let path = path.to_owned();
            return Err(UserError::Memory { path, needed, left });
        }
        let text = file::read(path)?.ok_or_else(|| command::missing(path))?;
        let first = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'));
        // Whoever knows this line knows more than which names are not here.
        let decoy_key = hmac(b"pairloop decoys", first.unwrap_or_default().as_bytes());
        let users = Self::parse(&text, decoy_key).map_err(|error| UserError::Line {
            path: path.to_owned(),
            error,
        })?;
        if let Some(mode) = file::public_mode(path) {
            let path = path.display();
            warn!(
                "{path} has mode {mode:04o}: whoever reads it can try passwords: chmod 600 {path}, and let it belong to the daemon's user"
            );
        }
        Ok(users)
    }

    /// Bytes of memory that reading this file takes, as far as its length tells.
    pub fn memory(path: &Path) -> usize {
        let length = std::fs::metadata(path).map_or(0, |file| file.len());
        usize::try_from(length).map_or(usize::MAX, |length| length.saturating_mul(USERS_MEMORY))
    }

    /// The users of a file. Whoever has the `decoy_key` can tell which names are not in it; as long as it is the same,
    /// so are the salts that those are given.
    ///
    /// # Errors
    /// If a line is not one, or a name is there twice.
    pub fn parse(text: &str, decoy_key: Key) -> Result<Self, LineError> {
        let lines = lines(text)?;
        let decoys = Decoys::like(lines.iter().map(|line| &line.secret), decoy_key);
        let by_name = lines.into_iter();
        Ok(Self {
            by_name: by_name.map(|line| (line.name, line.secret)).collect(),
            decoys,
        })
    }

    /// The secret of this user; of whoever is not one, a decoy. Both are found in the same steps.
    pub fn secret(&self, name: &str) -> Secret {
        // Made in any case, so that the time it takes does not tell who exists.
        let decoy = self.decoys.secret(name);
        self.by_name.get(name).cloned().unwrap_or(decoy)
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// How users who do not exist look: like most of those who do.
struct Decoys {
    key: Key,
    iterations: u32,
    salt: usize,
}

impl Decoys {
    fn like<'a>(secrets: impl Iterator<Item = &'a Secret>, key: Key) -> Self {
        let mut counts: HashMap<(u32, usize), usize> = HashMap::new();
        for secret in secrets {
            *counts
                .entry((secret.iterations, secret.salt.len()))
                .or_default() += 1;
        }
        // Of two that are as frequent, always the same.
        let usual = counts
            .into_iter()
            .max_by_key(|&(look, count)| (count, look));
        let (iterations, salt) = usual.map_or((DEFAULT_ITERATIONS, SALT), |(look, _)| look);
        Self {
            key,
            iterations,
            salt,
        }
    }

    fn secret(&self, name: &str) -> Secret {
        let salt = hmac(&self.key, name.as_bytes());
        Secret::decoy(&salt[..self.salt], self.iterations)
    }
}

/// A line with a user.
struct Line {
    /// Counted from 1.
    number: usize,
    name: String,
    secret: Secret,
}

/// The lines that have users, in their order.
fn lines(text: &str) -> Result<Vec<Line>, LineError> {
    let mut lines = Vec::new();
    let mut seen = HashMap::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at_line = |fault| LineError {
            line: number,
            fault,
        };
        let (name, secret) = user_line(line).map_err(at_line)?;
        match seen.entry(name.clone()) {
            Entry::Vacant(place) => place.insert(number),
            Entry::Occupied(first) => {
                let line = *first.get();
                return Err(at_line(Fault::Twice { name, line }));
            }
        };
        lines.push(Line {
            number,
            name,
            secret,
        });
    }
    Ok(lines)
}

fn user_line(line: &str) -> Result<(String, Secret), Fault> {
    let (name, secret) = line.split_once(':').ok_or(SecretError::Shape)?;
    Ok((user_name(name).map_err(Fault::Name)?, secret.parse()?))
}

/// A user's name, if it can be one.
pub(crate) fn user_name(text: &str) -> Result<String, String> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_usual) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a user's name is 1 to {LONGEST_NAME} of A-Z a-z 0-9 . _ -"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
        wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    fn line(name: &str, iterations: u32, salt: &str) -> String {
        format!("{name}:SCRAM-SHA-256${iterations}:{salt}${KEYS}\n")
    }

    fn alice() -> String {
        line("alice", 4096, "W22ZaJ0SNY7soEsUEjb6gQ==")
    }

    fn users(text: &str) -> Users {
        Users::parse(text, [7; 32]).unwrap()
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        let text = format!("# people\n\n \t\n  {}\r\n#bob:\n", alice().trim());
        let users = users(&text);
        assert_eq!(users.len(), 1);
        let secret = users.secret("alice");
        assert_eq!(format!("alice:{secret}\n"), alice());
        assert!(Users::parse("", [7; 32]).unwrap().is_empty());
    }

    #[test]
    fn a_bad_line_is_named() {
        let name = "a user's name is 1 to 64 of A-Z a-z 0-9 . _ -";
        for (text, words) in [
            ("alice", "expected NAME:SCRAM-SHA-256$"),
            ("alice:secret", "expected NAME:SCRAM-SHA-256$"),
            (&alice().replace("alice", ""), name),
            (&alice().replace("alice", "al ice"), name),
            (&alice().replace("alice", "\u{E9}"), name),
            (&alice().replace("alice", &"a".repeat(65)), name),
            (&alice().replace("4096", "1"), "4096 to 1000000 iterations"),
            (&alice(), "alice is in line 2 already"),
        ] {
            let text = format!("# people\n{}\n{text}\n", alice());
            let error = Users::parse(&text, [7; 32]).err().unwrap().to_string();
            assert!(error.starts_with("line 4: "), "{error}");
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn names_are_what_they_are() {
        let longest = "a".repeat(64);
        for good in ["alice", "Alice", "a", "a.b_c-9", "-", &longest] {
            assert_eq!(user_name(good), Ok(good.to_owned()));
        }
        let text = alice() + &alice().replace("alice", "Alice");
        assert_eq!(users(&text).len(), 2);
    }

    #[test]
    fn whoever_does_not_exist_has_a_salt_that_stays_the_same() {
        let one = users(&alice());
        let two = users(&(alice() + &alice().replace("alice", "bob")));
        let decoy = one.secret("mallory");
        assert_eq!(decoy.salt, two.secret("mallory").salt);
        assert_ne!(decoy.salt, one.secret("mallorz").salt);
        let other_key = Users::parse(&alice(), [8; 32]).unwrap();
        assert_ne!(decoy.salt, other_key.secret("mallory").salt);
    }

    #[test]
    fn whoever_does_not_exist_looks_like_most_who_do() {
        let salts = ["c2FsdHNhbHQ=", "c2FsdHNhbHRzYWx0c2FsdA=="];
        let text = line("a", 5000, salts[0])
            + &line("b", 6000, salts[1])
            + &line("c", 6000, salts[1])
            + &line("d", 6000, salts[0]);
        let look = |text: &str| {
            let decoy = users(text).secret("mallory");
            (decoy.iterations, decoy.salt.len())
        };
        assert_eq!(look(&text), (6000, 16));
        assert_eq!(look(&line("a", 5000, salts[0])), (5000, 8));
        assert_eq!(look(""), (DEFAULT_ITERATIONS, SALT));
    }
}
