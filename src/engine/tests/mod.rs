//! The engine as tables: in this state, this input, these outputs.

mod chat;
mod forward;
mod login;
mod named;
mod no_worker;
mod order;
mod proxied;
mod rooms;
mod route;
mod sessions;
mod sources;
mod transit;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::service::ServiceKind;
use super::*;
use CloseReason::*;
use Happening::*;

const RELAY: ListenerId = 0;
const ECHO: ListenerId = 1;
const ORDER: ListenerId = 2;

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5000);

const HELLO: Duration = Duration::from_secs(20);
const WAIT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);
const HALF_CLOSE: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(5);

/// An engine with a relay and an echo listener, and a clock that only the test moves.
struct Bench {
    engine: Engine,
    now: Instant,
    /// What was said of sessions, which has tables of its own.
    sessions: Vec<Session>,
    /// What was said at the door, and by whom.
    openings: Vec<(ClientId, usize)>,
}

/// What can happen to the room of clients 1 and 2, in one word.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Eof(u64),
    Lost(u64),
    Later(Duration),
    /// The answer to the question that a deadline asked: a byte moved so long ago.
    Active(Duration),
    Stop,
}

/// The id of the `number`th client. In these tables slots and numbers go together.
fn id(number: u64) -> ClientId {
    ClientId::new(number, number as usize)
}

impl Bench {
    fn new() -> Self {
        let services = [
            ("relay", Meeting::Arrival),
            ("echo", Meeting::Arrival),
            ("order", Meeting::Arrival),
            ("relay", Meeting::Named),
            ("chat", Meeting::Named),
            ("transit", Meeting::Arrival),
        ];
        let services = services.map(|(name, meeting)| (factory(name, &[]), meeting));
        let timeouts = Timeouts {
            hello: Some(HELLO),
            wait: Some(WAIT),
            idle: Some(IDLE),
            half_close: Some(HALF_CLOSE),
        };
        Self::of(services, timeouts)
    }

    fn of(services: impl IntoIterator<Item = (Factory, Meeting)>, timeouts: Timeouts) -> Self {
        let now = Instant::now();
        Self {
            engine: Engine::new(services, timeouts, now),
            now,
            sessions: Vec::new(),
            openings: Vec::new(),
        }
    }

    fn input(&mut self, client: u64, input: Input<'_>) -> (usize, Vec<Output>) {
        let taken = self.engine.handle_input(self.now, id(client), input);
        (taken, self.outputs())
    }

    fn accept(&mut self, client: u64, listener: ListenerId) -> Vec<Output> {
        self.input(client, accepted(listener)).1
    }

    fn happen(&mut self, happening: Happening) -> Vec<Output> {
        match happening {
            Eof(client) => self.input(client, Input::Eof { unread: b"" }).1,
            Lost(client) => self.input(client, Input::Lost(Reset)).1,
            Active(ago) => {
                self.input(
                    1,
                    Input::Activity {
                        last: self.now - ago,
                    },
                )
                .1
            }
            Later(duration) => {
                self.now += duration;
                self.engine.handle_timeout(self.now);
                self.outputs()
            }
            Stop => {
                self.engine.stop(self.now, DRAIN);
                self.outputs()
            }
        }
    }

    /// Whether nobody is left who came by this listener.
    fn is_empty(&self, listener: ListenerId) -> bool {
        let counts = self.engine.counts()[listener].1;
        (counts.clients, counts.waiting, counts.rooms) == (0, 0, 0)
    }

    fn sessions_of(&self, client: ClientId) -> usize {
        let has = |session: &&Session| session.members.iter().any(|(_, id)| id == client);
        self.sessions.iter().filter(has).count()
    }

    fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Session(session) => {
                    for (_, client) in session.members.iter() {
                        assert_eq!(self.sessions_of(client), 0, "{client:?} has a session");
                    }
                    self.sessions.push(session);
                }
                Output::Opening { client, bytes } => self.openings.push((client, bytes)),
                // A main server's rooms have their session with X alone.
                Output::Close { client, .. } if self.engine.connections_per_client() == 1 => {
                    assert_eq!(self.sessions_of(client), 1, "{client:?} has no session");
                    outputs.push(output);
                }
                output => outputs.push(output),
            }
        }
        outputs
    }
}

/// A client has come by this listener. Where from, only those are told who ask.
fn accepted(listener: ListenerId) -> Input<'static> {
    let peer = PEER;
    Input::Accepted { listener, peer }
}

fn forward(from: u64, to: u64) -> Output {
    Output::Forward {
        from: id(from),
        to: id(to),
    }
}

fn finish(client: u64) -> Output {
    Output::Finish(id(client))
}

fn factory(name: &str, options: &[(&str, &str)]) -> Factory {
    ServiceKind::find(name).unwrap().factory(options).unwrap()
}

/// How a raw stream is closed.
fn close(client: u64, reason: CloseReason) -> Output {
    Output::Close {
        client: id(client),
        reason,
        ending: reason.ending(),
    }
}

fn left(client: u64, reason: CloseReason) -> Vec<Output> {
    vec![
        Output::Note(Note::LeftLobby {
            client: id(client),
            reason,
        }),
        close(client, reason),
    ]
}

/// The outputs that end the room of clients 1 and 2.
fn over(
    reason: CloseReason,
    by: Option<u64>,
    x: CloseReason,
    y: CloseReason,
    after: Duration,
) -> Vec<Output> {
    let members = Members::two(id(1), id(2));
    let note = Note::RoomOver {
        room: 1,
        members,
        reason,
        by: by.map(id),
        lasted: after,
    };
    vec![Output::Note(note), close(1, x), close(2, y)]
}

/// Runs each row in a fresh state, and compares the outputs of its last happening.
fn check(table: &[(&[Happening], Vec<Output>)], state: fn() -> Bench) {
    for (happenings, expected) in table {
        let mut bench = state();
        let mut outputs = Vec::new();
        for &happening in *happenings {
            outputs = bench.happen(happening);
        }
        assert_eq!(outputs, *expected, "{happenings:?}");
    }
}

fn waiting() -> Bench {
    let mut bench = Bench::new();
    assert_eq!(bench.accept(1, RELAY), vec![]);
    bench
}

fn paired() -> Bench {
    let mut bench = waiting();
    let opened = Note::RoomOpened {
        room: 1,
        members: Members::two(id(1), id(2)),
    };
    assert_eq!(
        bench.accept(2, RELAY),
        vec![Output::Note(opened), forward(1, 2), forward(2, 1)]
    );
    bench
}

fn half_closed_by_x() -> Bench {
    let mut bench = paired();
    assert_eq!(bench.happen(Eof(1)), vec![finish(2)]);
    bench
}

fn half_closed_by_y() -> Bench {
    let mut bench = paired();
    assert_eq!(bench.happen(Eof(2)), vec![finish(1)]);
    bench
}

const NONE: Duration = Duration::ZERO;
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn nothing_is_taken_from_a_client_that_waits() {
    let mut bench = waiting();
    assert_eq!(bench.input(1, Input::Data(b"early")), (0, vec![]));
    // The room forwards what was left; the engine does not hear of it again.
    assert_eq!(bench.accept(2, RELAY)[1..], [forward(1, 2), forward(2, 1)]);
}

#[test]
fn clients_pair_in_the_order_in_which_they_come() {
    let mut bench = paired();
    assert_eq!(bench.accept(3, RELAY), vec![]);
    // Another listener is another lobby.
    assert_eq!(bench.accept(4, ECHO)[1..], [forward(4, 4)]);
    assert_eq!(
        bench.happen(Lost(1)),
        over(Reset, Some(1), Reset, PartnerLost, NONE)
    );
    assert_eq!(bench.accept(5, RELAY)[1..], [forward(3, 5), forward(5, 3)]);
}

#[test]
fn whoever_left_the_lobby_is_no_ones_partner() {
    for happening in [Eof(1), Lost(1), Later(WAIT)] {
        let mut bench = waiting();
        bench.happen(happening);
        assert_eq!(bench.accept(2, RELAY), vec![], "{happening:?}");
        assert_eq!(bench.accept(3, RELAY)[1..], [forward(2, 3), forward(3, 2)]);
    }
}

#[test]
fn counts_are_those_of_the_moment() {
    let mut bench = paired();
    bench.accept(3, RELAY);
    bench.accept(4, ECHO);
    let counts = |clients, waiting, rooms| Counts {
        clients,
        waiting,
        rooms,
        ..Counts::default()
    };
    assert_eq!(
        bench.engine.counts()[..2],
        [("relay", counts(3, 1, 1)), ("echo", counts(1, 0, 1))]
    );
    assert_eq!(bench.engine.clients(), 4);
    for client in [1, 3, 4] {
        bench.happen(Lost(client));
    }
    assert!(bench.is_empty(RELAY) && bench.is_empty(ECHO));
    assert_eq!(
        (bench.engine.clients(), bench.engine.poll_timeout()),
        (0, None)
    );
}

#[test]
#[should_panic(expected = "drained between two mutations")]
#[cfg(debug_assertions)]
fn undrained_outputs_are_a_bug() {
    let mut bench = Bench::new();
    bench.engine.handle_input(bench.now, id(1), accepted(ECHO));
    bench.engine.handle_input(bench.now, id(2), accepted(ECHO));
}

#[test]
#[should_panic(expected = "has sent FIN twice")]
fn a_second_fin_is_a_bug() {
    let mut bench = half_closed_by_x();
    bench.happen(Eof(1));
}

#[test]
fn a_stream_cut_short_never_ends_with_fin() {
    for reason in CloseReason::ALL {
        // The last two were waiting for a stream to begin.
        let uncut = matches!(reason, Done | Left | Impatient | Redundant);
        assert_eq!(reason.ending() == Ending::Finish, uncut, "{reason:?}");
    }
}
