//! A peer at work, and what it makes of what it receives.

use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::{Part, Role};

use super::data;
use super::inbox::Inbox;
use super::net::{End, Loss, SocketId, Wire};
use super::opening::{Cut, Opening, Verdict, Wish};
use super::plan::{Exit, FinWhen, Plan};
use super::script::Script;
use super::setup::Service;

pub struct Peer {
    /// Its number, which its bytes bear.
    pub number: usize,
    pub plan: Plan,
    pub socket: SocketId,
    pub listener: usize,
    pub service: Service,
    /// What it says and hears first, where rooms have names.
    pub opening: Option<Opening>,
    /// What it says to a line service. To the others it sends blocks.
    pub script: Option<Script>,
    /// What a line service has said to it.
    pub heard: Vec<u8>,
    pub last_sent: Duration,
    pub connected: Duration,
    /// Bytes that have arrived at the daemon's kernel.
    pub sent: u64,
    pub sent_fin: bool,
    /// It has gone away by itself.
    pub gone: Option<Exit>,
    /// What it has received.
    pub inbox: Inbox,
    pub end: Option<End>,
    pub ended: Duration,
    /// RST has come behind FIN: nobody takes the rest of its bytes.
    pub refused: bool,
}

impl Peer {
    pub fn new(
        number: usize,
        plan: Plan,
        socket: SocketId,
        (listener, service): (usize, Service),
        script: Option<Script>,
        now: Duration,
    ) -> Self {
        Self {
            number,
            plan,
            socket,
            listener,
            service,
            opening: None,
            script,
            heard: Vec::new(),
            last_sent: now,
            connected: now,
            sent: 0,
            sent_fin: false,
            gone: None,
            inbox: Inbox::default(),
            end: None,
            ended: Duration::ZERO,
            refused: false,
        }
    }

    /// Whether rooms of two like this end well.
    pub fn behaves(&self) -> bool {
        let opening = self.opening.as_ref();
        self.plan.kind.is_well_behaved()
            && opening.is_none_or(|opening| opening.verdict == Verdict::LetIn)
    }

    /// Whether its stream may begin.
    fn is_introduced(&self) -> bool {
        self.opening
            .as_ref()
            .is_none_or(Opening::lets_its_stream_begin)
    }

    /// Whom it wants to meet, where rooms have names.
    pub fn wish(&self) -> Option<&Wish> {
        self.opening.as_ref().map(|opening| &opening.wish)
    }

    /// Whether both want the same room, of the same listener.
    pub fn wants_the_room_of(&self, other: &Peer) -> bool {
        let room = |peer: &Peer| peer.wish().map(|wish| (peer.listener, wish.room.clone()));
        room(self) == room(other)
    }

    /// Whether the two may meet there.
    pub fn fits(&self, other: &Peer) -> bool {
        let wishes = self.wish().zip(other.wish());
        self.wants_the_room_of(other) && wishes.is_some_and(|(one, other)| one.fits(other))
    }

    /// Whether it only receives, or only sends.
    pub fn has_role(&self, role: Role) -> bool {
        self.wish()
            .is_some_and(|wish| wish.part == Part::Role(Some(role)))
    }

    /// Whether it has nothing more to do or to expect.
    pub fn is_done(&self) -> bool {
        match (self.gone, self.end) {
            (Some(_), _) | (_, Some(End::Reset)) => true,
            (_, Some(End::Fin)) => self.sent_fin || self.refused,
            (None, None) => false,
        }
    }

    /// Does something, and answers when it wants to do more; `None` if it waits to be told of news.
    pub fn act(&mut self, wire: &mut Wire, rng: &mut Rng) -> Option<Duration> {
        if self.gone.is_some() {
            self.refuse(wire);
            return None;
        }
        let send_first = rng.bool();
        if send_first {
            self.send(wire, rng);
        }
        self.receive(wire, rng);
        if !send_first && !self.is_done() {
            self.send(wire, rng);
        }
        if !self.is_done() {
            self.say_fin(wire);
            self.perhaps_exit(wire);
        }
        self.next(wire, rng)
    }

    fn send(&mut self, wire: &mut Wire, rng: &mut Rng) {
        // Behind its own FIN nothing is sent.
        if self.sent_fin || self.end == Some(End::Reset) {
            return;
        }
        let (now, room) = (wire.now(), wire.room(self.socket));
        let mut bytes = match &mut self.opening {
            Some(opening) => opening.say(now, room, rng),
            None => Vec::new(),
        };
        // What follows may come with the opening's last byte.
        if self.is_introduced() && (bytes.is_empty() || rng.bool()) {
            let stream = self.say((room - bytes.len()) as u64, now, rng);
            bytes.extend(stream);
        }
        if !bytes.is_empty() {
            wire.send(self.socket, &bytes);
        }
    }

    /// The next bytes of its stream.
    fn say(&mut self, room: u64, now: Duration, rng: &mut Rng) -> Vec<u8> {
        let most = self.left_to_send(now).min(room);
        let most = most.min(self.plan.most_at_once as u64);
        if most == 0 {
            return Vec::new();
        }
        let count = match rng.u8(..4) {
            0 => most,
            _ => rng.u64(1..=most),
        };
        let (from, to) = (self.sent as usize, (self.sent + count) as usize);
        self.sent += count;
        self.last_sent = now;
        match &self.script {
            Some(script) => script.text[from..to].to_vec(),
            None => data::bytes(self.number, from as u64, count as usize),
        }
    }

    fn left_to_send(&self, now: Duration) -> u64 {
        let limit = match self.plan.exit_after {
            Some((bytes, _)) => bytes.min(self.plan.to_send),
            None => self.plan.to_send,
        };
        let ready = self.ready(now).map_or(u64::MAX, |(ready, _)| ready);
        limit.min(ready).saturating_sub(self.sent)
    }

    /// How far its script allows it to go, and when further.
    fn ready(&self, now: Duration) -> Option<(u64, Option<Duration>)> {
        let script = self.script.as_ref()?;
        Some(script.ready(self.sent, &self.heard, self.last_sent, now))
    }

    fn receive(&mut self, wire: &mut Wire, rng: &mut Rng) {
        if self.plan.reads && wire.waiting(self.socket) > 0 {
            let count = rng.usize(1..=self.plan.most_taken);
            let bytes = wire.take(self.socket, count);
            let is_raw = self.script.is_none();
            match &mut self.opening {
                Some(opening) => {
                    let stream = opening.hear(&bytes, is_raw);
                    self.hear(stream);
                }
                None => self.hear(bytes),
            }
        }
        if self.end.is_none() {
            self.end = wire.end(self.socket);
            self.ended = wire.now();
            if let (Some(_), Some(opening)) = (self.end, &mut self.opening) {
                let rest = opening.hear_end();
                self.hear(rest);
            }
        }
        if !self.sent_fin && wire.is_gone(self.socket) {
            self.refused = true;
            self.ended = wire.now();
        }
    }

    fn hear(&mut self, stream: Vec<u8>) {
        match self.script {
            Some(_) => self.heard.extend(stream),
            None if stream.is_empty() => {}
            None => self.inbox.take(self.number, &stream),
        }
    }

    fn say_fin(&mut self, wire: &mut Wire) {
        let told = self.end == Some(End::Fin);
        if let Some(opening) = &self.opening {
            let silently = opening.is_transit() && opening.heard.ok.is_none();
            let with_words = !opening.heard.error.is_empty();
            let turned_away = told && (!self.is_introduced() || with_words || silently);
            if !turned_away && !self.is_introduced() && opening.stops() != Some(Cut::Fin) {
                return;
            }
            if turned_away || !self.is_introduced() {
                return self.finish(wire);
            }
        }
        let sent = self.sent == self.plan.to_send;
        let due = match (&self.script, self.plan.fin) {
            // There is nobody to whom the rest could be said.
            (Some(script), _) => told || (sent && script.leaves(&self.heard)),
            (None, FinWhen::Sent) => sent,
            (None, FinWhen::SentAnd(time)) => sent && (told || time <= wire.now()),
            (None, FinWhen::Never) => false,
        };
        if due {
            self.finish(wire);
        }
    }

    fn finish(&mut self, wire: &mut Wire) {
        if !self.sent_fin {
            self.sent_fin = true;
            wire.send_fin(self.socket);
        }
    }

    fn perhaps_exit(&mut self, wire: &mut Wire) {
        let after = self.plan.exit_after;
        let after = after.filter(|&(bytes, _)| self.sent >= bytes.min(self.plan.to_send));
        let at = self.plan.exit_at.filter(|&(time, _)| time <= wire.now());
        let cut = match self.opening.as_ref().and_then(Opening::stops) {
            Some(Cut::Reset) => Some(Exit::Reset),
            Some(Cut::TimedOut) => Some(Exit::TimedOut),
            Some(Cut::Fin | Cut::Silent) | None => None,
        };
        let exit = after.map(|(_, exit)| exit).or(at.map(|(_, exit)| exit));
        let Some(exit) = cut.or(exit) else {
            return;
        };
        self.gone = Some(exit);
        match exit {
            Exit::Reset => wire.lose(self.socket, Loss::Reset),
            Exit::TimedOut => wire.lose(self.socket, Loss::TimedOut),
            Exit::Close => {
                self.finish(wire);
                self.refuse(wire);
            }
        }
    }

    /// Nobody is there to take bytes, so they are answered with RST.
    fn refuse(&self, wire: &mut Wire) {
        if wire.waiting(self.socket) > 0 {
            wire.lose(self.socket, Loss::Reset);
        }
    }

    fn next(&self, wire: &Wire, rng: &mut Rng) -> Option<Duration> {
        if self.is_done() {
            return None;
        }
        let now = wire.now();
        let left = match self.is_introduced() && !self.sent_fin {
            true => self.left_to_send(now),
            false => 0,
        };
        let can_send = left > 0 && wire.room(self.socket) > 0;
        let can_take = self.plan.reads && wire.waiting(self.socket) > 0;
        if can_send || can_take || (self.end.is_none() && wire.end(self.socket).is_some()) {
            return Some(now + self.pause(rng));
        }
        let fin = match self.plan.fin {
            FinWhen::SentAnd(time) if !self.sent_fin && left == 0 && self.is_introduced() => {
                Some(time).filter(|_| self.script.is_none())
            }
            _ => None,
        };
        let exit = self.plan.exit_at.map(|(time, _)| time);
        let opening = self.opening.as_ref().filter(|_| !self.sent_fin);
        let opening = opening.and_then(Opening::says_next);
        let opening = opening
            .filter(|_| wire.room(self.socket) > 0)
            .map(|at| at.max(now + self.pause(rng)));
        let say = self.ready(now).and_then(|(_, at)| at);
        [fin, exit, opening, say]
            .into_iter()
            .flatten()
            .min()
            .map(|time| time.max(now))
    }

    /// How long it takes to react.
    pub fn pause(&self, rng: &mut Rng) -> Duration {
        self.plan.pace.mul_f64(rng.f64() * rng.f64())
    }
}
