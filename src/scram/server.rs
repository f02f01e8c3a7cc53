//! The server's side.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use super::message::{ClientFinal, ClientFirst};
use super::{Refusal, Secret, keys};

/// A login of which the proof is still to come.
pub struct Exchange {
    name: String,
    secret: Secret,
    /// What `c=` and `r=` must be.
    binding: String,
    nonce: String,
    /// client-first-bare and server-first: the part of AuthMessage that is known by now.
    so_far: String,
}

impl Exchange {
    /// Takes client-first and answers server-first. `nonce` is the server's part: printable ASCII without commas,
    /// random, and never used twice. `find` must answer something for unknown names too, since the exchange goes on
    /// the same way for them: a [decoy](Secret::decoy).
    ///
    /// # Errors
    /// If the message is not one, or wants what is not offered.
    pub fn begin(
        client_first: &[u8],
        nonce: &str,
        find: impl FnOnce(&str) -> Secret,
    ) -> Result<(Self, String), Refusal> {
        let first = ClientFirst::parse(client_first)?;
        let secret = find(&first.name);
        let nonce = format!("{}{nonce}", first.nonce);
        let salt = BASE64_STANDARD.encode(&secret.salt);
        let server_first = format!("r={nonce},s={salt},i={}", secret.iterations);
        let exchange = Self {
            name: first.name.to_string(),
            secret,
            binding: BASE64_STANDARD.encode(first.gs2_header),
            nonce,
            so_far: format!("{},{server_first}", first.bare),
        };
        Ok((exchange, server_first))
    }

    /// Who wants to log in; anything that fits into a message until that has succeeded.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes client-final and answers server-final: the client has proved that it knows the password.
    ///
    /// # Errors
    /// If it has not, or the message is not one of this exchange.
    pub fn finish(self, client_final: &[u8]) -> Result<String, Refusal> {
        let message = ClientFinal::parse(client_final)?;
        if message.binding != self.binding {
            return Err(Refusal::ChannelBinding);
        }
        if message.nonce != self.nonce {
            return Err(Refusal::Nonce);
        }
        let auth_message = format!("{},{}", self.so_far, message.without_proof);
        let signature = keys::hmac(&self.secret.stored_key, auth_message.as_bytes());
        let client_key = keys::xor(&message.proof, &signature);
        // In constant time, or how long it takes would tell how much was right.
        let is_right = keys::hash(&client_key).ct_eq(&self.secret.stored_key);
        if !bool::from(is_right) {
            return Err(Refusal::Credentials);
        }
        let signature = keys::hmac(&self.secret.server_key, auth_message.as_bytes());
        Ok(format!("v={}", BASE64_STANDARD.encode(signature)))
    }
}
