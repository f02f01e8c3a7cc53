//! What clients of line services say, and when.

use std::time::Duration;

use fastrand::Rng;
use pairloop::limits::{LONGEST_LINE, LONGEST_MESSAGE};

use super::plan::{FinWhen, Kind};
use super::profile::Profile;

/// When a piece may be sent, once all before it are.
#[derive(Debug, Clone, Copy)]
enum When {
    Now,
    /// After so many lines were heard. X hears the welcome first, so for both the k-th line is in turn once k were heard.
    Heard(usize),
    /// So long after the piece before it.
    After(Duration),
}

/// When its client says FIN, if the daemon does not say so first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Sent,
    /// It has nothing to say any more, and so many lines were heard: its turn would be next.
    Heard(usize),
    /// Its partner has said its last line.
    LastHeard,
    Never,
}

/// The last line of a client that may write at any time ends with this.
const LAST: &[u8] = b" last\n";

pub struct Script {
    /// Everything, in order.
    pub text: Vec<u8>,
    /// Where each piece ends.
    pieces: Vec<(usize, When)>,
    leave: Leave,
}

impl Script {
    fn new() -> Self {
        Self {
            text: Vec::new(),
            pieces: Vec::new(),
            leave: Leave::Never,
        }
    }

    fn add(&mut self, text: &[u8], when: When) {
        if !text.is_empty() {
            self.text.extend_from_slice(text);
            self.pieces.push((self.text.len(), when));
        }
    }

    /// How many bytes may have been sent by now, and else when more may.
    pub fn ready(
        &self,
        sent: u64,
        heard: &[u8],
        last_sent: Duration,
        now: Duration,
    ) -> (u64, Option<Duration>) {
        let lines = heard.iter().filter(|&&byte| byte == b'\n').count();
        let mut start = 0;
        for &(end, when) in &self.pieces {
            if start as u64 >= sent {
                match when {
                    When::Heard(count) if lines < count => return (start as u64, None),
                    When::After(pause) if start as u64 > sent || last_sent + pause > now => {
                        let at = (start as u64 == sent).then_some(last_sent + pause);
                        return (start as u64, at);
                    }
                    _ => {}
                }
            }
            start = end;
        }
        (start as u64, None)
    }

    /// Whether it leaves, when all is sent.
    pub fn leaves(&self, heard: &[u8]) -> bool {
        match self.leave {
            Leave::Sent => true,
            Leave::Heard(count) => heard.iter().filter(|&&byte| byte == b'\n').count() >= count,
            Leave::LastHeard => heard.windows(LAST.len()).any(|part| part == LAST),
            Leave::Never => false,
        }
    }

    /// What a chat client says: lines that bear its number and theirs.
    pub fn chat(
        kind: Kind,
        number: usize,
        free: bool,
        fin: FinWhen,
        profile: &Profile,
        rng: &mut Rng,
    ) -> Self {
        let mut script = Script::new();
        let in_turn = match kind {
            Kind::LateFinisher | Kind::Deaf | Kind::Leaver => false,
            _ => !free,
        };
        let when = |line| match in_turn {
            true => When::Heard(line),
            false => When::Now,
        };
        let count = match kind {
            Kind::Consumer => 0,
            _ => rng.usize(1..6),
        };
        if matches!(kind, Kind::Scanner | Kind::Silent) {
            return script;
        }
        for line in 1..=count {
            let text = chat_line(number, line, profile, rng);
            if in_turn && text.len() > 1 && rng.u8(..4) == 0 {
                // Now and then one is typed slowly.
                let (head, tail) = text.split_at(rng.usize(1..text.len()));
                script.add(head, when(line));
                script.add(tail, When::After(Duration::from_millis(rng.u64(..4000))));
            } else {
                script.add(&text, when(line));
            }
        }
        let next = count + 1;
        match (kind, rng.u8(..4)) {
            (Kind::Babbler, _) => {
                let more = rng.usize(..3);
                script.add(&vec![b'b'; LONGEST_LINE + more], when(next));
            }
            (Kind::HalfCloser, _) => {
                let text = chat_line(number, next, profile, rng);
                script.add(&text[..text.len() - 1], when(next));
            }
            (Kind::Honest | Kind::LateFinisher, 0) => {
                let exit: &[u8] = [b"exit\n", b" exit \r\n" as &[u8]][rng.usize(..2)];
                script.add(exit, when(next));
            }
            _ if free => script.add(&[number.to_string().as_bytes(), LAST].concat(), When::Now),
            _ => {}
        }
        script.leave = match kind {
            Kind::HalfCloser => Leave::Sent,
            Kind::LateFinisher if rng.bool() => Leave::Sent,
            _ if kind.is_well_behaved() && free => Leave::LastHeard,
            _ if kind.is_well_behaved() => Leave::Heard(next),
            _ if fin == FinWhen::Sent => Leave::Sent,
            _ => Leave::Never,
        };
        script
    }

    /// What an order client says: one message, in one of the ways in which it can end.
    pub fn order(kind: Kind, number: usize, settle: Duration, fin: FinWhen, rng: &mut Rng) -> Self {
        let mut script = Script::new();
        let prefix = ["", "", "Client X: ", "Client Y: "][rng.usize(..4)];
        let mut text = format!("{prefix}client-{number}-says-").into_bytes();
        let length = match rng.u8(..4) {
            0 => prefix.len() + LONGEST_MESSAGE,
            1 => text.len() + rng.usize(..LONGEST_MESSAGE - text.len()),
            _ => text.len() + rng.usize(..16),
        };
        text.resize(length, b'a' + (number % 26) as u8);
        let end: &[u8] = [&b"\n"[..], b"\r\n", b"", b"\nand more"][rng.usize(..4)];
        match kind {
            Kind::Scanner | Kind::Silent => return script,
            Kind::Babbler if rng.bool() => text = prefix.as_bytes().to_vec(),
            Kind::Babbler => text.resize(prefix.len() + LONGEST_MESSAGE + 1, b'b'),
            _ => {}
        }
        text.extend_from_slice(end);
        let mut rest = &text[..];
        while rest.len() > prefix.len() + 1 && rng.bool() {
            let piece = rng.usize(prefix.len() + 1..rest.len());
            script.add(&rest[..piece], pause(settle, script.text.is_empty(), rng));
            rest = &rest[piece..];
        }
        script.add(rest, pause(settle, script.text.is_empty(), rng));
        script.leave = match kind {
            Kind::HalfCloser | Kind::Babbler => Leave::Sent,
            Kind::Honest | Kind::Slow | Kind::LateFinisher | Kind::Consumer => Leave::Never,
            _ if fin == FinWhen::Sent => Leave::Sent,
            _ => Leave::Never,
        };
        script
    }
}

/// Shorter than what settles a message, or longer.
fn pause(settle: Duration, first: bool, rng: &mut Rng) -> When {
    match rng.u8(..4) {
        0 if first => When::Heard(1),
        1 | 2 => When::After(settle.mul_f64(rng.f64())),
        3 => When::After(settle.mul_f64(1.0 + rng.f64())),
        _ => When::Now,
    }
}

/// A line of one byte up to the longest.
fn chat_line(number: usize, line: usize, profile: &Profile, rng: &mut Rng) -> Vec<u8> {
    let most = (profile.volume(rng) as usize).min(LONGEST_LINE);
    let end: &[u8] = if rng.bool() { b"\n" } else { b"\r\n" };
    let mut text = format!("{number}-{line}-").into_bytes();
    match rng.u8(..8) {
        0 => text.clear(),
        1 => text.resize(most.max(8) - end.len(), b'l'),
        _ => text.resize(text.len() + rng.usize(..100).min(most), b'.'),
    }
    text.extend_from_slice(end);
    if text == b"\r\n" {
        text.remove(0);
    }
    text
}
