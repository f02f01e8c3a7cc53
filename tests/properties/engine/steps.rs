//! One step of a script.

use std::sync::Arc;
use std::time::Duration;

use pairloop::engine::{ClientId, CloseReason, Engine, Input};
use pairloop::limits::DEADLINES_PER_TURN;

use super::client::Client;
use super::listeners::{self, TIMEOUTS, USERS};
use super::script::Script;
use super::words::words;
use super::world::World;

const REASONS: [CloseReason; 4] = [
    CloseReason::Reset,
    CloseReason::Unreachable,
    CloseReason::StallTimeout,
    CloseReason::Failed,
];

const PASSES: [Duration; 6] = [
    Duration::from_nanos(1),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(30),
    Duration::from_secs(3600),
];

const SOURCES: [&str; 4] = [
    "127.0.0.1:1",
    "192.0.2.1:1",
    "[2001:db8::1]:1",
    "[::ffff:192.0.2.1]:1",
];

impl World {
    /// Does what the script says next, and what follows from it.
    pub fn step(&mut self, script: &mut Script<'_>) {
        match script.below(18) {
            0..=2 => self.connect(script),
            3..=7 => self.say(script),
            8 => self.with(script, |client, _| client.has_sent_fin = true),
            9 => {
                if let Some(id) = self.choose(script) {
                    self.lose(id, script.one_of(&REASONS));
                }
            }
            10 => self.write(script),
            11 => self.pass(script.one_of(&PASSES), true),
            12 => self.pass(script.one_of(&PASSES), false),
            13 => self.dialed(script),
            14 => self.with(script, |client, _| client.slow = !client.slow),
            15 => while self.turn_of_one() {},
            16 => self.reload(script),
            _ => self.stop(script),
        }
        match self.lazy {
            true => self.turn(),
            false => while self.turn_of_one() {},
        }
        self.counts_are_right();
    }

    fn choose(&self, script: &mut Script<'_>) -> Option<ClientId> {
        let nth = script.below(self.clients.len().max(1));
        self.clients.keys().nth(nth).copied()
    }

    /// Does something to a client, who then has its turn.
    fn with(&mut self, script: &mut Script<'_>, act: impl FnOnce(&mut Client, &mut Script<'_>)) {
        if let Some(id) = self.choose(script)
            && let Some(client) = self.clients.get_mut(&id)
        {
            act(client, script);
            self.ready.push_back(id);
        }
    }

    fn connect(&mut self, script: &mut Script<'_>) {
        let listener = script.below(listeners::count());
        let peer = script.one_of(&SOURCES).parse().expect("it is an address");
        let id = self.new_id();
        let client = Client::new(id, Some(listener), self.slow);
        self.clients.insert(id, client);
        self.accepted += 1;
        self.tell(id, Input::Accepted { listener, peer });
    }

    fn say(&mut self, script: &mut Script<'_>) {
        self.with(script, |client, script| {
            let words = words(script, client.challenge.as_deref());
            client.says(&words);
        });
    }

    /// A client takes what it was sent.
    fn write(&mut self, script: &mut Script<'_>) {
        if let Some(id) = self.choose(script) {
            self.drained(id);
        }
    }

    fn pass(&mut self, time: Duration, in_time: bool) {
        self.now += time;
        let due = |engine: &Engine, now| engine.poll_timeout().is_some_and(|at| at <= now);
        if in_time {
            // Nobody has more than a door, a room, its service and a handover.
            let mut calls = 4 * self.clients.len() / DEADLINES_PER_TURN + 2;
            while due(&self.engine, self.now) {
                assert!(calls > 0, "what was due is due for ever");
                self.engine.handle_timeout(self.now);
                self.carry_out(None);
                calls -= 1;
            }
        }
    }

    fn dialed(&mut self, script: &mut Script<'_>) {
        let fate = script.byte();
        let dialing = self.clients.values().filter(|client| client.dialing);
        let dialing: Vec<ClientId> = dialing.map(|client| client.id).collect();
        let Some(&id) = dialing.get(usize::from(fate) % dialing.len().max(1)) else {
            return;
        };
        if fate & 0x80 != 0 {
            return self.lose(id, CloseReason::Reset);
        }
        self.client(id).dialing = false;
        self.tell(id, Input::Dialed);
        self.ready.push_back(id);
    }

    fn reload(&mut self, script: &mut Script<'_>) {
        let listener = script.below(listeners::count());
        let choice = script.byte();
        let timeouts = TIMEOUTS[usize::from(choice) % 3];
        match script.below(5) {
            0 => self.engine.set_timeouts(timeouts),
            1 => self.engine.set_wait_timeout(listener, timeouts.wait),
            2 if self.counts_sources => {
                let most = (choice & 1 == 0).then_some(u32::from(choice >> 1));
                self.engine.set_clients_per_source(most);
            }
            3 => {
                for listener in [2, 4] {
                    let users = &USERS[usize::from(choice & 1)];
                    self.engine.set_users(listener, Arc::clone(users));
                }
            }
            _ => {
                let workers = listeners::workers(listener);
                for worker in 0..workers {
                    let addresses = listeners::addresses(choice >> (2 * worker));
                    self.engine.set_worker(listener, worker, addresses);
                }
            }
        }
    }

    fn stop(&mut self, script: &mut Script<'_>) {
        if !script.byte().is_multiple_of(8) {
            return;
        }
        self.stops += 1;
        match self.stops {
            1 => self.engine.stop(self.now, script.one_of(&PASSES)),
            _ => self.engine.stop_at_once(self.now),
        }
        self.carry_out(None);
        if self.stops > 1 {
            assert!(self.engine.is_stopped() && self.clients.is_empty());
        }
    }
}
