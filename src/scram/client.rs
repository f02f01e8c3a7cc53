//! The client's side.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use super::Refusal;
use super::keys::{self, Key};
use super::message::{ServerFinal, ServerFirst, escaped};
use crate::limits::{MAX_ITERATIONS, MIN_ITERATIONS};

/// No channel binding, nobody acted for; and the same in base64.
const GS2_HEADER: &str = "n,,";
const BINDING: &str = "biws";

/// A login that has not been answered yet.
pub struct Exchange {
    bare: String,
    nonce: String,
    password: String,
}

/// A login whose proof is under way.
#[derive(Debug)]
pub struct Proven {
    server_signature: Key,
}

impl Exchange {
    /// `nonce` is printable ASCII without commas, random, and never used twice.
    ///
    /// # Errors
    /// If name or password can't be one.
    pub fn new(name: &str, password: &str, nonce: &str) -> Result<Self, Refusal> {
        let name = keys::prepared(name).map_err(|_| Refusal::Name)?;
        Ok(Self {
            bare: format!("n={},r={nonce}", escaped(&name)),
            nonce: nonce.to_owned(),
            password: keys::prepared(password)?.into_owned(),
        })
    }

    /// client-first
    pub fn first(&self) -> String {
        format!("{GS2_HEADER}{}", self.bare)
    }

    /// Takes server-first and answers client-final. Slow: this is PBKDF2, as often as the server asks for.
    ///
    /// # Errors
    /// If the message is not one of this exchange. If it asks for so few iterations that it may want the proof only to
    /// guess the password, or for so many that the client would be busy for ever.
    pub fn answer(self, server_first: &[u8]) -> Result<(String, Proven), Refusal> {
        let first = ServerFirst::parse(server_first)?;
        match first.nonce.strip_prefix(&self.nonce) {
            None | Some("") => return Err(Refusal::Nonce),
            Some(_) => {}
        }
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&first.iterations) {
            return Err(Refusal::Iterations(first.iterations));
        }
        let salted_password = keys::salted_password(&self.password, &first.salt, first.iterations);
        let without_proof = format!("c={BINDING},r={}", first.nonce);
        let auth_message = format!("{},{},{without_proof}", self.bare, first.message);
        let client_key = keys::client_key(&salted_password);
        let signature = keys::hmac(&keys::hash(&client_key), auth_message.as_bytes());
        let proof = BASE64_STANDARD.encode(keys::xor(&client_key, &signature));
        let server_key = keys::server_key(&salted_password);
        let proven = Proven {
            server_signature: keys::hmac(&server_key, auth_message.as_bytes()),
        };
        Ok((format!("{without_proof},p={proof}"), proven))
    }
}

impl Proven {
    /// Takes server-final: the server has proved that it knows the user's keys, and so that it is the right one.
    ///
    /// # Errors
    /// If it has not, or says why it refuses.
    pub fn verify(self, server_final: &[u8]) -> Result<(), Refusal> {
        match ServerFinal::parse(server_final)? {
            ServerFinal::Refused(error) => Err(Refusal::Server(error.to_owned())),
            ServerFinal::Signature(signature)
                if bool::from(signature.ct_eq(&self.server_signature)) =>
            {
                Ok(())
            }
            ServerFinal::Signature(_) => Err(Refusal::Signature),
        }
    }
}
