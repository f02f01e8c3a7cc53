//! What must be true when all is over.

use std::time::Duration;

use pairloop::engine::{CloseReason, Role};
use pairloop::limits::LONGEST_TURN;

use super::net::{End, Wire};
use super::peer::Peer;
use super::plan::Exit;
use super::setup::Service;
use super::world::World;
use super::{data, model, notes};

/// Sums up one run.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Rooms of two honest clients that ended well.
    pub whole: u64,
    pub bytes: u64,
}

pub struct Oracle<'a> {
    world: &'a World,
    peers: &'a [Peer],
    wire: &'a Wire,
    stopped: Option<Duration>,
    wait: Option<Duration>,
    /// Where in its lobby's order each client is.
    place: Vec<Option<usize>>,
    /// Whom the daemon has brought together, where rooms have names.
    partner: Vec<Option<usize>>,
    /// For whom there was no worker.
    without_worker: Vec<u64>,
}

impl<'a> Oracle<'a> {
    pub fn new(world: &'a World, wire: &'a Wire, wait: Option<Duration>) -> Self {
        let mut place = vec![None; world.peers.len()];
        for listener in 0..world.lobbies().len() {
            for (index, &socket) in wire.joined(listener).iter().enumerate() {
                place[socket] = Some(index);
            }
        }
        Self {
            world,
            peers: &world.peers,
            wire,
            stopped: world.stopped,
            wait,
            place,
            partner: model::partners(world, wire),
            without_worker: notes::without_worker(),
        }
    }

    pub fn judge(&self) -> Tally {
        let mut tally = Tally::default();
        for peer in self.peers {
            tally.bytes += peer.inbox.received + peer.heard.len() as u64;
            if !peer.service.is_raw() {
                continue;
            }
            if peer.opening.is_some() && self.partner[peer.number].is_none() {
                self.hears_nobody(peer);
                continue;
            }
            self.pairing(peer);
            if peer.end == Some(End::Fin) {
                self.fin_means_whole(peer);
                tally.whole += u64::from(peer.sent_fin);
            }
            let whole = peer.end == Some(End::Fin) && !peer.refused;
            if peer.behaves() && !whole && !self.is_excused(peer) {
                panic!(
                    "client {} ended with {:?} and had no reason to: {} received, from {:?}",
                    self.describe(peer),
                    peer.end,
                    peer.inbox.received,
                    peer.inbox.from.map(|from| self.describe(&self.peers[from]))
                );
            }
            self.nothing_is_lost_by_a_partners_end(peer);
        }
        tally
    }

    /// Those who still expect something.
    pub fn unfinished(&self) -> String {
        let unfinished = self.peers.iter().filter(|peer| !peer.is_done());
        let lines = unfinished.map(|peer| self.describe(peer));
        lines.collect::<Vec<_>>().join("; ")
    }

    /// Partners came next to each other, and each hears the other and nobody else.
    fn pairing(&self, peer: &Peer) {
        let Some(from) = peer.inbox.from else {
            return assert!(
                peer.inbox.first.is_empty()
                    || self.senders(peer).any(|other| self.fits(peer, other)),
                "client {} received the first bytes of nobody near it",
                self.describe(peer)
            );
        };
        let sender = &self.peers[from];
        assert!(
            self.senders(peer).any(|other| other.number == from),
            "clients {} and {} are no neighbours",
            self.describe(peer),
            self.describe(sender)
        );
        assert!(
            sender.inbox.from.is_none_or(|back| back == peer.number),
            "client {} hears {}, who hears somebody else",
            self.describe(peer),
            self.describe(sender)
        );
        assert!(
            peer.inbox.received <= sender.sent,
            "client {} received more than was sent",
            self.describe(peer)
        );
        let mut listeners = self
            .senders(sender)
            .filter(|other| other.number != peer.number);
        assert!(
            listeners.all(|other| other.inbox.from != Some(from)),
            "client {} is heard by two",
            self.describe(sender)
        );
    }

    /// What the daemon says itself is judged elsewhere.
    fn hears_nobody(&self, peer: &Peer) {
        // It may have been cut off while it was told why.
        let told = peer.end == Some(End::Reset) && b"ERR".starts_with(&peer.inbox.first[..]);
        assert!(
            peer.inbox.received == 0 || (peer.inbox.received < 4 && told),
            "client {} has no partner, and hears something",
            self.describe(peer)
        );
    }

    /// FIN says that this is all, so it must be all, and the partner must have said so too.
    fn fin_means_whole(&self, peer: &Peer) {
        let left = peer.sent_fin && peer.sent == 0 && peer.inbox.received == 0;
        let complete = |other: &Peer| {
            self.fits(peer, other) && other.sent_fin && other.sent == peer.inbox.received
        };
        let whole = match peer.inbox.from {
            Some(from) => complete(&self.peers[from]),
            None if peer.has_role(Role::Produce) => {
                let partner = self.partner[peer.number].map(|other| &self.peers[other]);
                left || partner.is_some_and(|consumer| consumer.sent_fin)
            }
            None => left || self.senders(peer).any(complete),
        };
        assert!(
            whole,
            "client {} got FIN after {} bytes, which is not all that {:?} sent",
            self.describe(peer),
            peer.inbox.received,
            peer.inbox.from.map(|from| self.describe(&self.peers[from]))
        );
    }

    /// What had arrived before a partner was lost is brought to whoever takes it.
    fn nothing_is_lost_by_a_partners_end(&self, peer: &Peer) {
        let Some(sender) = peer.inbox.from.map(|from| &self.peers[from]) else {
            return;
        };
        // One that left bytes waiting may have been cut off for that before it went.
        let took_all = sender.inbox.received == peer.sent || peer.has_role(Role::Consume);
        let by_itself = sender.gone.is_some() && sender.plan.exit_after.is_some() && took_all;
        let undisturbed = peer.behaves()
            && !self.is_cut_by_stop(peer)
            && !self.wire.is_struck(peer.socket)
            && !self.wire.is_struck(sender.socket);
        if by_itself && undisturbed && sender.number != peer.number {
            assert_eq!(
                peer.inbox.received,
                sender.sent,
                "client {} did not get all that {} had sent",
                self.describe(peer),
                self.describe(sender)
            );
        }
    }

    /// Whether a well-behaved client may have been cut off.
    fn is_excused(&self, peer: &Peer) -> bool {
        let never_joined = self.place[peer.socket].is_none();
        // Who connects in mid-turn is taken in with the time at which the turn began.
        let nobody_came = peer.inbox.received == 0
            && self
                .wait
                .is_some_and(|wait| peer.ended + LONGEST_TURN >= peer.connected + wait);
        let victim = match peer.inbox.from {
            Some(from) => self.may_ruin(&self.peers[from]),
            None => self.neighbours(peer).any(|other| self.may_ruin(other)),
        };
        never_joined
            || self.is_cut_by_stop(peer)
            || self.wire.is_struck(peer.socket)
            || (nobody_came && peer.service != Service::Echo)
            || victim
            || self.has_no_worker(peer)
            || self.is_unheard_by_its_worker(peer)
    }

    fn has_no_worker(&self, peer: &Peer) -> bool {
        let id = self.wire.id(peer.socket);
        id.is_some_and(|id| self.without_worker.contains(&id.number()))
    }

    /// What a consumer says is thrown away at the main server. So when its producer has finished and it goes on talking, all
    /// but its own leg hear nothing, until that has lasted too long.
    fn is_unheard_by_its_worker(&self, peer: &Peer) -> bool {
        let timeouts = self.world.timeouts();
        let limits = [
            timeouts.idle.zip(Some(CloseReason::IdleTimeout)),
            timeouts.half_close.zip(Some(CloseReason::HalfCloseTimeout)),
        ];
        let limits = limits.into_iter().flatten();
        let Some((limit, reason)) = limits.min_by_key(|&(limit, _)| limit) else {
            return false;
        };
        let Some(partner) = self.partner[peer.number].map(|other| &self.peers[other]) else {
            return false;
        };
        let (producer, consumer) = match peer.has_role(Role::Produce) {
            true => (peer, partner),
            false => (partner, peer),
        };
        let has_all = consumer.end == Some(End::Fin) && consumer.inbox.received == producer.sent;
        let talks_on = producer.has_role(Role::Produce) && !consumer.sent_fin && consumer.sent > 0;
        let id = self
            .wire
            .id(producer.socket)
            .filter(|_| has_all && talks_on);
        self.world.is_forwarded(peer)
            && id
                .and_then(|id| notes::leg_over(id.number(), reason))
                .is_some_and(|over| over >= producer.last_sent + limit)
    }

    fn may_ruin(&self, partner: &Peer) -> bool {
        !partner.behaves() || self.wire.is_struck(partner.socket)
    }

    fn is_cut_by_stop(&self, peer: &Peer) -> bool {
        self.stopped
            .is_some_and(|at| peer.end.is_none() || peer.ended >= at)
    }

    /// Those whose bytes a client may receive.
    fn senders(&self, peer: &Peer) -> impl Iterator<Item = &'a Peer> + use<'a> {
        let only_sends = peer.has_role(Role::Produce);
        self.neighbours(peer).filter(move |_| !only_sends)
    }

    /// Those who may be in its room: its partner, or the ones who came before and after it, or itself.
    fn neighbours(&self, peer: &Peer) -> impl Iterator<Item = &'a Peer> + use<'a> {
        let place = self.place[peer.socket];
        let joined = self.wire.joined(peer.listener);
        let partner = self.partner[peer.number].map(|other| &self.peers[other].socket);
        let near = match place {
            None => [None, None],
            Some(_) if peer.opening.is_some() => [partner, None],
            Some(place) if peer.service == Service::Echo => [joined.get(place), None],
            Some(place) => [
                place.checked_sub(1).and_then(|before| joined.get(before)),
                joined.get(place + 1),
            ],
        };
        let peers = self.peers;
        near.into_iter().flatten().map(|&socket| &peers[socket])
    }

    fn fits(&self, peer: &Peer, sender: &Peer) -> bool {
        let first = &peer.inbox.first;
        peer.inbox.received <= sender.sent && data::bytes(sender.number, 0, first.len()) == *first
    }

    fn describe(&self, peer: &Peer) -> String {
        let left = match peer.gone {
            Some(Exit::Reset) => ", reset",
            Some(Exit::TimedOut) => ", timed out",
            Some(Exit::Close) => ", closed",
            None => "",
        };
        let fin = if peer.sent_fin { " and FIN" } else { "" };
        format!(
            "{} ({:?} at {:?} {}, {} as {:?}, {} of {} bytes{fin} sent{left}, {} received, {:?})",
            peer.number,
            peer.plan.kind,
            peer.service,
            peer.listener,
            self.place[peer.socket].map_or("not let in".into(), |place| format!("{place}.")),
            self.wire.id(peer.socket),
            peer.sent,
            peer.plan.to_send,
            peer.inbox.received,
            peer.end,
        )
    }
}
