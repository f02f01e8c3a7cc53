//! What a poll hands over: the edges that came, and some that nothing has caused.

use pairloop::limits::EVENTS_PER_POLL;
use pairloop::reactor::{Event, Readiness, Signal};

use super::fault::{Fault, Faults};
use super::wire::{Pending, Wire};

impl Wire {
    pub(super) fn has_pending(&mut self) -> bool {
        if self.faults.strike(Fault::Report) {
            self.signal(Signal::Report);
        }
        if self.faults.strike(Fault::SpuriousEdge) {
            self.forge_somewhere();
        }
        !self.pending.is_empty()
    }

    fn forge_somewhere(&mut self) {
        let Faults { rng, .. } = &mut self.faults;
        let edges = [
            Readiness::READABLE,
            Readiness::WRITABLE,
            Readiness::READABLE | Readiness::WRITABLE,
        ];
        let edge = edges[rng.usize(..edges.len())];
        if let Some(socket) = self.sockets.any(rng) {
            self.raise(socket, edge);
        }
    }

    /// Hands over what is pending, each edge once, in any order.
    pub(super) fn deliver(&mut self, mut on_event: impl FnMut(Event)) {
        let count = self.pending.len().min(EVENTS_PER_POLL);
        let mut batch: Vec<Event> = Vec::with_capacity(count + 1);
        for pending in self.pending.drain(..count) {
            batch.push(match pending {
                Pending::Listener(number) => Event::Listener(number),
                Pending::Signal(signal) => Event::Signal(signal),
                Pending::Socket(socket) => {
                    let state = &mut self.sockets[socket];
                    let id = state.id.expect("only registered sockets have edges");
                    Event::Client(id, state.take_edge())
                }
            });
        }
        batch.extend(self.stale_event());
        self.faults.rng.shuffle(&mut batch);
        self.events += batch.len() as u64;
        batch.into_iter().for_each(&mut on_event);
    }

    /// An edge of a client that is no more. It may say anything.
    fn stale_event(&mut self) -> Option<Event> {
        let taken = self.faults.strike(Fault::StaleEdgeForTakenSlot);
        let old = if taken {
            let live = |slot| {
                let tenants = self.sockets.iter().filter(|socket| socket.is_open());
                tenants
                    .filter_map(|socket| socket.id)
                    .any(|id| id.slot() == slot)
            };
            let old = self.freed.iter().rev().take(64).find(|id| live(id.slot()));
            self.faults.hits[Fault::StaleEdgeForTakenSlot as usize] -= u64::from(old.is_none());
            old.copied()
        } else if self.faults.strike(Fault::StaleEdge) {
            self.freed.last().copied()
        } else {
            None
        };
        let all =
            Readiness::READABLE | Readiness::WRITABLE | Readiness::READ_CLOSED | Readiness::ERROR;
        old.map(|id| Event::Client(id, all))
    }
}
