//! From a password to keys, and from keys to proofs (RFC 5802, section 3).

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Refusal;

pub(crate) type Key = [u8; 32];

pub(crate) fn hmac(key: &[u8], text: &[u8]) -> Key {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.chain_update(text).finalize().into_bytes().into()
}

pub(super) fn hash(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

pub(super) fn xor(left: &Key, right: &Key) -> Key {
    std::array::from_fn(|index| left[index] ^ right[index])
}

/// What the keys are made from. The password is [`prepared`].
pub(super) fn salted_password(password: &str, salt: &[u8], iterations: u32) -> Key {
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations)
}

pub(super) fn client_key(salted_password: &Key) -> Key {
    hmac(salted_password, b"Client Key")
}

pub(super) fn server_key(salted_password: &Key) -> Key {
    hmac(salted_password, b"Server Key")
}

/// The password as SASLprep (RFC 4013) has it, so that it is the same from every keyboard: é can be one character
/// or two.
pub(super) fn prepared(password: &str) -> Result<Cow<'_, str>, Refusal> {
    let password = stringprep::saslprep(password).map_err(|_| Refusal::Password)?;
    if password.is_empty() {
        return Err(Refusal::Password);
    }
    Ok(password)
}
