//! What must be true of those who talk in lines: the rooms they were in, as the log names them, and how those ended.

use std::ops::Range;
use std::time::Duration;

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::BUFFER_FLOOR;

use super::net::{End, Entry, Fault, SocketId, Way, Wire};
use super::notes;
use super::peer::Peer;
use super::setup::Service;
use super::world::World;
use super::{chat_oracle, forward, order_oracle};

pub struct Lines<'a> {
    peers: &'a [Peer],
    wire: &'a Wire,
    stopped: Option<Duration>,
    timeouts: Timeouts,
    short_of_memory: bool,
    /// Which listeners' rooms are on workers.
    forwarded: Vec<bool>,
    pub rooms: Vec<Pair<'a>>,
}

/// A room and its members.
pub struct Pair<'a> {
    pub x: &'a Peer,
    pub y: &'a Peer,
    pub over: Option<CloseReason>,
    pub by: Option<&'a Peer>,
    /// Where it is on a worker: the sockets there of X and Y, if they are known.
    pub far: Option<[SocketId; 2]>,
    is_forwarded: bool,
}

impl<'a> Pair<'a> {
    /// Whether it is known where to look for the order of things.
    pub fn is_observed(&self) -> bool {
        !self.is_forwarded || self.far.is_some()
    }

    /// Each member with its partner.
    pub fn sides(&self) -> [(&'a Peer, &'a Peer); 2] {
        [(self.x, self.y), (self.y, self.x)]
    }

    /// The line in which this member is told of its partner, if it wants to be.
    pub fn ok(&self, peer: &Peer, wire: &Wire) -> Option<String> {
        let (name, partner) = match peer.number {
            number if number == self.x.number => ('X', self.y),
            number if number == self.y.number => ('Y', self.x),
            _ => return None,
        };
        if peer.service == Service::Transit {
            return Some("ok\n".into());
        }
        let wanted = peer.opening.as_ref().is_some_and(|opening| opening.ack);
        wanted.then(|| format!("OK {name} {}\n", wire.peer(partner.socket)))
    }
}

impl<'a> Lines<'a> {
    pub fn new(world: &'a World, wire: &'a Wire) -> Self {
        let peers = &world.peers[..];
        let find = |number| {
            let is_it = |peer: &&Peer| {
                let id = wire.id(peer.socket);
                id.is_some_and(|id| id.number() == number)
            };
            peers.iter().find(is_it)
        };
        let rooms = forward::as_direct(notes::rooms(), wire).into_iter();
        let pair = |(room, far): (notes::Room, Option<[SocketId; 2]>)| Pair {
            x: find(room.x).expect("rooms are of clients"),
            y: find(room.y).expect("rooms are of clients"),
            over: room.over,
            by: room.by.and_then(find),
            far,
            is_forwarded: room.handed_over,
        };
        Self {
            peers,
            wire,
            stopped: world.stopped,
            timeouts: world.timeouts(),
            short_of_memory: world.is_short_of_memory(),
            forwarded: world
                .lobbies()
                .iter()
                .map(|lobby| lobby.via.is_some())
                .collect(),
            rooms: rooms.map(pair).collect(),
        }
    }

    pub fn judge(&self) {
        let observed = self.rooms.iter().filter(|room| room.is_observed());
        for room in observed.filter(|room| !room.x.service.is_raw()) {
            log::trace!("{}", self.describe(room));
            self.they_came_one_after_the_other(room);
            self.ended_for_a_reason(room);
            match room.x.service {
                Service::Chat { free } => chat_oracle::judge(self, room, free),
                Service::Order { settle } => order_oracle::judge(self, room, settle),
                Service::Relay | Service::Echo | Service::Transit => {}
            }
        }
        let alone = |peer: &&Peer| !peer.service.is_raw() && peer.opening.is_none();
        for peer in self.peers.iter().filter(alone) {
            if !self.is_in_a_room(peer) {
                self.alone(peer);
            }
        }
    }

    pub fn is_in_a_room(&self, peer: &Peer) -> bool {
        let is_it = |member: &Peer| member.number == peer.number;
        self.rooms.iter().any(|room| is_it(room.x) || is_it(room.y))
    }

    fn they_came_one_after_the_other(&self, room: &Pair<'_>) {
        if room.x.opening.is_some() {
            return; // The model knows who comes after whom where rooms have names.
        }
        let joined = self.wire.joined(room.x.listener);
        let place = |peer: &Peer| joined.iter().position(|&socket| socket == peer.socket);
        assert!(
            room.x.listener == room.y.listener
                && place(room.y) == place(room.x).map(|place| place + 1),
            "no neighbours: {}",
            self.describe(room)
        );
    }

    /// Two who behave end well, whatever happens around them.
    fn ended_for_a_reason(&self, room: &Pair<'_>) {
        let is_fine = |peer: &Peer| peer.behaves() && !self.wire.is_struck(peer.socket);
        let stopped = self.stopped.is_some();
        if stopped || !is_fine(room.x) || !is_fine(room.y) {
            return;
        }
        // Where a name stands alone for as long as it takes to settle, it is a message without words.
        let nameless = room.over == Some(CloseReason::Empty)
            && room
                .by
                .is_some_and(|by| self.said(by).starts_with(b"Client "));
        // A long line needs memory that others may have.
        let stifled = room.over == Some(CloseReason::Failed)
            && self.short_of_memory
            && room.by.is_some_and(|by| by.sent as usize > BUFFER_FLOOR);
        // Whoever goes on talking to a worker that has closed is answered with RST. (Direct clients' kernels are not so strict.)
        let talks_on = |peer: &Peer| {
            let read = self.entries(peer, Way::Read);
            let read: usize = read.map(|(_, entry)| entry.bytes).sum();
            room.is_forwarded && read < peer.script.as_ref().map_or(0, |script| script.text.len())
        };
        let well = |peer: &Peer| peer.end == Some(End::Fin) || talks_on(peer);
        assert!(
            nameless
                || stifled
                || self.has_a_quiet_leg(room)
                || (room.over == Some(CloseReason::Done) && well(room.x) && well(room.y)),
            "they behaved, and yet: {}",
            self.describe(room)
        );
    }

    /// A main server hears nothing of one client while the other is slow to take what the worker has. When that has lasted too
    /// long, it ends the first one's leg, and no sooner.
    fn has_a_quiet_leg(&self, room: &Pair<'_>) -> bool {
        let limits = [
            (self.timeouts.idle, CloseReason::IdleTimeout),
            (self.timeouts.half_close, CloseReason::HalfCloseTimeout),
        ];
        let is_quiet = |peer: &Peer| {
            let moved = self.wire.ledger.iter().filter(|entry| {
                entry.socket == peer.socket && matches!(entry.way, Way::Read | Way::Wrote)
            });
            let last = moved.map(|entry| entry.turn_time).max();
            limits.iter().any(|&(limit, reason)| {
                let id = self.wire.id(peer.socket);
                let over = id.and_then(|id| notes::leg_over(id.number(), reason));
                let due = last.zip(limit).map(|(last, limit)| last + limit);
                over.zip(due).is_some_and(|(over, due)| over >= due)
            })
        };
        room.is_forwarded && (is_quiet(room.x) || is_quiet(room.y))
    }

    /// Somebody who never had a partner hears nothing but the service.
    fn alone(&self, peer: &Peer) {
        let heard = &peer.heard[..];
        let stopped = self.stopped.is_some();
        let legal: &[&[u8]] = match peer.service {
            _ if self.forwarded[peer.listener] => &[
                b"",
                b"ERR full no worker\n",
                b"ERR timeout no partner came in time\n",
                b"ERR closing the server stops\n",
            ],
            Service::Chat { .. } if stopped => &[
                chat_oracle::WELCOME,
                &[chat_oracle::WELCOME, chat_oracle::NOTICE].concat(),
            ],
            Service::Chat { .. } => &[chat_oracle::WELCOME],
            _ if stopped => &[
                order_oracle::NOBODY,
                order_oracle::EMPTY,
                order_oracle::STOPS,
            ],
            _ => &[order_oracle::NOBODY, order_oracle::EMPTY],
        };
        let whole = peer.end == Some(End::Fin);
        let fits = |words: &&[u8]| words.starts_with(heard) && (!whole || heard == *words);
        assert!(
            legal.iter().any(fits),
            "client {} was alone, heard {:?}, and ended with {:?}",
            peer.number,
            String::from_utf8_lossy(heard),
            peer.end
        );
    }

    /// Whether a read may have found nothing where there was something.
    pub fn reads_may_lie(&self) -> bool {
        self.wire.faults.hits[Fault::EagainRead as usize] > 0
    }

    /// What has left this client.
    pub fn said(&self, peer: &'a Peer) -> &'a [u8] {
        let script = peer.script.as_ref().expect("it talks in lines");
        &script.text[..peer.sent as usize]
    }

    /// What went through a client's socket in one way, with its place in the order of everything; without what the
    /// service has no part in.
    pub fn entries(&self, peer: &Peer, way: Way) -> impl Iterator<Item = (usize, Entry)> {
        let far = self.far(peer);
        let socket = far.unwrap_or(peer.socket);
        let foreign = match far {
            Some(far) => forward::foreign(far, way, self.wire),
            None => self.foreign(peer, way),
        };
        let entries = self.wire.ledger.iter().enumerate();
        let mut at = 0;
        let own = move |(place, entry): (usize, &Entry)| {
            let span = at..at + entry.bytes;
            at = span.end;
            let overlap = |range: &Range<usize>| {
                range
                    .end
                    .min(span.end)
                    .saturating_sub(range.start.max(span.start))
            };
            let bytes = entry.bytes - foreign.iter().map(overlap).sum::<usize>();
            let is_part = bytes > 0 || entry.bytes == 0;
            is_part.then_some((place, Entry { bytes, ..*entry }))
        };
        entries
            .filter(move |(_, entry)| entry.socket == socket && entry.way == way)
            .filter_map(own)
    }

    /// Its worker's socket, if it has one.
    fn far(&self, peer: &Peer) -> Option<SocketId> {
        self.rooms.iter().find_map(|room| {
            let [x, y] = room.far?;
            let sides = [(room.x, x), (room.y, y)].into_iter();
            let mut own = sides.filter(|(member, _)| member.number == peer.number);
            own.next().map(|(_, far)| far)
        })
    }

    /// Which of these bytes are an opening, or an answer to one.
    fn foreign(&self, peer: &Peer, way: Way) -> [Range<usize>; 2] {
        let Some(opening) = &peer.opening else {
            return [0..0, 0..0];
        };
        if way != Way::Wrote {
            return [0..opening.text.len(), 0..0];
        }
        let login = opening.login_bytes();
        let ok = self.rooms.iter().find_map(|room| room.ok(peer, self.wire));
        let ok = ok.map_or(0..0, |ok| {
            let is_welcomed = ok.starts_with("OK X")
                && matches!(peer.service, Service::Chat { .. })
                && !self.forwarded[peer.listener];
            let before = if is_welcomed {
                chat_oracle::WELCOME.len()
            } else {
                0
            };
            login + before..login + before + ok.len()
        });
        [0..login, ok]
    }

    pub fn describe(&self, room: &Pair<'_>) -> String {
        let member = |peer: &Peer| {
            let script = peer.script.as_ref().expect("it talks in lines");
            format!(
                "{} ({:?}, {} of {} bytes{} sent, {:?}, heard {} bytes ending in {:?}, {:?} at {:?})",
                peer.number,
                peer.plan.kind,
                peer.sent,
                script.text.len(),
                if peer.sent_fin { " and FIN" } else { "" },
                peer.gone,
                peer.heard.len(),
                String::from_utf8_lossy(&peer.heard[peer.heard.len().saturating_sub(60)..]),
                peer.end,
                peer.ended
            )
        };
        format!(
            "{:?} room of {} and {}: {:?} through {:?}",
            room.x.service,
            member(room.x),
            member(room.y),
            room.over,
            room.by.map(|by| by.number)
        )
    }
}
