//! What the server keeps of a password.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;

use super::Refusal;
use super::keys::{self, Key};
use super::message::number;
use crate::limits::{MAX_ITERATIONS, MAX_SALT, MIN_ITERATIONS, MIN_SALT};

const MECHANISM: &str = "SCRAM-SHA-256";

/// The keys of one user, from which the password can only be guessed.
///
/// Its text is PostgreSQL's: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, in base64.
#[derive(Clone)]
pub struct Secret {
    pub iterations: u32,
    pub salt: Vec<u8>,
    pub(super) stored_key: Key,
    pub(super) server_key: Key,
}

impl Secret {
    /// The secret of this password. Slow: this is PBKDF2.
    ///
    /// # Errors
    /// If the password is none.
    pub fn new(password: &str, salt: &[u8], iterations: u32) -> Result<Self, Refusal> {
        let password = keys::prepared(password)?;
        let salted_password = keys::salted_password(&password, salt, iterations);
        Ok(Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: keys::hash(&keys::client_key(&salted_password)),
            server_key: keys::server_key(&salted_password),
        })
    }

    /// What is shown for a user who does not exist. No password fits: nobody knows what hashes to zeros.
    pub fn decoy(salt: &[u8], iterations: u32) -> Self {
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Key::default(),
            server_key: Key::default(),
        }
    }
}

/// What is wrong with the text of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("expected NAME:{MECHANISM}$<iterations>:<salt>$<StoredKey>:<ServerKey>")]
    Shape,
    #[error("there must be {MIN_ITERATIONS} to {MAX_ITERATIONS} iterations")]
    Iterations,
    #[error("the salt must be {MIN_SALT} to {MAX_SALT} bytes in base64")]
    Salt,
    #[error("a key must be 32 bytes in base64")]
    Key,
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let parts = || {
            let rest = text.strip_prefix(MECHANISM)?.strip_prefix('$')?;
            let (cost, keys) = rest.split_once('$')?;
            Some((cost.split_once(':')?, keys.split_once(':')?))
        };
        let ((iterations, salt), (stored_key, server_key)) = parts().ok_or(SecretError::Shape)?;
        let key = |text| {
            let bytes = BASE64_STANDARD.decode(text).ok();
            bytes.and_then(|bytes| Key::try_from(bytes).ok())
        };
        Ok(Self {
            iterations: number(iterations)
                .filter(|iterations| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(iterations))
                .ok_or(SecretError::Iterations)?,
            salt: BASE64_STANDARD
                .decode(salt)
                .ok()
                .filter(|salt| (MIN_SALT..=MAX_SALT).contains(&salt.len()))
                .ok_or(SecretError::Salt)?,
            stored_key: key(stored_key).ok_or(SecretError::Key)?,
            server_key: key(server_key).ok_or(SecretError::Key)?,
        })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored_key, server_key] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|b| BASE64_STANDARD.encode(b));
        let iterations = self.iterations;
        write!(
            f,
            "{MECHANISM}${iterations}:{salt}${stored_key}:{server_key}"
        )
    }
}

/// Keys do not belong into logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PostgreSQL keeps of `pencil` with this salt.
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
        WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_secret_is_written_as_postgresql_writes_it() {
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let secret = Secret::new("pencil", &salt, 4096).unwrap();
        assert_eq!(secret.to_string(), PENCIL);
        let read: Secret = PENCIL.parse().unwrap();
        assert_eq!(read.to_string(), PENCIL);
    }

    #[test]
    fn what_is_no_secret_is_named() {
        for (from, to, error) in [
            ("SCRAM-SHA-256", "SCRAM-SHA-1", SecretError::Shape),
            ("SCRAM-SHA-256$", "SCRAM-SHA-256", SecretError::Shape),
            ("$WG", ":WG", SecretError::Shape),
            ("=:w", "=$w", SecretError::Shape),
            ("4096", "4095", SecretError::Iterations),
            ("4096", "1000001", SecretError::Iterations),
            ("4096", "99999999999", SecretError::Iterations),
            ("4096", "many", SecretError::Iterations),
            // It would be printed in another way.
            ("4096", "04096", SecretError::Iterations),
            ("4096", "+4096", SecretError::Iterations),
            ("W22ZaJ0SNY7soEsUEjb6gQ==", "", SecretError::Salt),
            ("W22ZaJ0SNY7soEsUEjb6gQ==", "W22ZaA==", SecretError::Salt),
            ("6gQ==", "6gQ", SecretError::Salt),
            ("qY=", "qY", SecretError::Key),
            ("dU=", "dU=\n", SecretError::Key),
            ("WG5d8oPm", "", SecretError::Key),
        ] {
            let text = PENCIL.replacen(from, to, 1);
            assert_ne!(text, PENCIL, "{from} is there");
            assert_eq!(text.parse::<Secret>().err(), Some(error), "{text}");
        }
    }

    #[test]
    fn the_same_password_from_another_keyboard_is_the_same() {
        let secret = |password| Secret::new(password, b"salt", 1).map(|secret| secret.to_string());
        // The table of RFC 4013, section 3, and an accent in two ways.
        for (one, other) in [
            ("I\u{AD}X", "IX"),
            ("\u{AA}", "a"),
            ("\u{2168}", "IX"),
            ("caf\u{E9}", "cafe\u{301}"),
            ("no\u{A0}break", "no break"),
        ] {
            assert_eq!(secret(one), secret(other), "{one:?}");
        }
        assert_ne!(secret("user"), secret("USER"));
        for bad in ["", "\u{AD}", "bell\u{7}", "\u{627}1"] {
            assert_eq!(secret(bad), Err(Refusal::Password), "{bad:?}");
        }
    }
}
