//! One seed from beginning to end.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::Engine;
use pairloop::reactor::{Net, Reactor, Statistics};

use super::forward::spread_strikes;
use super::lines::Lines;
use super::login::{Rereading, users};
use super::model::Model;
use super::net::{DIALED, Faults, SimNet, Wire};
use super::notes;
use super::oracle::Oracle;
use super::sessions::Sessions;
use super::setup::{Door, Service, Setup};
use super::summary::{Summary, sum_up};
use super::world::World;

/// Turns of one run. Far more than any needs.
const MOST_TURNS: u64 = 3_000_000;

/// Turns in which neither time nor a byte may move.
const MOST_STILL_TURNS: u64 = 500;

/// Turns in which the daemon must be rid of everything once the last peer has gone.
const MOST_LAST_TURNS: usize = 5_000;

/// By how much what the daemon says itself may overdraw a buffer: an order room's sentence is somewhat longer than
/// two messages, which is what a buffer may always hold.
const LONGEST_WORDS: usize = 64;

thread_local! {
    /// How far the run has come, for whoever has to say where it failed.
    pub static STEP: Cell<(u64, Duration)> = const { Cell::new((0, Duration::ZERO)) };
}

/// Runs one seed. It panics at the first thing that is wrong.
pub fn run(seed: u64) -> Summary {
    notes::clear();
    let mut rng = Rng::with_seed(seed);
    let setup = Setup::random(&mut rng);
    let faults = match rng.u8(..4) {
        0 => Faults::none(rng.u64(..)),
        _ => Faults::some(rng.u64(..)),
    };
    log::debug!("{:?}, {:?}", setup.settings, setup.timeouts);
    let (settings, timeouts) = (setup.settings.clone(), setup.timeouts);
    let (lobbies, clients_per_source) = (setup.lobbies.clone(), setup.clients_per_source);
    let wire = Rc::new(RefCell::new(Wire::new(faults)));
    lay_cables(&setup, &mut wire.borrow_mut());
    let world = Rc::new(RefCell::new(World::new(setup, rng.u64(..))));
    let driven = Rc::clone(&world);
    let drive = Box::new(move |wire: &mut Wire| driven.borrow_mut().drive(wire));
    let net = SimNet::new(Rc::clone(&wire), drive);
    let factories = lobbies
        .iter()
        .map(|lobby| (lobby.factory(), lobby.meeting()));
    let mut engine = Engine::new(factories, timeouts, net.now())
        .with_nonces([3; 32])
        .with_clients_per_source(clients_per_source);
    let with_users = (0..lobbies.len()).filter(|&lobby| lobbies[lobby].door == Door::Login);
    let with_users: Vec<usize> = with_users.collect();
    for (listener, lobby) in lobbies.iter().enumerate() {
        if let Some(workers) = lobby.via {
            workers.announce(listener, &mut engine);
        }
    }
    for &listener in &with_users {
        engine.set_users(listener, users());
    }
    let mut reactor = Reactor::new(net, engine, settings.clone(), Box::new(io::sink()));
    reactor.set_reload(Box::new(Rereading::of(with_users)));
    let sessions = Sessions::default();
    reactor.set_usage(Box::new(sessions.clone()));
    for (number, lobby) in lobbies.iter().enumerate() {
        let listener = reactor.add_listener(number, SimNet::listen);
        listener.expect("a simulated listener can be had");
        if !lobby.service.is_raw() || lobby.is_named() || lobby.via.is_some() {
            wire.borrow_mut().watch(number);
        }
    }
    let mut run = Run {
        reactor,
        wire,
        world,
        most_connections: 2 * settings.max_clients,
        most_held: settings.buffer_memory + 2 * settings.max_clients * LONGEST_WORDS,
        turns: 0,
        still: Still::default(),
        finishers: 0,
        paused: Duration::ZERO,
    };
    let statistics = run.finish(settings.drain_timeout);
    let Run {
        reactor,
        wire,
        world,
        turns,
        ..
    } = run;
    drop(reactor);
    spread_strikes(&world.borrow(), &mut wire.borrow_mut());
    let (wire, world) = (wire.borrow(), world.borrow());
    let mut summary = sum_up(&wire, &world, &statistics, turns, timeouts.wait);
    summary.moods = sessions.judge(&world, &wire, &statistics);
    summary
}

fn lay_cables(setup: &Setup, wire: &mut Wire) {
    wire.cables.longest = setup.cable_delay;
    wire.cables.sizes = setup.profile.sizes();
    wire.cables.backlog = setup.backlog;
    wire.watch(DIALED);
}

struct Run {
    reactor: Reactor<SimNet>,
    wire: Rc<RefCell<Wire>>,
    world: Rc<RefCell<World>>,
    most_held: usize,
    most_connections: usize,
    turns: u64,
    still: Still,
    finishers: usize,
    /// For how long the process had been stopped before it was asked to end.
    paused: Duration,
}

/// How long nothing has moved.
#[derive(Default)]
struct Still {
    last: (Duration, u64, u64),
    turns: u64,
}

impl Run {
    fn finish(&mut self, drain: Duration) -> Statistics {
        let mut left = MOST_LAST_TURNS;
        while self.turn() {
            let (complete, live, stopped) = {
                let world = self.world.borrow();
                (world.is_complete(), world.live, world.stopped)
            };
            if complete {
                self.wire.borrow_mut().faults.switch_off();
            }
            if stopped.is_none() {
                self.paused = self.wire.borrow().paused;
            }
            if let Some(at) = stopped {
                self.check_stop(at, drain);
            } else if complete && live == 0 {
                // Everybody has gone, so everything must go.
                let (statistics, rest) = self.rest();
                if rest == Rest::default() {
                    return statistics;
                }
                left -= 1;
                assert!(left > 0, "{rest:?} is left");
            }
            if std::mem::take(&mut self.wire.borrow_mut().idle) {
                self.help_those_who_wait();
            }
        }
        assert!(self.world.borrow().stopped.is_some(), "it ended by itself");
        self.reactor.statistics()
    }

    fn turn(&mut self) -> bool {
        self.turns += 1;
        let on = self.reactor.turn().expect("the poll never fails");
        let wire = self.wire.borrow();
        STEP.set((self.turns, wire.now()));
        assert!(self.turns < MOST_TURNS, "it does not end");
        let state = (wire.now(), wire.moved, wire.events);
        if std::mem::replace(&mut self.still.last, state) != state {
            self.still.turns = 0;
        }
        self.still.turns += 1;
        assert!(
            self.still.turns < MOST_STILL_TURNS,
            "it turns and does nothing"
        );
        drop(wire);
        if self.turns.is_multiple_of(16) {
            let Statistics {
                buffered,
                connections,
                ..
            } = self.reactor.statistics();
            assert!(
                buffered <= self.most_held && connections <= self.most_connections,
                "{buffered} bytes are buffered by {connections} connections"
            );
        }
        on
    }

    fn rest(&self) -> (Statistics, Rest) {
        let statistics = self.reactor.statistics();
        let counts = statistics.services.iter().map(|service| service.counts);
        let rest = Rest {
            connections: statistics.connections,
            clients: counts.clone().map(|counts| counts.clients).sum(),
            waiting: counts.map(|counts| counts.waiting).sum(),
            buffered: statistics.buffered,
            timers: statistics.timers,
            on_workers: statistics.workers.iter().map(|worker| worker.rooms).sum(),
            descriptors: self.wire.borrow().open_streams,
        };
        (statistics, rest)
    }

    /// The poll would wait for ever: somebody may still lack a partner, but nobody may have been forgotten.
    fn help_those_who_wait(&mut self) {
        let (_, rest) = self.rest();
        let mut world = self.world.borrow_mut();
        let wire = &mut *self.wire.borrow_mut();
        if (world.live, rest) == (0, Rest::default()) {
            return;
        }
        let forgotten = Oracle::new(&world, wire, None).unfinished();
        assert!(
            rest.waiting > 0,
            "a lost wake-up: {rest:?} with nothing to come, forgotten are {forgotten}"
        );
        self.finishers += 1;
        assert!(
            self.finishers < 200,
            "those who wait find no partner: {forgotten}"
        );
        for listener in 0..world.lobbies().len() {
            let lobby = world.lobbies()[listener];
            if !lobby.is_named() && lobby.service != Service::Echo && waits(&world, wire, listener)
            {
                world.help(listener, None, wire);
            }
        }
        let waiting = Model::replay(&world, wire).waiting(&world.peers);
        for (listener, wish) in waiting {
            world.help(listener, Some(wish.counterpart()), wire);
        }
    }

    /// The drain timeout is the loop's own time: it stands still while the process is stopped.
    fn check_stop(&self, at: Duration, drain: Duration) {
        let wire = self.wire.borrow();
        let paused = wire.paused - self.paused;
        // Busy turns are not counted in full, either, and it must look once more.
        let slack = Duration::from_secs(5);
        let latest = at + drain + paused + slack;
        assert!(wire.now() <= latest, "the stop takes too long");
    }
}

/// Whether the daemon still holds the last one whom this listener has let in, alone.
fn waits(world: &World, wire: &Wire, listener: usize) -> bool {
    let last = wire.joined(listener).last();
    last.is_some_and(|&socket| {
        let peer = &world.peers[socket];
        wire.is_held(socket) && !Lines::new(world, wire).is_in_a_room(peer)
    })
}

/// What the daemon still has.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Rest {
    connections: usize,
    clients: usize,
    waiting: usize,
    buffered: usize,
    timers: usize,
    /// Rooms.
    on_workers: u32,
    descriptors: usize,
}
