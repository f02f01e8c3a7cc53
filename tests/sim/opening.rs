//! What a client of a named room says and hears before its stream begins.

use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::{Part, Role};

use super::login::{Attempt, Login};
use super::setup::{Door, Lobby, Setup};
use super::transit;

/// Whom it wants to meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    pub room: String,
    pub part: Part,
}

impl Wish {
    /// What somebody wishes who fits to this.
    pub fn counterpart(&self) -> Wish {
        Wish {
            room: self.room.clone(),
            part: match self.part {
                Part::Role(role) => Part::Role(role.map(Role::other)),
                Part::Side(_) => Part::Side(None),
            },
        }
    }

    /// Whether these belong together, if they want the same room.
    pub fn fits(&self, other: &Wish) -> bool {
        match (self.part, other.part) {
            (Part::Role(Some(one)), Part::Role(Some(other))) => one != other,
            (Part::Side(Some(one)), Part::Side(Some(other))) => one != other,
            (Part::Side(_), Part::Side(_)) => true,
            (one, other) => one == other,
        }
    }
}

/// What the daemon must make of an opening that is said to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    LetIn,
    /// The code of the refusal.
    Refused(&'static str),
    /// It never comes to its end.
    Unfinished,
}

/// How somebody stops in the middle of an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    Fin,
    Reset,
    TimedOut,
    /// It says nothing more, and stays.
    Silent,
}

/// Bytes of `AUTH <base64 server-final>\n`.
const SERVER_FINAL: usize = 70;

pub struct Opening {
    pub wish: Wish,
    pub ack: bool,
    /// It says nothing of its stream before it is told that its partner is there.
    pub is_patient: bool,
    pub verdict: Verdict,
    /// What it says, as far as that is known.
    pub text: Vec<u8>,
    pub sent: usize,
    pub login: Option<Login>,
    /// Lines of the daemon that must come before it can say the rest.
    pub awaited: u8,
    /// Where and how it stops: in which part, and after how much of that.
    cut: Option<(u8, f64, Cut)>,
    /// It has no more to say than `text`, and then does this.
    cut_off: Option<Cut>,
    /// Time between two bytes, if they come one by one.
    slow: Option<Duration>,
    said_last: Duration,
    pub heard: Heard,
}

/// What the daemon has said about it, apart from the stream.
#[derive(Default)]
pub struct Heard {
    /// The beginning of a line that may be one of these.
    held: Vec<u8>,
    /// Bytes of the lines of a login.
    pub login: usize,
    /// The line that tells that the partner is there, and how many bytes of the service were before it.
    pub ok: Option<(String, usize)>,
    /// Why it was turned away, where that is no service's own word.
    pub error: Vec<u8>,
    /// Bytes of the service and the partner.
    stream: usize,
    /// Nothing but the stream follows.
    begun: bool,
    /// Nothing but the stream follows in this line.
    in_line: bool,
}

impl Opening {
    /// An opening for somebody at this listener, most of them right.
    pub fn random(lobby: Lobby, client: usize, setup: &Setup, rng: &mut Rng) -> Self {
        let name = rng.usize(..setup.names);
        let wish = match lobby.door {
            Door::Handshake => transit::wish(name, rng),
            _ => Wish {
                room: format!("room-{name}"),
                part: {
                    let roles = [None, None, Some(Role::Produce), Some(Role::Consume)];
                    Part::Role(roles[rng.usize(..4)].filter(|_| lobby.service.is_raw()))
                },
            },
        };
        let mut opening = Self::right(lobby, client, wish, rng);
        let guesses = lobby.door == Door::Login && setup.guessing;
        let spoils = if guesses { 18 } else { 3 };
        match rng.u8(..24) {
            number if number < spoils => opening.spoil(lobby, client, rng),
            18..21 => {
                let part = rng.u8(..=opening.awaited.min(1));
                let ways = [Cut::Fin, Cut::Reset, Cut::TimedOut, Cut::Silent];
                opening.cut = Some((part, rng.f64(), ways[rng.usize(..4)]));
                opening.verdict = Verdict::Unfinished;
                opening.cut_in(0, 0);
            }
            21 => opening.slow = Some(Duration::from_millis(rng.u64(..100))),
            22 => opening.slow = Some(Duration::from_millis(rng.u64(..1000))),
            _ => {}
        }
        opening
    }

    /// One with which its client is let in.
    pub fn right(lobby: Lobby, client: usize, wish: Wish, rng: &mut Rng) -> Self {
        let login = (lobby.door == Door::Login).then(|| Login::new(Attempt::Right, client));
        let is_transit = lobby.door == Door::Handshake;
        let mut opening = Self {
            // Transit clients are always told.
            ack: is_transit || rng.bool(),
            is_patient: is_transit && rng.u8(..4) > 0,
            verdict: Verdict::LetIn,
            text: Vec::new(),
            sent: 0,
            awaited: if login.is_some() { 2 } else { 0 },
            login,
            cut: None,
            cut_off: None,
            slow: None,
            said_last: Duration::ZERO,
            heard: Heard::default(),
            wish,
        };
        opening.text = opening.hello(rng);
        opening
    }

    pub fn hello(&self, rng: &mut Rng) -> Vec<u8> {
        let role = match self.wish.part {
            Part::Role(role) => role,
            Part::Side(side) => return transit::handshake(&self.wish.room, side),
        };
        let mut words = Vec::new();
        words.extend(role.map(|role| match role {
            Role::Produce => "produce".to_owned(),
            Role::Consume => "consume".to_owned(),
        }));
        words.extend(self.ack.then(|| "ack".to_owned()));
        words.extend(
            self.login
                .as_ref()
                .map(|login| format!("scram={}", login.first())),
        );
        rng.shuffle(&mut words);
        words.insert(0, format!("JOIN {}", self.wish.room));
        let end = ["\n", "\r\n"][rng.usize(..2)];
        (words.join(" ") + end).into_bytes()
    }
}

/// Saying it.
impl Opening {
    /// Whether everything is said: now the stream may follow, or the daemon's refusal.
    pub fn is_said(&self) -> bool {
        self.sent == self.text.len() && self.is_known() && self.cut_off.is_none()
    }

    /// Whether its stream may begin.
    pub fn lets_its_stream_begin(&self) -> bool {
        self.is_said() && (!self.is_patient || self.heard.ok.is_some())
    }

    /// Whether `text` is all that it will ever say.
    pub fn is_known(&self) -> bool {
        self.awaited == 0 || (self.awaited == 1 && self.verdict == Verdict::LetIn)
    }

    /// Whether it stays and says no more, so that it must go by itself some day.
    pub fn may_fall_silent(&self) -> bool {
        matches!(self.cut, Some((.., Cut::Silent)))
    }

    /// What it does now that it stops in the middle.
    pub fn stops(&self) -> Option<Cut> {
        self.cut_off.filter(|_| self.sent == self.text.len())
    }

    /// The next bytes, so many at most.
    pub fn say(&mut self, now: Duration, most: usize, rng: &mut Rng) -> Vec<u8> {
        let left = self.text.len() - self.sent;
        let most = match self.slow {
            Some(pause) if self.sent > 0 && self.said_last + pause > now => 0,
            Some(_) => most.min(left).min(1),
            None => most.min(left),
        };
        let count = match rng.u8(..4) {
            0 if most > 0 => rng.usize(1..=most),
            _ => most,
        };
        if count > 0 {
            self.said_last = now;
        }
        self.sent += count;
        self.text[self.sent - count..self.sent].to_vec()
    }

    /// When it can say more; `None` if it has nothing to say now.
    pub fn says_next(&self) -> Option<Duration> {
        let left = self.sent < self.text.len();
        left.then(|| self.said_last + self.slow.unwrap_or_default())
    }

    /// Cuts what is said off in this part of it, which begins at `start`, if that is where it stops.
    fn cut_in(&mut self, part: u8, start: usize) {
        if let Some((at, share, cut)) = self.cut
            && at == part
        {
            let length = self.text.len() - start;
            self.text.truncate(start + (length as f64 * share) as usize);
            self.cut_off = Some(cut);
        }
    }
}

/// Hearing the answer.
impl Opening {
    /// Takes what was received, and answers what of it belongs to the stream.
    pub fn hear(&mut self, bytes: &[u8], is_raw: bool) -> Vec<u8> {
        let mut stream = Vec::new();
        for &byte in bytes {
            if self.heard.begun || self.heard.in_line {
                stream.push(byte);
                self.heard.in_line = byte != b'\n';
                continue;
            }
            self.heard.held.push(byte);
            if !self.may_be_a_word(is_raw) {
                self.heard.begun = is_raw;
                self.heard.in_line = byte != b'\n';
                stream.append(&mut self.heard.held);
            } else if byte == b'\n' {
                let line = std::mem::take(&mut self.heard.held);
                self.hear_line(line, is_raw, self.heard.stream + stream.len());
            }
        }
        self.heard.stream += stream.len();
        stream
    }

    /// Nothing more will come. Answers the beginning of a stream that might have become a word.
    pub fn hear_end(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.heard.held);
        let is_let_in = self.awaited == 0 && self.verdict == Verdict::LetIn;
        let a_word_is_due = !is_let_in || (self.ack && self.heard.ok.is_none());
        if held.starts_with(b"ERR ") {
            self.heard.error = held;
        } else if !a_word_is_due {
            return held;
        }
        Vec::new()
    }

    /// Bytes that the daemon has sent to log it in, if it is in.
    pub fn login_bytes(&self) -> usize {
        // It may have left before it heard the server's signature.
        let missing = match self.awaited {
            1 if self.verdict == Verdict::LetIn => SERVER_FINAL,
            _ => 0,
        };
        self.heard.login + missing
    }

    fn may_be_a_word(&self, is_raw: bool) -> bool {
        let held = &self.heard.held[..];
        let fits = |word: &[u8]| word.starts_with(&held[..held.len().min(word.len())]);
        let acked = self.heard.ok.is_some();
        if self.is_transit() {
            return self.heard.error.is_empty() && transit::WORDS.into_iter().any(fits);
        }
        self.heard.error.is_empty()
            && ((self.login.is_some() && fits(b"AUTH "))
                || (self.ack && !acked && fits(b"OK "))
                || (is_raw && !acked && fits(b"ERR ")))
    }

    fn hear_line(&mut self, line: Vec<u8>, is_raw: bool, place: usize) {
        let text = String::from_utf8(line.clone()).expect("the daemon's words are text");
        if let Some(message) = text.strip_prefix("AUTH ") {
            self.heard.login += line.len();
            let login = self.login.as_mut().expect("it logs in");
            let answer = login.hear(message.trim_end());
            self.awaited = self.awaited.saturating_sub(1);
            if let Some(answer) = answer.filter(|_| self.cut_off.is_none())
                && !self.is_impatient()
            {
                let start = self.text.len();
                self.text.extend(format!("AUTH {answer}\n").into_bytes());
                self.cut_in(1, start);
            }
        } else if text.starts_with("OK ") || line == transit::OK {
            self.heard.ok = Some((text, place));
            self.heard.begun = is_raw;
        } else {
            self.heard.error = line;
        }
    }

    pub fn is_transit(&self) -> bool {
        matches!(self.wish.part, Part::Side(_))
    }

    /// Its second message was sent before the first was answered.
    fn is_impatient(&self) -> bool {
        self.text.iter().filter(|&&byte| byte == b'\n').count() > 1
    }
}
