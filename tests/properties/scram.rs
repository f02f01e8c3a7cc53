//! What holds for every message of a login: only the one right answer gets in, on both sides.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pairloop::limits::{LONGEST_SCRAM, MAX_ITERATIONS, MIN_ITERATIONS};
use pairloop::scram::{Refusal, Secret, client, server};

const SALT: &[u8] = b"a salt of sixteen";
const SNONCE: &str = "3rfcNHYJY1ZVvWVs7j";
const CNONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// One honest exchange.
struct Honest {
    secret: Secret,
    first: String,
    server_first: String,
    last: String,
    server_last: String,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let secret = Secret::new("pencil", SALT, MIN_ITERATIONS).expect("a password");
    let client = client();
    let first = client.first();
    let (server, server_first) = serve(first.as_bytes(), &secret).expect("it is honest");
    let (last, _) = client.answer(server_first.as_bytes()).expect("so is this");
    let server_last = server.finish(last.as_bytes(), |_| secret.clone());
    Honest {
        server_last: server_last.expect("it is the right password"),
        secret,
        first,
        server_first,
        last,
    }
});

/// The first byte says which message is not an honest one, and whether the rest is that message, or an edit of the
/// honest one.
pub fn check(bytes: &[u8]) {
    let Some((&mode, bytes)) = bytes.split_first() else {
        return;
    };
    let honest = |message: &str| match mode & 8 {
        0 => bytes.to_vec(),
        _ => edited(message, bytes),
    };
    match mode & 7 {
        0 | 1 => hears_first(&honest(&HONEST.first)),
        2 | 3 => hears_last(&honest(&HONEST.last)),
        4 => client_hears_first(&honest(&HONEST.server_first)),
        5 => client_hears_last(&honest(&HONEST.server_last)),
        6 => is_a_secret(&honest(&HONEST.secret.to_string())),
        _ => is_a_name(bytes),
    }
}

fn client() -> client::Exchange {
    client::Exchange::new("user", "pencil", CNONCE).expect("a name and a password")
}

fn serve(first: &[u8], secret: &Secret) -> Result<(server::Exchange, String), Refusal> {
    server::Exchange::begin(first, SNONCE, |_| secret.clone())
}

/// The message with some bytes replaced, put in or taken out: three bytes each, where, how and what.
fn edited(message: &str, edits: &[u8]) -> Vec<u8> {
    let mut message = message.as_bytes().to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(edit[0]) % (message.len() + 1);
        match edit[1] % 3 {
            0 => message.insert(at, edit[2]),
            1 if at < message.len() => message[at] = edit[2],
            2 if at < message.len() => _ = message.remove(at),
            _ => {}
        }
    }
    message
}

/// The server hears this first.
fn hears_first(first: &[u8]) {
    let Ok((server, answer)) = serve(first, &HONEST.secret) else {
        return;
    };
    assert!(first.len() <= LONGEST_SCRAM);
    let text = str::from_utf8(first).expect("a message is text");
    // The name as it was written, and the nonce with the server's behind it.
    let name = server.name().replace('=', "=3D").replace(',', "=2C");
    assert!(
        !name.is_empty() && text.contains(&format!("n={name},r=")),
        "{text}"
    );
    let nonce = answer.split(',').next().expect("there is a nonce");
    let own = nonce
        .strip_suffix(SNONCE)
        .expect("the server's is behind it");
    assert!(own.len() > 2 && text.contains(own));
    assert!(answer.ends_with(&format!(
        ",s={},i={MIN_ITERATIONS}",
        BASE64_STANDARD.encode(SALT)
    )));
    // The proof is about everything that was said: it fits to no other beginning.
    let is_the_same = text == HONEST.first;
    let finished = server.finish(HONEST.last.as_bytes(), |_| HONEST.secret.clone());
    assert_eq!(finished.is_ok(), is_the_same, "{text}");
}

/// The server hears this in the end.
fn hears_last(last: &[u8]) {
    for (secret, exists) in [
        (HONEST.secret.clone(), true),
        (Secret::decoy(SALT, MIN_ITERATIONS), false),
    ] {
        let (server, _) = serve(HONEST.first.as_bytes(), &secret).expect("it is honest");
        let finished = server.finish(last, |_| secret.clone());
        let right = exists && last == HONEST.last.as_bytes();
        assert_eq!(finished.is_ok(), right, "{:?}", last.escape_ascii());
    }
}

/// The client hears this first. How often a password is hashed is chosen by the server: nothing is calculated here that
/// takes long.
fn client_hears_first(message: &[u8]) {
    let asked = iterations(message);
    if asked.is_some_and(|asked| asked > MIN_ITERATIONS && asked <= MAX_ITERATIONS) {
        return;
    }
    let Ok((last, _)) = client().answer(message) else {
        return;
    };
    assert_eq!(asked, Some(MIN_ITERATIONS), "it takes too few, or too many");
    let message = str::from_utf8(message).expect("a message is text");
    let nonce = message.split(',').next().expect("there is a nonce");
    assert!(nonce.starts_with(&format!("r={CNONCE}")) && nonce.len() > 2 + CNONCE.len());
    assert!(last.starts_with(&format!("c=biws,{nonce},p=")));
    let (server, _) = serve(HONEST.first.as_bytes(), &HONEST.secret).expect("it is honest");
    let finished = server.finish(last.as_bytes(), |_| HONEST.secret.clone());
    assert_eq!(
        finished.is_ok(),
        message == HONEST.server_first,
        "{message}"
    );
}

/// What is behind the first `i=`, if that is a number.
fn iterations(message: &[u8]) -> Option<u32> {
    let message = str::from_utf8(message).ok()?;
    let (_, number) = message.split_once(",i=")?;
    number.split(',').next()?.parse().ok()
}

/// The client hears this in the end.
fn client_hears_last(message: &[u8]) {
    // Only one that has the form is worth the time that a proof takes.
    let (_, proven) = match message.starts_with(b"v=") && message.len() == HONEST.server_last.len()
    {
        true => client()
            .answer(HONEST.server_first.as_bytes())
            .expect("it is honest"),
        false => return,
    };
    let verified = proven.verify(message);
    assert_eq!(verified.is_ok(), message == HONEST.server_last.as_bytes());
}

/// What is read from a file of users is written as it was read.
fn is_a_secret(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    if let Ok(secret) = text.parse::<Secret>() {
        assert!((MIN_ITERATIONS..=MAX_ITERATIONS).contains(&secret.iterations));
        let written = secret.to_string();
        let again: Secret = written.parse().expect("it was written by us");
        assert_eq!(again.to_string(), written);
        assert_eq!(text, written);
    }
}

/// Any name and password that a client takes make a message that the server takes, with the name that was prepared.
fn is_a_name(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let Ok(client) = client::Exchange::new(text, text, CNONCE) else {
        return;
    };
    let first = client.first();
    match serve(first.as_bytes(), &HONEST.secret) {
        Ok((server, _)) => {
            let again = client::Exchange::new(server.name(), "pencil", CNONCE);
            assert_eq!(again.map(|again| again.first()), Ok(first));
        }
        Err(refusal) => assert_eq!(
            (refusal, first.len() > LONGEST_SCRAM),
            (Refusal::TooLong, true)
        ),
    }
}
