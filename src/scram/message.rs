//! The four messages (RFC 5802, section 7): attributes in a fixed order, with commas between them.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Refusal;
use super::keys::Key;
use crate::limits::LONGEST_SCRAM;

/// `n,,n=NAME,r=NONCE`
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    /// `n,,`: no channel binding.
    pub gs2_header: &'a str,
    /// What is behind that.
    pub bare: &'a str,
    pub name: Cow<'a, str>,
    pub nonce: &'a str,
}

/// `r=NONCE,s=SALT,i=ITERATIONS`
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    pub message: &'a str,
    pub nonce: &'a str,
    pub salt: Vec<u8>,
    pub iterations: u32,
}

/// `c=BINDING,r=NONCE,p=PROOF`
#[derive(Debug)]
pub(super) struct ClientFinal<'a> {
    pub without_proof: &'a str,
    /// The GS2 header once more, in base64.
    pub binding: &'a str,
    pub nonce: &'a str,
    pub proof: Key,
}

/// `v=SIGNATURE` or `e=ERROR`
#[derive(Debug)]
pub(super) enum ServerFinal<'a> {
    Signature(Key),
    Refused(&'a str),
}

impl<'a> ClientFirst<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let message = text(message)?;
        let (flag, rest) = message.split_once(',').ok_or(Refusal::Missing('n'))?;
        match flag {
            // `y`: the client could bind to a channel, and thinks that this server can't. It is right.
            "n" | "y" => {}
            flag if flag.starts_with("p=") => return Err(Refusal::ChannelBinding),
            _ => return Err(Refusal::Missing('n')),
        }
        let (authzid, bare) = rest.split_once(',').ok_or(Refusal::Missing('n'))?;
        let mut attributes = Attributes::of(bare);
        let name = unescaped('n', attributes.next('n')?)?;
        let nonce = attributes.nonce()?;
        attributes.extensions()?;
        if !authzid.is_empty() {
            let authzid = authzid.strip_prefix("a=").ok_or(Refusal::Malformed('a'))?;
            if unescaped('a', authzid)? != name {
                return Err(Refusal::Authzid);
            }
        }
        let gs2_header = &message[..message.len() - bare.len()];
        Ok(Self {
            gs2_header,
            bare,
            name,
            nonce,
        })
    }
}

impl<'a> ServerFirst<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let message = text(message)?;
        let mut attributes = Attributes::of(message);
        let nonce = attributes.nonce()?;
        let salt = decoded('s', attributes.next('s')?)?;
        let iterations = number(attributes.next('i')?);
        attributes.extensions()?;
        Ok(Self {
            message,
            nonce,
            salt,
            iterations: iterations.ok_or(Refusal::Malformed('i'))?,
        })
    }
}

impl<'a> ClientFinal<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let message = text(message)?;
        // The proof is the last, whatever extensions come before it, and no value has a comma.
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Refusal::Missing('p'))?;
        let mut attributes = Attributes::of(without_proof);
        let binding = attributes.next('c')?;
        let nonce = attributes.nonce()?;
        attributes.extensions()?;
        Ok(Self {
            without_proof,
            binding,
            nonce,
            proof: key('p', proof)?,
        })
    }
}

impl<'a> ServerFinal<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let message = text(message)?;
        let mut attributes = Attributes::of(message);
        let parsed = if message.starts_with("e=") {
            Self::Refused(attributes.next('e')?)
        } else {
            Self::Signature(key('v', attributes.next('v')?)?)
        };
        attributes.extensions()?;
        Ok(parsed)
    }
}

/// Attributes that are still to be read.
struct Attributes<'a>(std::str::Split<'a, char>);

impl<'a> Attributes<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.split(','))
    }

    /// The value of the next attribute, which must be this one.
    fn next(&mut self, name: char) -> Result<&'a str, Refusal> {
        let attribute = self.0.next().ok_or(Refusal::Missing(name))?;
        match attribute.split_once('=') {
            Some(("m", _)) => Err(Refusal::Extension),
            Some((found, "")) if found.chars().eq([name]) => Err(Refusal::Malformed(name)),
            Some((found, value)) if found.chars().eq([name]) => Ok(value),
            _ => Err(Refusal::Missing(name)),
        }
    }

    fn nonce(&mut self) -> Result<&'a str, Refusal> {
        let nonce = self.next('r')?;
        if nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(nonce)
        } else {
            Err(Refusal::Malformed('r'))
        }
    }

    /// What remains may be passed over, if only it has the form.
    fn extensions(self) -> Result<(), Refusal> {
        for attribute in self.0 {
            let (name, value) = attribute.split_once('=').ok_or(Refusal::Malformed('?'))?;
            match name.as_bytes() {
                b"m" => return Err(Refusal::Extension),
                // Those that have a meaning have a place as well.
                [name @ (b'a' | b'c' | b'e' | b'i' | b'n' | b'p' | b'r' | b's' | b'v')] => {
                    return Err(Refusal::Malformed(char::from(*name)));
                }
                [name] if name.is_ascii_alphabetic() && !value.is_empty() => {}
                _ => return Err(Refusal::Malformed('?')),
            }
        }
        Ok(())
    }
}

fn text(message: &[u8]) -> Result<&str, Refusal> {
    if message.len() > LONGEST_SCRAM {
        return Err(Refusal::TooLong);
    }
    let text = std::str::from_utf8(message).map_err(|_| Refusal::NotText)?;
    if text.contains(char::is_control) {
        return Err(Refusal::NotText);
    }
    Ok(text)
}

fn decoded(name: char, value: &str) -> Result<Vec<u8>, Refusal> {
    BASE64_STANDARD
        .decode(value)
        .map_err(|_| Refusal::Malformed(name))
}

fn key(name: char, value: &str) -> Result<Key, Refusal> {
    Key::try_from(decoded(name, value)?).map_err(|_| Refusal::Malformed(name))
}

/// A number as messages and secrets have it: without a sign, and without zeros in front (`posit-number`).
pub(super) fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_number)
}

/// A name with its commas and equals signs hidden from the syntax.
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescaped(attribute: char, value: &str) -> Result<Cow<'_, str>, Refusal> {
    if !value.contains('=') {
        return Ok(value.into());
    }
    let mut parts = value.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match part.split_at_checked(2) {
            Some(("2C", rest)) => (',', rest),
            Some(("3D", rest)) => ('=', rest),
            _ => return Err(Refusal::Malformed(attribute)),
        };
        name.push(sign);
        name.push_str(rest);
    }
    Ok(name.into())
}
