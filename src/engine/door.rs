//! Clients who are not let in yet: they say which room they want, and in front of that perhaps who they are.

use std::net::SocketAddr;
use std::time::Duration;

use super::client::At;
use super::greeting::{Code, Greeting, Hello, Part, Refusal};
use super::lobby::Guest;
use super::login::{Login, PENALISED};
use super::service::Manner;
use super::table::Key;
use super::{
    ClientId, CloseReason, Due, Ending, Engine, ListenerId, Members, Moment, Mood, Note, Output,
};

/// One client at the door of a lobby.
pub(super) struct Door {
    pub client: ClientId,
    pub listener: ListenerId,
    pub peer: SocketAddr,
    /// When it connected.
    pub came: Moment,
    /// Everything must be said by then, however slowly it comes.
    pub deadline: Option<Moment>,
    pub stage: Stage,
}

/// What a client is to say next.
pub(super) enum Stage {
    /// A proxy's header, with the address of who it is.
    Header,
    /// Anything, which is its stream: it is a proxy, and perhaps only wanted to see whether anybody is there.
    FirstByte,
    /// Its hello.
    Hello,
    /// The rest of its login.
    Login(Box<Login>),
}

const NO_HELLO: Refusal = Refusal::new(Code::Timeout, "no hello came in time");
const NO_HEADER: Refusal = Refusal::new(Code::Timeout, "no PROXY header came in time");
const NO_BYTE: Refusal = Refusal::new(Code::Timeout, "a proxy said nothing of its own in time");
pub(super) const HALF_A_HEADER: Refusal = Refusal::new(Code::Hello, "the PROXY header has no end");
pub(super) const HALF_A_HELLO: Refusal = Refusal::new(Code::Hello, "the hello has no end");
const NO_ROLES: Refusal = Refusal::new(Code::Hello, "this service has no producers and consumers");

pub(super) const FULL: Refusal = Refusal::new(
    Code::Full,
    "your address has as many clients here as it may",
);
const CLOSING: Refusal = Refusal::new(Code::Closing, "the server stops");

impl Code {
    /// What it is called when somebody is turned away with this.
    fn reason(self) -> CloseReason {
        match self {
            Code::Hello | Code::Room => CloseReason::BadHello,
            Code::Auth => CloseReason::BadLogin,
            Code::Full => CloseReason::Full,
            Code::Timeout => CloseReason::HelloTimeout,
            Code::Closing => CloseReason::Stopping,
        }
    }
}

impl Stage {
    /// What is wrong when it has not been said in time.
    pub fn said_nothing(&self) -> Refusal {
        match self {
            Stage::Header => NO_HEADER,
            Stage::FirstByte => NO_BYTE,
            Stage::Hello | Stage::Login(_) => NO_HELLO,
        }
    }

    /// What is wrong when only a part of it has been said.
    fn said_half(&self) -> Refusal {
        match self {
            Stage::Header => HALF_A_HEADER,
            _ => HALF_A_HELLO,
        }
    }
}

impl Engine {
    /// A client has come that has to say what it wants.
    pub(super) fn knock(
        &mut self,
        now: Moment,
        client: ClientId,
        listener: ListenerId,
        peer: SocketAddr,
        stage: Stage,
    ) {
        let key = self.doors.insert(Door {
            client,
            listener,
            peer,
            came: now,
            deadline: None,
            stage,
        });
        self.clients.insert(client.slot(), At::Door(key));
        self.lobbies[listener].at_the_door += 1;
        let hello = self.lobbies[listener].timeouts.hello;
        let deadline = hello.map(|limit| now + limit);
        let door = &mut self.doors[key];
        self.deadlines
            .set(&mut door.deadline, deadline, Due::Door(key));
        if matches!(door.stage, Stage::Hello) && self.is_penalised(now, &self.doors[key]) {
            self.turn_away(now, key, PENALISED);
        }
    }

    /// What a client at the door says. Answers how many of the bytes belonged to that.
    pub(super) fn hear(&mut self, now: Moment, key: Key, bytes: &[u8]) -> usize {
        match self.doors[key].stage {
            Stage::Header => self.hear_header(now, key, bytes),
            Stage::FirstByte => self.let_in_anywhere(now, key),
            Stage::Hello => self.hear_hello(now, key, bytes),
            Stage::Login(_) => self.hear_proof(now, key, bytes),
        }
    }

    fn hear_hello(&mut self, now: Moment, key: Key, bytes: &[u8]) -> usize {
        let door = &self.doors[key];
        let greeting = self.lobbies[door.listener].greeting;
        let greeting = greeting.expect("a lobby where hellos are said has a form for them");
        match (greeting.read)(bytes) {
            Ok(None) => {
                self.outputs.push_back(Output::ReadOn(door.client));
                0
            }
            Ok(Some((hello, length))) => {
                self.outputs.push_back(Output::Opening {
                    client: door.client,
                    bytes: length,
                });
                match self.guest(door, &hello) {
                    Ok(guest) => self.identify(now, key, guest, hello.scram),
                    Err(refusal) => self.turn_away(now, key, refusal),
                }
                length
            }
            Err(refusal) => {
                self.turn_away(now, key, refusal);
                bytes.len()
            }
        }
    }

    fn guest(&self, door: &Door, hello: &Hello<'_>) -> Result<Guest, Refusal> {
        if matches!(hello.part, Part::Role(Some(_)))
            && self.lobbies[door.listener].factory().manner() == Manner::Lines
        {
            return Err(NO_ROLES);
        }
        Ok(Guest {
            came: door.came,
            peer: door.peer,
            room: Some(hello.room.into()),
            part: hello.part,
            ack: hello.ack,
            seat: hello.seat,
        })
    }

    pub(super) fn let_in(&mut self, now: Moment, key: Key, guest: Guest) {
        let Door {
            client, listener, ..
        } = self.leave_door(key);
        self.seat(now, client, listener, guest);
    }

    /// Says why, where somebody is there to understand it, and closes.
    pub(super) fn turn_away(&mut self, now: Moment, key: Key, refusal: Refusal) {
        let door = self.leave_door(key);
        let (client, peer) = (door.client, door.peer);
        self.sources.leave(client.slot());
        self.outputs.push_back(Output::Note(Note::Refused {
            client,
            peer,
            refusal,
        }));
        self.end_door_session(now, &door, Mood::of_refusal(refusal));
        let reason = refusal.code.reason();
        let greeting = self.lobbies[door.listener].greeting;
        let ending = match greeting.filter(|_| !matches!(door.stage, Stage::Header)) {
            // It has been told everything that there is to tell.
            Some(greeting) => {
                self.outputs.extend(greeting.refuse(client, refusal));
                Ending::Finish
            }
            None => reason.ending(),
        };
        self.outputs.push_back(Output::Close {
            client,
            reason,
            ending,
        });
        self.settle_stop();
    }

    /// There is no place for this one. Whoever says no hello expects no words.
    pub(super) fn refuse(
        &mut self,
        client: ClientId,
        listener: ListenerId,
        peer: SocketAddr,
        refusal: Refusal,
        greeting: Option<&Greeting>,
    ) {
        self.outputs.push_back(Output::Note(Note::Refused {
            client,
            peer,
            refusal,
        }));
        let (members, mood) = (Members::one(client), Mood::of_refusal(refusal));
        self.end_session(listener, mood, members, Duration::ZERO, None);
        let reason = refusal.code.reason();
        let mut ending = reason.ending();
        if let Some(answer) = greeting.and_then(|greeting| greeting.refuse(client, refusal)) {
            self.outputs.push_back(answer);
            ending = Ending::Finish;
        }
        self.outputs.push_back(Output::Close {
            client,
            reason,
            ending,
        });
    }

    /// It has sent FIN where it should have said hello.
    pub(super) fn eof_at_door(&mut self, now: Moment, key: Key, unread: &[u8]) {
        if unread.is_empty() {
            self.lost_at_door(now, key, CloseReason::Left);
        } else {
            let refusal = self.doors[key].stage.said_half();
            self.turn_away(now, key, refusal);
        }
    }

    pub(super) fn lost_at_door(&mut self, now: Moment, key: Key, reason: CloseReason) {
        let door = self.leave_door(key);
        let client = door.client;
        self.sources.leave(client.slot());
        self.outputs
            .push_back(Output::Note(Note::LeftLobby { client, reason }));
        self.end_door_session(now, &door, Mood::Empty);
        self.outputs.push_back(Output::Close {
            client,
            reason,
            ending: reason.ending(),
        });
        self.settle_stop();
    }

    /// The server stops.
    pub(super) fn clear_doors(&mut self, now: Moment) {
        let keys: Vec<Key> = self.doors.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.turn_away(now, key, CLOSING);
        }
    }

    fn end_door_session(&mut self, now: Moment, door: &Door, mood: Mood) {
        let lasted = now.saturating_duration_since(door.came);
        self.end_session(door.listener, mood, Members::one(door.client), lasted, None);
    }

    fn leave_door(&mut self, key: Key) -> Door {
        let mut door = self.doors.remove(key);
        self.deadlines.set(&mut door.deadline, None, Due::Door(key));
        self.lobbies[door.listener].at_the_door -= 1;
        self.clients.remove(door.client.slot());
        door
    }
}
