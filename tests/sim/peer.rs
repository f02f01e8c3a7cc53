//! A peer at work, and what it makes of what it receives.

use std::time::Duration;

use fastrand::Rng;

use super::data::{self, BLOCK};
use super::net::{End, Loss, SocketId, Wire};
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
    /// What it says to a line service. To the others it sends blocks.
    pub script: Option<Script>,
    /// What a line service has said to it.
    pub heard: Vec<u8>,
    last_sent: Duration,
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
        let room = wire.room(self.socket) as u64;
        let most = self.left_to_send(wire.now()).min(room);
        // Behind its own FIN nothing is sent.
        if most == 0 || self.sent_fin || self.end == Some(End::Reset) {
            return;
        }
        let most = most.min(self.plan.most_at_once as u64);
        let count = match rng.u8(..4) {
            0 => most,
            _ => rng.u64(1..=most),
        };
        let (from, to) = (self.sent as usize, (self.sent + count) as usize);
        match &self.script {
            Some(script) => wire.send(self.socket, &script.text[from..to]),
            None => wire.send(
                self.socket,
                &data::bytes(self.number, self.sent, count as usize),
            ),
        }
        self.sent += count;
        self.last_sent = wire.now();
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
            match self.script {
                Some(_) => self.heard.extend(bytes),
                None => self.inbox.take(self.number, &bytes),
            }
        }
        if self.end.is_none() {
            self.end = wire.end(self.socket);
            self.ended = wire.now();
        }
        if !self.sent_fin && wire.is_gone(self.socket) {
            self.refused = true;
            self.ended = wire.now();
        }
    }

    fn say_fin(&mut self, wire: &mut Wire) {
        let told = self.end == Some(End::Fin);
        let sent = self.sent == self.plan.to_send;
        let due = match (&self.script, self.plan.fin) {
            // There is nobody to whom the rest could be said.
            (Some(script), _) => told || (sent && script.leaves(&self.heard)),
            (None, FinWhen::Sent) => sent,
            (None, FinWhen::SentAnd(time)) => sent && (told || time <= wire.now()),
            (None, FinWhen::Never) => false,
        };
        if due && !self.sent_fin {
            self.sent_fin = true;
            wire.send_fin(self.socket);
        }
    }

    fn perhaps_exit(&mut self, wire: &mut Wire) {
        let after = self.plan.exit_after;
        let after = after.filter(|&(bytes, _)| self.sent >= bytes.min(self.plan.to_send));
        let at = self.plan.exit_at.filter(|&(time, _)| time <= wire.now());
        let Some(exit) = after.map(|(_, exit)| exit).or(at.map(|(_, exit)| exit)) else {
            return;
        };
        self.gone = Some(exit);
        match exit {
            Exit::Reset => wire.lose(self.socket, Loss::Reset),
            Exit::TimedOut => wire.lose(self.socket, Loss::TimedOut),
            Exit::Close => {
                if !self.sent_fin {
                    self.sent_fin = true;
                    wire.send_fin(self.socket);
                }
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
        let left = self.left_to_send(now);
        let can_send = left > 0 && wire.room(self.socket) > 0;
        let can_take = self.plan.reads && wire.waiting(self.socket) > 0;
        if can_send || can_take || (self.end.is_none() && wire.end(self.socket).is_some()) {
            return Some(now + self.pause(rng));
        }
        let fin = match self.plan.fin {
            FinWhen::SentAnd(time) if !self.sent_fin && left == 0 => {
                Some(time).filter(|_| self.script.is_none())
            }
            _ => None,
        };
        let exit = self.plan.exit_at.map(|(time, _)| time);
        let say = self.ready(now).and_then(|(_, at)| at);
        [fin, exit, say]
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

/// The bytes that a peer has received, checked as they come.
#[derive(Default)]
pub struct Inbox {
    pub received: u64,
    /// The first bytes, while it takes more to tell whose they are.
    pub first: Vec<u8>,
    pub from: Option<usize>,
}

impl Inbox {
    fn take(&mut self, owner: usize, bytes: &[u8]) {
        let mut offset = self.received;
        self.received += bytes.len() as u64;
        let Some(from) = self.from else {
            self.first.extend_from_slice(bytes);
            if let Some(&block) = self.first.first_chunk::<BLOCK>() {
                let (from, number) = data::decode(block);
                assert_eq!(number, 0, "client {owner} begins with another block");
                self.from = Some(from);
                let bytes = std::mem::take(&mut self.first);
                self.check(owner, from, 0, &bytes);
            }
            return;
        };
        for piece in bytes.chunks(1 << 16) {
            self.check(owner, from, offset, piece);
            offset += piece.len() as u64;
        }
    }

    fn check(&self, owner: usize, from: usize, offset: u64, bytes: &[u8]) {
        let expected = data::bytes(from, offset, bytes.len());
        if let Some(at) = bytes
            .iter()
            .zip(&expected)
            .position(|(got, want)| got != want)
        {
            let rest = &bytes[at..];
            let looks_like = rest
                .first_chunk::<BLOCK>()
                .map(|&block| data::decode(block));
            let place = offset + at as u64;
            panic!(
                "client {owner}: wrong byte at {place} from {from}; it decodes as {looks_like:?}"
            );
        }
    }
}
