//! What the engine tells the operator, as data: whoever carries out the outputs writes it down.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::greeting::Refusal;
use super::sides::{Members, Side};
use super::{ClientId, CloseReason, Source};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    RoomOpened {
        room: u64,
        members: Members,
    },
    /// The same, if the room is on a worker.
    HandedOver {
        room: u64,
        members: Members,
        worker: String,
    },
    /// A worker did not take a room.
    WorkerFailed(Box<WorkerFailure>),
    /// One that had failed takes rooms again.
    WorkerUp {
        worker: String,
    },
    RoomOver {
        room: u64,
        members: Members,
        /// Why, and through whom if it was one of them.
        reason: CloseReason,
        by: Option<ClientId>,
        lasted: Duration,
    },
    /// A client has come through a proxy, which gives this as its address.
    SpeaksFor {
        client: ClientId,
        peer: SocketAddr,
    },
    /// A client has proved to be this user.
    LoggedIn {
        client: ClientId,
        name: String,
    },
    /// No logins from there for this time.
    Penalised {
        source: Source,
        time: Duration,
    },
    /// A client was not let in.
    Refused {
        client: ClientId,
        peer: SocketAddr,
        refusal: Refusal,
    },
    /// A client gave up waiting, or was made to.
    LeftLobby {
        client: ClientId,
        reason: CloseReason,
    },
}

/// Why a worker did not take a room. In a box of its own, since outputs are moved about all the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFailure {
    pub worker: String,
    pub address: SocketAddr,
    pub why: String,
    /// How long it is left out; `None` if it has another address.
    pub rest: Option<Duration>,
}

impl fmt::Display for WorkerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkerFailure {
            worker,
            address,
            why,
            rest,
        } = self;
        let rest = rest.map(|rest| format!(": no rooms for {} s", rest.as_secs()));
        let rest = rest.unwrap_or_default();
        write!(f, "worker {worker} at {address}: {why}{rest}")
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::RoomOpened { room, members } => room_opened(f, *room, *members),
            Note::HandedOver {
                room,
                members,
                worker,
            } => {
                let [x, y] = [Side::X, Side::Y].map(|side| members.get(side));
                let [x, y] = [x, y].map(|id| id.map_or(0, ClientId::number));
                write!(
                    f,
                    "room {room}: clients {x} and {y} are now connected by worker {worker}"
                )
            }
            Note::WorkerFailed(failure) => failure.fmt(f),
            Note::WorkerUp { worker } => write!(f, "worker {worker}: takes rooms again"),
            Note::RoomOver {
                room,
                reason,
                by,
                lasted,
                ..
            } => {
                write!(f, "room {room}: over after {:.3} s: ", lasted.as_secs_f64())?;
                match by {
                    Some(client) => write!(f, "{client}: {reason}"),
                    None => write!(f, "{reason}"),
                }
            }
            Note::SpeaksFor { client, peer } => write!(f, "{client}: speaks for {peer}"),
            Note::LoggedIn { client, name } => write!(f, "{client}: logged in as {name}"),
            Note::Penalised { source, time } => write!(
                f,
                "{source}: too many failed logins: refused for {} s",
                time.as_secs()
            ),
            Note::Refused {
                client,
                peer,
                refusal,
            } => write!(f, "{client}: {peer} refused: {}", refusal.words),
            Note::LeftLobby { client, reason } => {
                write!(f, "{client}: gone from the lobby: {reason}")
            }
        }
    }
}

fn room_opened(f: &mut fmt::Formatter<'_>, room: u64, members: Members) -> fmt::Result {
    match members.second() {
        Some(y) => {
            let x = members.first();
            write!(
                f,
                "room {room}: clients {} and {} are now connected",
                x.number(),
                y.number()
            )
        }
        None => write!(
            f,
            "room {room}: {} is now connected to itself",
            members.first()
        ),
    }
}
