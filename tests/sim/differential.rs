//! The same plans copied, spliced where it pays, and always spliced: what arrives must not tell the transports apart.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::{Engine, Meeting, Timeouts};
use pairloop::reactor::{BufferMemory, Net, Reactor, Settings, Splicing};

use super::net::{Capacity, End, Fault, Faults, SimNet, Wire};
use super::peer::Peer;
use super::plan::{FinWhen, Kind, Plan};
use super::profile::Profile;
use super::setup::{ECHO, LOBBIES, RELAY};

const SEEDS: u64 = 120;

/// Far more than any run needs.
const MOST_TURNS: u64 = 300_000;

/// Clients of one run.
const MOST_CLIENTS: usize = 12;

/// Misfortunes that cost nobody a connection.
const HARMLESS: [Fault; 17] = [
    Fault::InterruptedPoll,
    Fault::InterruptedAccept,
    Fault::InterruptedRead,
    Fault::InterruptedWrite,
    Fault::EagainAccept,
    Fault::EagainRead,
    Fault::EagainWrite,
    Fault::ShortRead,
    Fault::OneByteRead,
    Fault::ShortWrite,
    Fault::OneByteWrite,
    Fault::NoDescriptor,
    Fault::NoPipe,
    Fault::NotSpliceable,
    Fault::FullPipe,
    Fault::StaleEdge,
    Fault::MidTurn,
];

/// What is the same in all runs of a seed.
struct Course {
    clients: Vec<(usize, Plan, Capacity)>,
    memory: usize,
    pipes: usize,
    faults: Vec<(Fault, u32)>,
    seed: u64,
}

/// What one client has received, and how it ended. Its inbox has compared the bytes with what their sender sends, so
/// the sender, the first bytes of a stream that is too short to name one, and the length are the stream.
type Received = (Option<usize>, Vec<u8>, u64, Option<End>);

/// The outcome of a stream is determined if
///
/// - its receiver is well-behaved: it takes everything, says FIN once it has sent everything, and stays to the end;
/// - its sender is well-behaved too, or is lost after a number of bytes that its plan fixes, and says no FIN before that;
///
/// and if there are no timeouts, no stop, and none of the faults that cost a connection. Who is lost at a time, or
/// leaves without reading, is cut where that time finds it. (Nobody acts before all are let in: who meets whom is determined for all.)
fn is_determined(receiver: &Plan, sender: &Plan) -> bool {
    let lost = matches!(sender.kind, Kind::Aborter | Kind::Unreachable);
    receiver.kind.is_well_behaved()
        && (sender.kind.is_well_behaved() || (lost && sender.fin == FinWhen::Never))
}

#[test]
fn all_transports_deliver_the_same_streams_and_endings() {
    let (mut determined, mut streams, mut cut) = (0, 0, 0);
    let mut spliced = [0; 3];
    for seed in 0..SEEDS {
        let course = Course::random(seed);
        let determined_here = course.determined();
        let transports = [Splicing::Never, Splicing::Adaptive, Splicing::Always];
        let runs = transports.map(|splicing| course.run(splicing));
        let [copied, others @ ..] = &runs;
        for &receiver in &determined_here {
            let expected = &copied.0[receiver];
            let at = format!("seed {seed}, client {receiver}");
            course.assert_right(receiver, expected, &at);
            for (other, _) in others {
                assert_eq!(&other[receiver], expected, "{at}");
            }
            cut += u64::from(expected.3 == Some(End::Reset));
        }
        for (sum, (_, bytes)) in spliced.iter_mut().zip(&runs) {
            *sum += bytes;
        }
        streams += determined_here.len();
        // Of such a seed at least half of the streams are compared.
        determined += u64::from(2 * determined_here.len() >= course.clients.len());
    }
    println!("{determined} seeds, {streams} streams, {cut} cut, {spliced:?} bytes spliced");
    assert!(determined > SEEDS * 2 / 3, "{determined} of {SEEDS} seeds");
    assert!(cut > 10, "{cut} streams end with RST");
    assert_eq!(spliced[0], 0);
    assert!(0 < spliced[1] && spliced[1] < spliced[2], "{spliced:?}");
}

impl Course {
    fn random(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        // A few must have what makes links change their transport.
        let profile = match seed % 16 {
            0 => Profile::bulk(),
            _ => Profile::random(&mut rng),
        };
        let rooms = match profile.is_bulk() {
            true => 1,
            false => 1 + rng.usize(..MOST_CLIENTS / 2),
        };
        let mut clients = Vec::new();
        for _ in 0..rooms {
            let listener = [RELAY, RELAY, ECHO][rng.usize(..3)];
            for _ in 0..2 {
                let kind = match rng.u8(..4) {
                    0 => Kind::ALL[rng.usize(..Kind::ALL.len())],
                    _ => Kind::ALL[rng.usize(..Kind::Aborter as usize)],
                };
                let plan = Plan::new(kind, Duration::ZERO, &profile, &mut rng);
                clients.push((listener, plan, profile.capacity(&mut rng)));
            }
        }
        let beyond_floors = [rng.usize(..20_000), 16 << 20][rng.usize(..2)];
        let mut faults = Vec::new();
        for fault in HARMLESS {
            if rng.u8(..4) == 0 {
                faults.push((fault, 1 + rng.u32(..100)));
            }
        }
        Self {
            clients,
            memory: BufferMemory::floors(MOST_CLIENTS) + beyond_floors,
            pipes: rng.usize(1..20),
            faults,
            seed,
        }
    }

    /// Whose bytes this client receives.
    fn sender(&self, receiver: usize) -> usize {
        match self.clients[receiver].0 {
            ECHO => receiver,
            // Those of a room connect one after the other.
            _ => receiver ^ 1,
        }
    }

    fn determined(&self) -> Vec<usize> {
        let plan = |client: usize| &self.clients[client].1;
        let all = 0..self.clients.len();
        all.filter(|&receiver| is_determined(plan(receiver), plan(self.sender(receiver))))
            .collect()
    }

    /// The stream is what its sender's plan says.
    fn assert_right(&self, receiver: usize, (from, _, bytes, end): &Received, at: &str) {
        let sender = self.sender(receiver);
        let plan = &self.clients[sender].1;
        let (sent, expected) = match plan.exit_after {
            None => (plan.to_send, End::Fin),
            Some((bytes, _)) => (bytes.min(plan.to_send), End::Reset),
        };
        assert_eq!((*bytes, *end), (sent, Some(expected)), "{at}: {plan:?}");
        assert!(from.is_none_or(|from| from == sender), "{at}");
    }

    /// Runs it to the end: what everybody has received, and how many bytes went through pipes.
    fn run(&self, splicing: Splicing) -> (Vec<Received>, u64) {
        let mut faults = Faults::none(self.seed);
        for &(fault, chance) in &self.faults {
            faults.set(fault, chance);
        }
        let wire = Rc::new(RefCell::new(Wire::new(faults)));
        let crowd = Rc::new(RefCell::new(Crowd::default()));
        let driven = Rc::clone(&crowd);
        let drive = Box::new(move |wire: &mut Wire| driven.borrow_mut().drive(wire));
        let net = SimNet::new(Rc::clone(&wire), drive);
        let lobbies = LOBBIES.map(|service| (service.factory(), Meeting::Arrival));
        let engine = Engine::new(lobbies, Timeouts::default(), net.now());
        let mut reactor = Reactor::new(net, engine, self.settings(splicing), Box::new(io::sink()));
        for lobby in 0..LOBBIES.len() {
            let listener = reactor.add_listener(lobby, SimNet::listen);
            listener.expect("a simulated listener can be had");
        }
        for (number, &(listener, plan, capacity)) in self.clients.iter().enumerate() {
            let socket = wire.borrow_mut().connect(listener, capacity);
            let place = (listener, LOBBIES[listener]);
            let peer = Peer::new(number, plan, socket, place, None, Duration::ZERO);
            crowd.borrow_mut().add(peer, self.seed);
        }
        for _ in 0..MOST_TURNS {
            assert!(reactor.turn().expect("the poll never fails"));
            let statistics = reactor.statistics();
            let crowd = &mut *crowd.borrow_mut();
            crowd.may_act |= statistics.accepted == self.clients.len() as u64;
            if crowd.is_done() && statistics.connections == 0 {
                assert_eq!(statistics.buffered, 0);
                return (crowd.received(), wire.borrow().pipes.spliced);
            }
        }
        panic!("seed {}: it does not end", self.seed);
    }

    fn settings(&self, splicing: Splicing) -> Settings {
        Settings {
            max_clients: MOST_CLIENTS,
            buffer_memory: self.memory,
            splicing,
            pipes: self.pipes,
            stall_timeout: None,
            drain_timeout: Duration::ZERO,
            once: false,
            stats_file: None,
        }
    }
}

/// The clients, and when each acts next. Each has dice of its own, so that none depends on when the others act.
#[derive(Default)]
struct Crowd {
    peers: Vec<(Peer, Rng, Option<Duration>)>,
    /// Everybody is let in.
    may_act: bool,
}

impl Crowd {
    fn add(&mut self, peer: Peer, seed: u64) {
        let rng = Rng::with_seed(seed << 8 | peer.number as u64);
        self.peers.push((peer, rng, Some(Duration::ZERO)));
    }

    /// Everything that is due; answers when the next thing is.
    fn drive(&mut self, wire: &mut Wire) -> Option<Duration> {
        if !self.may_act {
            return None;
        }
        loop {
            for socket in wire.take_news() {
                let (peer, rng, next) = &mut self.peers[socket];
                let at = wire.now() + peer.pause(rng);
                *next = Some(next.map_or(at, |next| next.min(at)));
            }
            let times = self.peers.iter().enumerate();
            let times = times.filter_map(|(peer, &(_, _, next))| Some((next?, peer)));
            let (time, peer) = times.min()?;
            if time > wire.now() {
                return Some(time);
            }
            let (peer, rng, next) = &mut self.peers[peer];
            *next = peer.act(wire, rng);
        }
    }

    fn is_done(&self) -> bool {
        self.peers.iter().all(|(peer, _, _)| peer.is_done())
    }

    fn received(&self) -> Vec<Received> {
        let peers = self.peers.iter().map(|(peer, _, _)| peer);
        let received = peers.map(|peer| {
            let inbox = &peer.inbox;
            (inbox.from, inbox.first.clone(), inbox.received, peer.end)
        });
        received.collect()
    }
}
