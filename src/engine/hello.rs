//! The first line of a client that says which room it wants:
//!
//! ```text
//! JOIN <room> [produce|consume] [ack] [seat] [scram=<base64>]\n
//! AUTH <base64>\n                                           while it logs in
//! ```
//!
//! A line ends with LF or CRLF. What is not going to be one is refused as soon as that can be seen: a program
//! that speaks something else would otherwise wait for an answer, and we for a line.

use super::Side;
use super::greeting::{Code, Greeting, Heard, Hello, Part, Refusal, Role};
use crate::limits::{LONGEST_HELLO, LONGEST_ROOM};

/// The greeting of named rooms, unless their service has one of its own.
pub(super) const JOIN: Greeting = Greeting {
    read: join,
    answer: |refusal| format!("{refusal}\n").into_bytes().into(),
    once: false,
};

/// What a client is sent that wants to know when it is let in, and as whom: before anything else.
pub(super) fn seated(side: Side) -> &'static [u8] {
    match side {
        Side::X => b"OK seat X\n",
        Side::Y => b"OK seat Y\n",
    }
}

const NO_JOIN: Refusal = Refusal::new(Code::Hello, "expected JOIN <room>");
const NO_AUTH: Refusal = Refusal::new(Code::Auth, "expected AUTH <base64>");

/// Reads a hello.
pub fn join(bytes: &[u8]) -> Heard<Hello<'_>> {
    let Some((rest, length)) = line(bytes, "JOIN ", NO_JOIN)? else {
        return Ok(None);
    };
    Ok(Some((words(rest)?, length)))
}

/// Reads a step of a login, and answers its base64.
pub fn auth(bytes: &[u8]) -> Heard<&str> {
    line(bytes, "AUTH ", NO_AUTH)
}

/// What follows the verb in the first line.
fn line<'a>(bytes: &'a [u8], verb: &str, otherwise: Refusal) -> Heard<&'a str> {
    let begun = bytes.len().min(verb.len());
    if bytes[..begun] != verb.as_bytes()[..begun] {
        return Err(otherwise);
    }
    let within = &bytes[..bytes.len().min(LONGEST_HELLO)];
    let Some(end) = within.iter().position(|&byte| byte == b'\n') else {
        return match bytes.len() < LONGEST_HELLO {
            true => Ok(None),
            false => Err(Refusal::new(otherwise.code, "the line is too long")),
        };
    };
    let line = within[..end].strip_suffix(b"\r").unwrap_or(&within[..end]);
    line.get(verb.len()..)
        .and_then(|rest| str::from_utf8(rest).ok())
        .map(|rest| Some((rest, end + 1)))
        .ok_or(otherwise)
}

fn words(line: &str) -> Result<Hello<'_>, Refusal> {
    let mut words = line.split(' ');
    let room = words.next().unwrap_or_default();
    if !is_room(room) {
        let words = "a room is 1 to 64 of A-Z a-z 0-9 . _ -";
        return Err(Refusal::new(Code::Room, words));
    }
    let (mut role, mut ack, mut seat, mut scram) = (None, None, None, None);
    for word in words {
        let twice = match (word, word.strip_prefix("scram=")) {
            ("produce", _) => role.replace(Role::Produce).is_some(),
            ("consume", _) => role.replace(Role::Consume).is_some(),
            ("ack", _) => ack.replace(()).is_some(),
            ("seat", _) => seat.replace(()).is_some(),
            (_, Some(message)) => scram.replace(message).is_some(),
            _ => {
                let words = "behind the room: produce or consume, ack, scram=<base64>";
                return Err(Refusal::new(Code::Hello, words));
            }
        };
        if twice {
            return Err(Refusal::new(Code::Hello, "the same is said twice"));
        }
    }
    Ok(Hello {
        room,
        part: Part::Role(role),
        ack: ack.is_some(),
        seat: seat.is_some(),
        scram,
    })
}

/// Whether a room can have this name.
pub fn is_room(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_ROOM).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST_NAME: &str = "0123456789ABCDEFabcdef._-0123456789ABCDEFabcdef._-0123456789abcd";

    fn hello<'a>(
        room: &'a str,
        role: Option<Role>,
        ack: bool,
        scram: Option<&'a str>,
    ) -> Hello<'a> {
        Hello {
            room,
            part: Part::Role(role),
            ack,
            seat: false,
            scram,
        }
    }

    #[test]
    fn hellos_that_are_right() {
        let longest = format!("JOIN {LONGEST_NAME}\n");
        let table = [
            ("JOIN r\n", hello("r", None, false, None)),
            ("JOIN r\r\n", hello("r", None, false, None)),
            (&longest, hello(LONGEST_NAME, None, false, None)),
            ("JOIN a.b_c-9 ack\n", hello("a.b_c-9", None, true, None)),
            (
                "JOIN r produce\n",
                hello("r", Some(Role::Produce), false, None),
            ),
            (
                "JOIN r consume ack scram=biws\r\n",
                hello("r", Some(Role::Consume), true, Some("biws")),
            ),
            (
                "JOIN r scram= ack produce\n",
                hello("r", Some(Role::Produce), true, Some("")),
            ),
        ];
        for (text, expected) in table {
            // Whatever follows is not looked at, and a part of it is never taken for the whole.
            for behind in ["", "\n", "JOIN", "\0\u{ff}"] {
                let bytes = [text.as_bytes(), behind.as_bytes()].concat();
                let length = text.len();
                assert_eq!(join(&bytes), Ok(Some((expected, length))), "{text:?}");
                for split in 0..length {
                    assert_eq!(join(&bytes[..split]), Ok(None), "{text:?} up to {split}");
                }
            }
        }
    }

    #[test]
    fn hellos_that_are_wrong() {
        let longer = format!("JOIN {LONGEST_NAME}x\n");
        let table: [(&[u8], Code); 23] = [
            (b"\n", Code::Hello),
            (b"GET / HTTP/1.1\r\n", Code::Hello),
            (b"\x16\x03\x01", Code::Hello),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Code::Hello),
            (b"join r\n", Code::Hello),
            (b"JOIN\n", Code::Hello),
            (b"JOIN\r", Code::Hello),
            (b"JOINT", Code::Hello),
            (b"JOIN \xff\n", Code::Hello),
            (b"JOIN \n", Code::Room),
            (b"JOIN \r\n", Code::Room),
            (b"JOIN  r\n", Code::Room),
            (b"JOIN a/b\n", Code::Room),
            (b"JOIN a\0b\n", Code::Room),
            ("JOIN \u{e9}\n".as_bytes(), Code::Room),
            (longer.as_bytes(), Code::Room),
            (b"JOIN r \n", Code::Hello),
            (b"JOIN r  ack\n", Code::Hello),
            (b"JOIN r ACK\n", Code::Hello),
            (b"JOIN r ack ack\n", Code::Hello),
            (b"JOIN r produce consume\n", Code::Hello),
            (b"JOIN r scram\n", Code::Hello),
            (b"JOIN r\rack\n", Code::Room),
        ];
        for (bytes, code) in table {
            let text = bytes.escape_ascii();
            assert_eq!(join(bytes).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn a_line_may_have_so_many_bytes_and_no_more() {
        let line = |length: usize| {
            let scram = length - "JOIN r scram=\n".len();
            format!("JOIN r scram={}\n", "A".repeat(scram)).into_bytes()
        };
        assert!(matches!(
            join(&line(LONGEST_HELLO)),
            Ok(Some((_, LONGEST_HELLO)))
        ));
        for longer in [LONGEST_HELLO + 1, 1 << 20] {
            let error = join(&line(longer)).unwrap_err();
            assert_eq!(error.code, Code::Hello);
        }
        let endless = &line(LONGEST_HELLO + 1)[..LONGEST_HELLO];
        assert_eq!(join(&endless[..LONGEST_HELLO - 1]), Ok(None));
        assert!(join(endless).is_err(), "it can't become a line any more");
    }

    #[test]
    fn steps_of_a_login() {
        assert_eq!(auth(b"AUTH biws\r\nmore"), Ok(Some(("biws", 11))));
        assert_eq!(auth(b"AUTH bi"), Ok(None));
        assert_eq!(auth(b"AUTH \n"), Ok(Some(("", 6))));
        assert_eq!(auth(b"JOIN r\n"), Err(NO_AUTH));
        assert_eq!(auth(b"AUTH \xff\n"), Err(NO_AUTH));
    }

    #[test]
    fn no_bytes_can_confuse_the_parser() {
        let mut random = fastrand::Rng::with_seed(1);
        let pieces = [
            "JOIN ", "r", " produce", " consume", " ack", " scram=", "\n", "\r", " ", "\0", "AUTH ",
        ];
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..random.usize(..12) {
                match random.u8(..8) {
                    0 => bytes.push(random.u8(..)),
                    _ => bytes.extend(random.choice(pieces).expect("there are some").bytes()),
                }
            }
            // What is a hello is one however much of the stream is known, and what is none never becomes one.
            let whole = join(&bytes);
            for split in 0..bytes.len() {
                match join(&bytes[..split]) {
                    Ok(None) => {}
                    early => assert_eq!(early, whole, "{} up to {split}", bytes.escape_ascii()),
                }
            }
            if let Ok(Some((hello, length))) = whole {
                assert!(is_room(hello.room) && bytes[length - 1] == b'\n');
            }
        }
    }
}
