//! forward: rooms that live on another server, a worker. Here the clients meet; then each is linked with a connection to
//! the worker, and what their room does with the bytes is decided there.

use std::rc::Rc;
use std::sync::Arc;

use crate::address::Address;
use crate::engine::greeting::{Part, Role};
use crate::engine::hello::seated;
use crate::engine::route::{Lease, RouteOptions};
use crate::limits::{LONGEST_HELLO, WORKER_PATIENCE};

use super::relay::Relay;
use super::{
    Actions, Manner, OptionError, Seats, Service, ServiceKind, ServiceOption, Side, Start,
};

pub(super) const FORWARD: ServiceKind = ServiceKind {
    name: "forward",
    seats: Seats::Two,
    manner: Manner::Raw,
    greeting: None,
    wait: None,
    configure,
    route: Some(route),
};

const KNOWN: &str = "to=HOST:PORT[,HOST:PORT...], patience=TIME, lines=on and proxy=v2";

/// Until a worker has its room, a client has the beginning of a relay.
fn configure(_options: &[ServiceOption<'_>]) -> Result<Start, OptionError> {
    Ok(Arc::new(|| Box::new(Relay)))
}

fn route(options: &[ServiceOption<'_>]) -> Result<RouteOptions, OptionError> {
    let mut route = RouteOptions {
        workers: Vec::new(),
        patience: WORKER_PATIENCE,
        lines: false,
        proxy: false,
    };
    for &(name, value) in options {
        let wrong = |error: String| OptionError(format!("{name}={value}: {error}"));
        match (name, value) {
            ("to", workers) => route.workers = read_workers(workers).map_err(wrong)?,
            ("patience", time) => route.patience = crate::units::duration(time).map_err(wrong)?,
            ("lines", "on") => route.lines = true,
            ("lines", "off") => route.lines = false,
            ("lines", _) => return Err(wrong("on or off".into())),
            ("proxy", "v2") => route.proxy = true,
            ("proxy", _) => return Err(wrong("v2 sends PROXY headers to workers".into())),
            _ => return Err(OptionError::unknown(name, KNOWN)),
        }
    }
    if route.workers.is_empty() {
        return Err(OptionError(
            "to=HOST:PORT says which worker, or workers".into(),
        ));
    }
    Ok(route)
}

fn read_workers(list: &str) -> Result<Vec<String>, String> {
    let mut workers: Vec<String> = Vec::new();
    for worker in list.split(',') {
        let address = worker.parse::<Address>();
        // As it is printed: that is by what all main servers rank it.
        let name = address
            .map_err(|error| format!("`{worker}`: {error}"))?
            .to_string();
        if workers.contains(&name) {
            return Err(format!("{name} is there twice"));
        }
        workers.push(name);
    }
    Ok(workers)
}

/// What a worker is told of a client.
pub(in crate::engine) fn hello(room: &str, part: Part) -> String {
    let role = match part {
        Part::Role(Some(Role::Produce)) => " produce",
        Part::Role(Some(Role::Consume)) => " consume",
        _ => "",
    };
    format!("JOIN {room}{role} seat\n")
}

/// Reads the worker's answer when it has taken a client in: how long it is; `None` if it is not complete.
///
/// # Errors
/// If it says something else. That is what it said.
pub(in crate::engine) fn answer(bytes: &[u8], side: Side) -> Result<Option<usize>, String> {
    let expected = seated(side);
    let begun = bytes.len().min(expected.len());
    if bytes[..begun] == expected[..begun] {
        return Ok((begun == expected.len()).then_some(begun));
    }
    let within = &bytes[..bytes.len().min(LONGEST_HELLO)];
    match within.iter().position(|&byte| byte == b'\n') {
        None if within.len() < LONGEST_HELLO => Ok(None),
        end => Err(String::from_utf8_lossy(&within[..end.unwrap_or(80)]).into_owned()),
    }
}

/// Whether a worker says with these words that it does not take this room, or this client. It may take others.
pub(in crate::engine) fn is_about_the_pair(words: &str, knows_clients: bool) -> bool {
    // Another seat is no fault of the worker's: whoever had that one has left it meanwhile.
    let refusals = ["ERR hello ", "ERR room ", "OK seat "];
    // To a worker that is not told where clients come from, all of them are us: then it takes nobody else, either.
    let is_full = knows_clients && words.starts_with("ERR full ");
    is_full || refusals.iter().any(|refusal| words.starts_with(refusal))
}

/// A client and its connection to the worker: a relay of its own. When one of them is cut the other is, too, and the
/// worker does the same with the partner's.
pub(in crate::engine) struct Leg {
    relay: Relay,
    _lease: Rc<Lease>,
}

impl Leg {
    pub fn new(lease: Rc<Lease>) -> Box<Self> {
        Box::new(Self {
            relay: Relay,
            _lease: lease,
        })
    }
}

impl Service for Leg {
    fn open(&mut self, actions: &mut Actions<'_>) {
        self.relay.open(actions);
    }

    fn eof(&mut self, side: Side, unread: &[u8], actions: &mut Actions<'_>) {
        self.relay.eof(side, unread, actions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn options() {
        let read =
            |options: &[ServiceOption<'_>]| route(options).map_err(|OptionError(error)| error);
        assert_eq!(
            read(&[
                ("to", "a:1,[::1]:2"),
                ("patience", "1s"),
                ("lines", "on"),
                ("proxy", "v2")
            ]),
            Ok(RouteOptions {
                workers: vec!["a:1".into(), "[::1]:2".into()],
                patience: Duration::from_secs(1),
                lines: true,
                proxy: true,
            })
        );
        for (options, error) in [
            (&[][..], "to=HOST:PORT says which"),
            (&[("to", "")], "``: expected HOST:PORT"),
            (&[("to", "a")], "no port: write a:PORT"),
            (&[("to", ":1")], "no host"),
            (&[("to", "a:0")], "port 0"),
            (&[("to", "a:1,b:65536")], "not a port: `65536`"),
            (&[("to", "a:+7")], "not a port: `+7`"),
            (&[("to", "*:7")], "* is for listeners"),
            (&[("to", "::1:7")], "brackets: [::1]"),
            (&[("to", "[::1:7")], "`[::1:7`: expected HOST:PORT"),
            (&[("to", "[a]:7")], "only an IPv6 address"),
            (&[("to", "relay://a:7")], "write the address alone"),
            (&[("to", "a:1,a:1")], "a:1 is there twice"),
            (&[("to", "a:1,a:01")], "a:1 is there twice"),
            (&[("to", "a:1"), ("lines", "yes")], "on or off"),
            (&[("to", "a:1"), ("proxy", "v1")], "v2 sends"),
            (&[("to", "a:1"), ("patience", "0s")], "more than nothing"),
            (&[("to", "a:1"), ("patience", "x")], "patience=x"),
            (
                &[("to", "a:1"), ("turns", "free")],
                "unknown option `turns`",
            ),
        ] {
            let said = read(options).unwrap_err();
            assert!(said.contains(error), "{options:?}: {said}");
        }
    }

    #[test]
    fn answers() {
        let answer = |bytes: &[u8]| answer(bytes, Side::X);
        for split in 0..10 {
            assert_eq!(answer(&b"OK seat X\n"[..split]), Ok(None));
        }
        assert_eq!(answer(b"OK seat X\n"), Ok(Some(10)));
        assert_eq!(answer(b"OK seat X\nYOU'RE"), Ok(Some(10)));
        // It sits in the other's place, who must have gone.
        assert_eq!(answer(b"OK seat Y\n"), Err("OK seat Y".into()));
        assert_eq!(answer(b"ERR full no"), Ok(None));
        assert_eq!(answer(b"ERR full no\nx"), Err("ERR full no".into()));
        assert_eq!(answer(&[b'x'; 1023]), Ok(None));
        assert_eq!(answer(&[b'x'; 5000]), Err("x".repeat(80)));
    }
}
