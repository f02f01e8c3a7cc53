//! What the generator's thread and the one that watches know of each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::script::{KINDS, Kind};

/// Failures that are told in full.
const TOLD: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Running,
    /// Rooms come to their ends, and none begins.
    Draining,
    Stopped,
}

#[derive(Default)]
pub struct Shared {
    phase: AtomicU8,
    hurried: AtomicBool,
    open: AtomicUsize,
    rooms: AtomicUsize,
    burst: AtomicUsize,
    tally: Mutex<Tally>,
}

#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// By kind's name.
    pub begun: BTreeMap<&'static str, u64>,
    pub ended: BTreeMap<&'static str, u64>,
    /// Bytes that came and were right.
    pub bytes: u64,
    pub wrong: u64,
    pub told: Vec<String>,
}

impl Shared {
    pub fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Stopped,
        }
    }

    pub fn set(&self, phase: Phase) {
        self.hurried.store(false, Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    /// Whether everybody has been hurried; from the first time on, yes.
    pub fn is_hurried(&self) -> bool {
        self.hurried.swap(true, Relaxed)
    }

    pub fn tell(&self, open: usize, rooms: usize) {
        self.open.store(open, Relaxed);
        self.rooms.store(rooms, Relaxed);
    }

    /// Connections that are open, as of the last tick.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    pub fn rooms(&self) -> usize {
        self.rooms.load(Relaxed)
    }

    /// Asks for so many bad hellos as fast as they can be made.
    pub fn burst(&self, count: usize) {
        self.burst.fetch_add(count, Relaxed);
    }

    /// As many of them as are left, up to so many.
    pub fn take_burst(&self, most: usize) -> usize {
        let count = self.burst.load(Relaxed).min(most);
        self.burst.fetch_sub(count, Relaxed);
        count
    }

    pub fn tally(&self) -> Tally {
        self.lock().clone()
    }

    pub fn begun(&self, kind: Kind) {
        *self.lock().begun.entry(name(kind)).or_default() += 1;
    }

    pub fn ended(&self, kind: Kind, bytes: u64, wrong: Option<String>) {
        let mut tally = self.lock();
        *tally.ended.entry(name(kind)).or_default() += 1;
        tally.bytes += bytes;
        if let Some(words) = wrong {
            tally.wrong += 1;
            if tally.told.len() < TOLD {
                tally.told.push(words);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(kind: Kind) -> &'static str {
    let row = KINDS.iter().find(|(known, _, _)| *known == kind);
    row.map_or("", |(_, name, _)| name)
}
