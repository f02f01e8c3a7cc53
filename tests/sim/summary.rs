//! What was seen, and whether it was right: in one run, or in many.

use std::time::Duration;

use pairloop::engine::{CloseReason, Moods};
use pairloop::reactor::Statistics;

use super::forward::Handovers;
use super::lines::Lines;
use super::named_oracle::NamedOracle;
use super::net::{End, Fault, Wire};
use super::oracle::{Oracle, Tally};
use super::plan::Kind;
use super::setup::{Door, Service};
use super::world::World;

/// What was seen in one run or in many.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    pub seeds: u64,
    pub turns: u64,
    pub clients: u64,
    pub whole: u64,
    pub bytes: u64,
    pub refused: u64,
    pub faults: [u64; Fault::ALL.len()],
    pub closed: [u64; CloseReason::ALL.len()],
    pub moods: Moods,
    pub kinds: [u64; Kind::ALL.len()],
    /// Rooms that ended well, by service.
    pub done: [u64; SERVICES.len()],
    /// Those of them that had names, and those for which one had to log in.
    pub named: u64,
    pub with_login: u64,
    pub handovers: Handovers,
}

pub const SERVICES: [&str; 5] = ["relay", "echo", "chat", "order", "transit"];

impl Summary {
    pub fn add(&mut self, other: &Summary) {
        self.seeds += other.seeds;
        self.turns += other.turns;
        self.clients += other.clients;
        self.whole += other.whole;
        self.bytes += other.bytes;
        self.refused += other.refused;
        self.named += other.named;
        self.with_login += other.with_login;
        self.handovers.add(&other.handovers);
        let add = |sums: &mut [u64], more: &[u64]| {
            let pairs = sums.iter_mut().zip(more);
            pairs.for_each(|(sum, more)| *sum += more);
        };
        add(&mut self.faults, &other.faults);
        self.moods.add(other.moods);
        add(&mut self.closed, &other.closed);
        add(&mut self.kinds, &other.kinds);
        add(&mut self.done, &other.done);
    }
}

/// Judges a run that is over.
pub fn sum_up(
    wire: &Wire,
    world: &World,
    statistics: &Statistics,
    turns: u64,
    wait: Option<Duration>,
) -> Summary {
    assert_eq!(
        (wire.open_streams, wire.open_listeners),
        (0, 0),
        "every descriptor is closed"
    );
    let lines = Lines::new(world, wire);
    lines.judge();
    NamedOracle::new(world, wire, &lines).judge();
    let Tally { whole, bytes } = Oracle::new(world, wire, wait).judge();
    let refused = statistics
        .services
        .iter()
        .map(|service| service.refused)
        .sum();
    let mut summary = Summary {
        seeds: 1,
        turns,
        clients: world.peers.len() as u64,
        whole,
        bytes,
        refused,
        faults: wire.faults.hits,
        handovers: Handovers::of(world, wire, refused),
        ..Summary::default()
    };
    for &(reason, count) in &statistics.closed {
        summary.closed[reason as usize] += count;
    }
    let count = |doors: &[Door]| {
        let doors = lines.rooms.iter().filter(|room| {
            let door = world.lobbies()[room.x.listener].door;
            room.over == Some(CloseReason::Done) && doors.contains(&door)
        });
        doors.count() as u64
    };
    summary.named = count(&[Door::Named, Door::Login]);
    summary.with_login = count(&[Door::Login]);
    let mut done = |service: Service| {
        let place = SERVICES.iter().position(|&name| name == service.name());
        summary.done[place.expect("every service has its place")] += 1;
    };
    for peer in &world.peers {
        summary.kinds[peer.plan.kind as usize] += 1;
        if peer.service == Service::Echo && peer.end == Some(End::Fin) && peer.sent_fin {
            done(peer.service);
        }
    }
    for room in &lines.rooms {
        if room.over == Some(CloseReason::Done) {
            done(room.x.service);
        }
    }
    summary
}
