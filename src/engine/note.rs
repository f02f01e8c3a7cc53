//! What the engine tells the operator, as data: whoever carries out the outputs writes it down.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::greeting::Refusal;
use super::sides::Members;
use super::{ClientId, CloseReason, Source};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    RoomOpened {
        room: u64,
        members: Members,
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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::RoomOpened { room, members } => match members.second() {
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
            },
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
