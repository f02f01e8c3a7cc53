//! Who has their turn next: those who move little before those who move much, and the clock bounds what the latter get.

use std::collections::VecDeque;

use crate::engine::ClientId;
use crate::limits::{
    BYTES_PER_TURN, CONNECTIONS_PER_TURN, HEAVY_PER_TURN, HEAVY_TIME_PER_TURN, LIGHT_BYTES_PER_TURN,
};

use super::Reactor;
use super::connection::Connection;
use super::net::Net;

/// Connections that may have something to do, each once.
///
/// All are taken for light at first. Those who turn out to be heavy, because there was more to read from them than a light
/// one gets, stand in a second line. A turn of the loop sees to many light ones and then, for a while, to heavy ones:
/// so a message waits neither for hundreds of streams nor for what they cost, and streams have most of each turn.
#[derive(Default)]
pub struct Agenda {
    light: VecDeque<ClientId>,
    heavy: VecDeque<ClientId>,
}

/// How many, in either line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lines {
    pub light: usize,
    pub heavy: usize,
}

impl Agenda {
    /// Puts a connection behind all others, unless it stands in line already.
    #[inline]
    pub fn add<N: Net>(&mut self, id: ClientId, connection: &mut Connection<N>) {
        if !connection.queued {
            connection.queued = true;
            self.light.push_back(id);
        }
    }

    /// Puts one that turned out to be heavy behind those who are.
    pub fn postpone(&mut self, id: ClientId) {
        self.heavy.push_back(id);
    }

    pub fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty()
    }

    pub fn waiting(&self) -> Lines {
        Lines {
            light: self.light.len(),
            heavy: self.heavy.len(),
        }
    }
}

impl<N: Net> Reactor<N> {
    /// Gives a bounded number of connections their turn, in each line those first who have been ready the longest. Answers
    /// how many.
    pub(super) fn work_off_agenda(&mut self) -> Lines {
        let light = self.agenda.light.len().min(CONNECTIONS_PER_TURN);
        for _ in 0..light {
            let Some(id) = self.agenda.light.pop_front() else {
                break;
            };
            self.work(id, LIGHT_BYTES_PER_TURN);
        }
        let heavy = match self.agenda.heavy.len().min(HEAVY_PER_TURN) {
            0 => 0,
            most => self.work_off_heavy(most),
        };
        Lines { light, heavy }
    }

    #[inline(never)]
    fn work_off_heavy(&mut self, most: usize) -> usize {
        let end = self.net.now() + HEAVY_TIME_PER_TURN;
        for worked in 0..most {
            // One at least has its turn, however long the others took.
            if worked > 0 && self.net.now() >= end {
                return worked;
            }
            if let Some(id) = self.agenda.heavy.pop_front() {
                self.work(id, BYTES_PER_TURN);
            }
        }
        most
    }
}
