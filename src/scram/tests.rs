//! Whole exchanges, the vectors of RFC 7677, and everything that is refused.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Refusal, Secret, client, server};
use crate::limits::{LONGEST_SCRAM, MAX_ITERATIONS, MIN_ITERATIONS};

// RFC 7677, section 3.
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn secret(password: &str) -> Secret {
    let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    Secret::new(password, &salt, MIN_ITERATIONS).unwrap()
}

fn begin(client_first: &str) -> Result<(server::Exchange, String), Refusal> {
    server::Exchange::begin(client_first.as_bytes(), SERVER_NONCE, |_| {
        Secret::decoy(b"whoever", MIN_ITERATIONS)
    })
}

fn answer(server_first: &str) -> Result<(String, client::Proven), Refusal> {
    let exchange = client::Exchange::new("user", "pencil", CLIENT_NONCE)?;
    exchange.answer(server_first.as_bytes())
}

/// A login of this user with this password, as far as it goes.
fn log_in(name: &str, password: &str, secret: &Secret) -> Result<String, Refusal> {
    let client = client::Exchange::new(name, password, CLIENT_NONCE)?;
    let (server, first) =
        server::Exchange::begin(client.first().as_bytes(), SERVER_NONCE, |_| secret.clone())?;
    let name = server.name().to_owned();
    let (answer, proven) = client.answer(first.as_bytes())?;
    let last = server.finish(answer.as_bytes())?;
    proven.verify(last.as_bytes())?;
    Ok(name)
}

#[test]
fn the_example_of_rfc_7677() {
    let client = client::Exchange::new("user", "pencil", CLIENT_NONCE).unwrap();
    assert_eq!(client.first(), CLIENT_FIRST);
    let find = |name: &str| {
        assert_eq!(name, "user");
        secret("pencil")
    };
    let (server, server_first) =
        server::Exchange::begin(CLIENT_FIRST.as_bytes(), SERVER_NONCE, find).unwrap();
    assert_eq!(server_first, SERVER_FIRST);
    let (client_final, proven) = client.answer(SERVER_FIRST.as_bytes()).unwrap();
    assert_eq!(client_final, CLIENT_FINAL);
    assert_eq!(
        server.finish(CLIENT_FINAL.as_bytes()),
        Ok(SERVER_FINAL.into())
    );
    assert_eq!(proven.verify(SERVER_FINAL.as_bytes()), Ok(()));
}

#[test]
fn only_the_password_logs_in() {
    let secret = secret("caf\u{E9}");
    assert_eq!(log_in("user", "cafe\u{301}", &secret), Ok("user".into()));
    assert_eq!(log_in("a=b,c", "caf\u{E9}", &secret), Ok("a=b,c".into()));
    for wrong in ["cafe", "caf\u{E9} ", "CAF\u{C9}"] {
        assert_eq!(log_in("user", wrong, &secret), Err(Refusal::Credentials));
    }
    for (name, password, error) in [
        ("user", "", Refusal::Password),
        ("user", "bell\u{7}", Refusal::Password),
        ("", "pencil", Refusal::Name),
        ("us\ner", "pencil", Refusal::Name),
    ] {
        assert_eq!(log_in(name, password, &secret), Err(error));
    }
}

#[test]
fn a_decoy_is_refused_as_a_wrong_password_is() {
    let decoy = Secret::decoy(b"W22ZaJ0SNY7soEsU", MIN_ITERATIONS);
    assert_eq!(log_in("user", "pencil", &decoy), Err(Refusal::Credentials));
}

#[test]
fn the_first_message_of_a_client() {
    for (message, name) in [
        ("n,,n=user,r=abc", "user"),
        ("y,,n=user,r=abc", "user"),
        ("n,a=user,n=user,r=abc", "user"),
        ("n,a=a=2Cb,n=a=2Cb,r=abc", "a,b"),
        ("n,,n==3D=2C=3D,r=abc", "=,="),
        ("n,,n=\u{FC}ser,r=abc", "\u{FC}ser"),
        ("n,,n=user,r=a=b=,x=later,y=still=later", "user"),
    ] {
        let (exchange, _) = begin(message).unwrap();
        assert_eq!(exchange.name(), name, "{message}");
    }
    for (message, error) in [
        ("", Refusal::Missing('n')),
        ("n", Refusal::Missing('n')),
        ("n,", Refusal::Missing('n')),
        ("n,,", Refusal::Missing('n')),
        ("x,,n=user,r=abc", Refusal::Missing('n')),
        ("n=user,r=abc", Refusal::Missing('n')),
        ("n,,N=user,r=abc", Refusal::Missing('n')),
        ("n,,nn=user,r=abc", Refusal::Missing('n')),
        ("n,,r=abc,n=user", Refusal::Missing('n')),
        ("n,,n=,r=abc", Refusal::Malformed('n')),
        ("n,,n=us=er,r=abc", Refusal::Malformed('n')),
        ("n,,n=user=2c,r=abc", Refusal::Malformed('n')),
        ("n,,n=user=,r=abc", Refusal::Malformed('n')),
        ("n,,n=user=\u{FC},r=abc", Refusal::Malformed('n')),
        ("n,,n=user", Refusal::Missing('r')),
        ("n,,n=user,", Refusal::Missing('r')),
        ("n,,n=us,er,r=abc", Refusal::Missing('r')),
        ("n,,n=user,r=", Refusal::Malformed('r')),
        ("n,,n=user,r=a b", Refusal::Malformed('r')),
        ("n,,n=user,r=\u{FC}", Refusal::Malformed('r')),
        ("n,,n=user,r=abc,r=def", Refusal::Malformed('r')),
        ("n,,n=user,r=abc,", Refusal::Malformed('?')),
        ("n,,n=user,r=abc,x", Refusal::Malformed('?')),
        ("n,,n=user,r=abc,x=", Refusal::Malformed('?')),
        ("n,,n=user,r=abc,xy=1", Refusal::Malformed('?')),
        ("n,,m=1,n=user,r=abc", Refusal::Extension),
        ("n,,n=user,r=abc,m=1", Refusal::Extension),
        ("p=tls-unique,,n=user,r=abc", Refusal::ChannelBinding),
        ("n,a=root,n=user,r=abc", Refusal::Authzid),
        ("n,root,n=user,r=abc", Refusal::Malformed('a')),
        ("n,,n=us\ner,r=abc", Refusal::NotText),
        ("n,,n=user,r=abc\0", Refusal::NotText),
        ("n,,n=\u{85},r=abc", Refusal::NotText),
    ] {
        assert_eq!(begin(message).err(), Some(error), "{message:?}");
    }
}

#[test]
fn a_message_is_bounded_and_text() {
    let message = |length: usize| format!("n,,n=user,r={}", "a".repeat(length - 12));
    assert!(begin(&message(LONGEST_SCRAM)).is_ok());
    assert_eq!(
        begin(&message(LONGEST_SCRAM + 1)).err(),
        Some(Refusal::TooLong)
    );
    let refusal = server::Exchange::begin(b"n,,n=\xFF,r=abc", "def", |_| unreachable!());
    assert_eq!(refusal.err(), Some(Refusal::NotText));
}

#[test]
fn the_last_message_of_a_client() {
    let finish = |first: &str, last: &str| {
        let (exchange, _) =
            server::Exchange::begin(first.as_bytes(), SERVER_NONCE, |_| secret("pencil"))?;
        exchange.finish(last.as_bytes())
    };
    let other_proof = CLIENT_FINAL.replace("p=d", "p=e");
    for (from, to, error) in [
        ("c=biws", "c=eSws", Refusal::ChannelBinding),
        ("c=biws", "c=bixh", Refusal::ChannelBinding),
        ("c=biws", "c=biws=", Refusal::ChannelBinding),
        ("c=biws,", "", Refusal::Missing('c')),
        ("c=biws", "c=", Refusal::Malformed('c')),
        // Neither another nonce, nor half of it, nor more.
        ("r=rO", "r=rP", Refusal::Nonce),
        ("F$k0", "F$k", Refusal::Nonce),
        ("F$k0", "F$k00", Refusal::Nonce),
        ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "", Refusal::Nonce),
        (",r=", ",R=", Refusal::Missing('r')),
        (",p=", ",q=", Refusal::Missing('p')),
        ("VQ=", "VQ", Refusal::Malformed('p')),
        ("VQ=", "VR=", Refusal::Malformed('p')),
        ("dHzb", "", Refusal::Malformed('p')),
        ("=dHzb", "=\u{FC}Hzb", Refusal::Malformed('p')),
        ("dVQ=", "dVQ=,x=1", Refusal::Malformed('p')),
        (",p=", ",m=1,p=", Refusal::Extension),
        (",p=", ",p=x,p=", Refusal::Malformed('p')),
        // An extension is known to both, and so in what is proved.
        (",p=", ",x=1,p=", Refusal::Credentials),
        ("p=d", "p=e", Refusal::Credentials),
    ] {
        let message = CLIENT_FINAL.replacen(from, to, 1);
        assert_ne!(message, CLIENT_FINAL, "{from} is there");
        assert_eq!(finish(CLIENT_FIRST, &message), Err(error), "{message}");
    }
    // What was proved for one exchange is worth nothing in another.
    assert_eq!(
        finish("n,,n=user,r=another", CLIENT_FINAL),
        Err(Refusal::Nonce)
    );
    assert_eq!(
        finish("n,,n=user,r=rOprNGfwEbeRWgbNEkqO,x=1", CLIENT_FINAL),
        Err(Refusal::Credentials)
    );
    assert_eq!(
        finish(CLIENT_FIRST, &other_proof),
        Err(Refusal::Credentials)
    );
    assert_eq!(
        finish(CLIENT_FIRST, &format!("{CLIENT_FINAL}{}", "=".repeat(512))),
        Err(Refusal::TooLong)
    );
}

#[test]
fn the_header_is_repeated_as_it_was() {
    for (first, binding) in [
        ("y,,n=user,r=abc", "c=eSws"),
        ("n,a=user,n=user,r=abc", "c=bixhPXVzZXIs"),
    ] {
        let proof = "A".repeat(43);
        let last = |binding: &str| format!("{binding},r=abc{SERVER_NONCE},p={proof}=");
        let finish = |last: String| begin(first).unwrap().0.finish(last.as_bytes());
        assert_eq!(finish(last(binding)), Err(Refusal::Credentials));
        assert_eq!(finish(last("c=biws")), Err(Refusal::ChannelBinding));
    }
}

#[test]
fn a_server_is_not_trusted_blindly() {
    for (from, to, error) in [
        ("r=rO", "r=rP", Refusal::Nonce),
        ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "", Refusal::Nonce),
        ("r=rO", "m=1,r=rO", Refusal::Extension),
        ("i=4096", "i=4096,m=1", Refusal::Extension),
        ("i=4096", "i=4095", Refusal::Iterations(4095)),
        ("i=4096", "i=1", Refusal::Iterations(1)),
        (
            "i=4096",
            "i=1000001",
            Refusal::Iterations(MAX_ITERATIONS + 1),
        ),
        ("i=4096", "i=99999999999", Refusal::Malformed('i')),
        ("i=4096", "i=0", Refusal::Malformed('i')),
        ("i=4096", "i=+4096", Refusal::Malformed('i')),
        ("i=4096", "i=", Refusal::Malformed('i')),
        (",i=4096", "", Refusal::Missing('i')),
        ("gQ==", "gQ", Refusal::Malformed('s')),
        ("W22ZaJ0SNY7soEsUEjb6gQ==", "", Refusal::Malformed('s')),
        ("s=", "S=", Refusal::Missing('s')),
        ("r=rO", "e=other-error,r=rO", Refusal::Missing('r')),
    ] {
        let message = SERVER_FIRST.replacen(from, to, 1);
        assert_ne!(message, SERVER_FIRST, "{from} is there");
        assert_eq!(answer(&message).err(), Some(error), "{message}");
    }
    let long = format!("{SERVER_FIRST},x={}", "x".repeat(LONGEST_SCRAM));
    assert_eq!(answer(&long).err(), Some(Refusal::TooLong));
    assert!(answer(&format!("{SERVER_FIRST},x=later")).is_ok());
}

#[test]
fn a_server_proves_that_it_knows_the_user() {
    let verify = |message: &str| answer(SERVER_FIRST).unwrap().1.verify(message.as_bytes());
    for (message, error) in [
        ("", Refusal::Missing('v')),
        ("v=", Refusal::Malformed('v')),
        ("v=6rriTRBi23Wp", Refusal::Malformed('v')),
        (
            "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            Refusal::Signature,
        ),
        (
            "e=invalid-proof",
            Refusal::Server("invalid-proof".to_owned()),
        ),
        ("e=", Refusal::Malformed('e')),
        ("e=\x1B[2J", Refusal::NotText),
    ] {
        assert_eq!(verify(message), Err(error), "{message:?}");
    }
    assert_eq!(
        verify(&format!("{SERVER_FINAL},v=")),
        Err(Refusal::Malformed('v'))
    );
    assert_eq!(verify(&format!("{SERVER_FINAL},x=1")), Ok(()));
}

#[test]
fn no_message_makes_it_panic_or_lets_anybody_in() {
    let mut random = fastrand::Rng::with_seed(7677);
    let secret = secret("pencil");
    let messages = [CLIENT_FIRST, SERVER_FIRST, CLIENT_FINAL, SERVER_FINAL];
    for _ in 0..20_000 {
        let message = spoilt(random.choice(messages).unwrap().as_bytes(), &mut random);
        let find = |_: &str| secret.clone();
        if let Ok((exchange, _)) = server::Exchange::begin(&message, SERVER_NONCE, find) {
            assert_ne!(exchange.name(), "");
        }
        let (exchange, _) =
            server::Exchange::begin(CLIENT_FIRST.as_bytes(), SERVER_NONCE, find).unwrap();
        let is_right = message == CLIENT_FINAL.as_bytes();
        assert_eq!(exchange.finish(&message).is_ok(), is_right);
        // The same, without a run of PBKDF2 each time.
        let _ = super::message::ServerFirst::parse(&message);
        let _ = super::message::ServerFinal::parse(&message);
    }
}

/// A message in which some bytes were changed, put in or taken out.
fn spoilt(message: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut message = message.to_vec();
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=message.len());
        let byte = match random.bool() {
            true => random.u8(..),
            false => *random.choice(b"=,acemnprsvi0\0").unwrap(),
        };
        match random.u8(..3) {
            0 => message.insert(at, byte),
            1 if at < message.len() => message[at] = byte,
            _ => message.truncate(at),
        }
    }
    message
}
