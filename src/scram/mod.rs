//! SCRAM-SHA-256 (RFC 5802, RFC 7677): both prove that they know the password, and neither says it.
//!
//! ```text
//! client                                                  server
//!    n,,n=NAME,r=CNONCE                        client-first ->
//!    <- server-first   r=CNONCE SNONCE,s=SALT,i=ITERATIONS
//!    c=biws,r=CNONCE SNONCE,p=PROOF            client-final ->
//!    <- server-final                           v=SIGNATURE
//! ```
//!
//! Pure: messages in, messages out; nonces come from the caller. PBKDF2, which is slow on purpose, runs in the client
//! and where a password is set; a login costs the server three runs of HMAC and one of the hash.
//!
//! Channel binding is not offered: it ties a login to the TLS connection around it, and here there is none.

pub mod client;
mod keys;
mod message;
mod secret;
pub mod server;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use secret::{Secret, SecretError};

pub(crate) use keys::{Key, hmac};

/// Why an exchange fails: what one side refuses of the other's messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("a SCRAM message is too long")]
    TooLong,
    #[error("a SCRAM message is not text")]
    NotText,
    #[error("a SCRAM message has no {0}= where one must be")]
    Missing(char),
    #[error("{0}= is malformed")]
    Malformed(char),
    #[error("a mandatory extension is not known")]
    Extension,
    #[error("channel binding is not offered")]
    ChannelBinding,
    #[error("nobody may act for another user")]
    Authzid,
    #[error("the nonce is not the one of this exchange")]
    Nonce,
    /// Of the server: also if there is no such user.
    #[error("wrong user name or password")]
    Credentials,
    #[error("a password may not be empty, and may have no control characters")]
    Password,
    #[error("a user name may not be empty, and may have no control characters")]
    Name,
    #[error("the server asks for {0} iterations: {min} to {max} are sensible",
        min = crate::limits::MIN_ITERATIONS, max = crate::limits::MAX_ITERATIONS)]
    Iterations(u32),
    #[error("the server refused: {0}")]
    Server(String),
    #[error("the server could not prove that it knows the password")]
    Signature,
}
