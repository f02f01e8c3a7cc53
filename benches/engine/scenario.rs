//! What is counted: the reactor and the engine at work for clients on a [`Kernel`] of no cost.

use std::io;
use std::time::Duration;

use pairloop::engine::service::ServiceKind;
use pairloop::engine::{Engine, Meeting, Timeouts};
use pairloop::reactor::{BufferMemory, Net, Reactor, Settings, Splicing};

use crate::kernel::{Arrived, Kernel, counted};

/// Clients at one time.
const CLIENTS: usize = 50;

/// A message, which is also a chat line.
const MESSAGE: &[u8; 64] = b"a line of sixty-four bytes, which is as long as most message...\n";

const HELLO: &[u8] = b"JOIN one.room.for-all ack\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A message from each client, and back to it.
    Echo,
    /// A message from X to Y, in each room.
    Relay(Splicing),
    /// A line from the one who has the turn, in each room.
    Chat,
    /// Two clients come, are paired, send FIN and are closed.
    Pairing,
    /// The same, and each says hello first.
    Hello,
}

impl Scenario {
    /// Does it so many times, a multiple of [`CLIENTS`].
    pub fn run(self, operations: usize) {
        match self {
            Scenario::Echo => {
                let mut daemon = Daemon::with_clients("echo", Splicing::Never);
                for _ in 0..operations / CLIENTS {
                    daemon.messages((0..CLIENTS).collect());
                }
            }
            Scenario::Relay(splicing) => {
                let mut daemon = Daemon::with_clients("relay", splicing);
                for _ in 0..2 * operations / CLIENTS {
                    daemon.messages((0..CLIENTS).step_by(2).collect());
                }
            }
            Scenario::Chat => {
                let mut daemon = Daemon::with_clients("chat", Splicing::Never);
                for turn in 0..2 * operations / CLIENTS {
                    daemon.messages((turn % 2..CLIENTS).step_by(2).collect());
                }
            }
            Scenario::Pairing => {
                let mut daemon = Daemon::new("relay", Splicing::Never);
                for _ in 0..2 * operations / CLIENTS {
                    daemon.connect();
                    daemon.leave();
                }
            }
            Scenario::Hello => {
                let mut daemon = Daemon::of("relay", Meeting::Named, Splicing::Never, HELLO);
                for _ in 0..2 * operations / CLIENTS {
                    daemon.connect();
                    daemon.hellos();
                    daemon.leave();
                }
            }
        }
    }
}

struct Daemon {
    reactor: Reactor<Kernel>,
}

impl Daemon {
    /// With the timeouts that `pairloop serve` has when it is not told otherwise.
    fn new(service: &str, splicing: Splicing) -> Self {
        Self::of(service, Meeting::Arrival, splicing, MESSAGE)
    }

    /// One whose clients meet like this and say this.
    fn of(service: &str, meeting: Meeting, splicing: Splicing, message: &[u8]) -> Self {
        let kind = ServiceKind::find(service).expect("it is a service");
        let factory = kind.factory(&[]).expect("it needs no options");
        let timeouts = Timeouts {
            hello: Some(Duration::from_secs(10)),
            half_close: Some(Duration::from_secs(3600)),
            ..Timeouts::default()
        };
        let settings = Settings {
            max_clients: CLIENTS,
            buffer_memory: BufferMemory::floors(CLIENTS) + (16 << 20),
            splicing,
            pipes: CLIENTS,
            stall_timeout: Some(Duration::from_secs(60)),
            drain_timeout: Duration::from_secs(10),
            once: false,
            stats_file: None,
        };
        let net = Kernel::new(message, CLIENTS);
        let engine = Engine::new([(factory, meeting)], timeouts, net.now());
        let mut reactor = Reactor::new(net, engine, settings, Box::new(io::sink()));
        let listener = reactor.add_listener(0, |_, _| Ok(()));
        listener.expect("this kernel refuses nothing");
        Self { reactor }
    }

    fn with_clients(service: &str, splicing: Splicing) -> Self {
        let mut daemon = Self::new(service, splicing);
        daemon.connect();
        daemon
    }

    fn connect(&mut self) {
        self.reactor.net().connect(CLIENTS);
        self.settle();
        assert_eq!(self.reactor.statistics().connections, CLIENTS);
    }

    /// One message from each of these, which must all be passed on.
    fn messages(&mut self, senders: Vec<usize>) {
        let net = self.reactor.net();
        let expected = net.written + senders.len() * MESSAGE.len();
        for sender in senders {
            net.arrive(sender, Arrived::Message);
        }
        self.settle();
        assert_eq!(self.reactor.net().written, expected);
    }

    /// A hello from all, who must all find their partners.
    fn hellos(&mut self) {
        let rooms = self.rooms() + CLIENTS / 2;
        for socket in 0..CLIENTS {
            self.reactor.net().arrive(socket, Arrived::Message);
        }
        self.settle();
        assert_eq!(self.rooms(), rooms);
    }

    fn rooms(&self) -> usize {
        let services = self.reactor.statistics().services;
        services.iter().map(|service| service.counts.rooms).sum()
    }

    /// FIN from all, who must all be closed in order.
    fn leave(&mut self) {
        let net = self.reactor.net();
        let expected = net.closed + CLIENTS;
        for socket in 0..CLIENTS {
            net.arrive(socket, Arrived::Fin);
        }
        self.settle();
        assert_eq!(self.reactor.net().closed, expected);
    }

    /// Turns until there is nothing left to do. This is what is counted.
    fn settle(&mut self) {
        while !self.reactor.net().is_idle() {
            let turn = counted(|| self.reactor.turn());
            assert!(turn.expect("this poll does not fail"), "it has ended");
        }
    }
}
