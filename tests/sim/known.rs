//! What the daemon got to know, in order: by its ledger and its log.

use std::time::Duration;

use super::model::PENALISED;
use super::net::{Way, Wire};
use super::notes;
use super::opening::Verdict;
use super::peer::Peer;
use super::world::World;

/// Something that the daemon knows from then on.
pub enum Event {
    LetIn(usize, Duration),
    /// A client has said something behind its opening.
    Said(usize),
    Noted(notes::Note),
}

/// Everything, in the order in which the daemon got to know it.
pub fn events(world: &World, wire: &Wire) -> Vec<Event> {
    let mut left: Vec<Option<usize>> = world.peers.iter().map(hello_length).collect();
    let mut notes = notes::all().into_iter().peekable();
    let mut events = Vec::new();
    for (place, entry) in wire.ledger.iter().enumerate() {
        while let Some(note) = notes.next_if(|note| note.place <= place) {
            events.push(Event::Noted(note));
        }
        let Some(left) = left.get_mut(entry.socket) else {
            continue; // A worker's.
        };
        if let (Way::Read, Some(bytes)) = (entry.way, *left) {
            *left = Some(bytes.saturating_sub(entry.bytes));
            // Its source may have been penalised since it came.
            let is_too_late = |note: &notes::Note| {
                wire.id(entry.socket)
                    .is_some_and(|id| note.text.starts_with(&format!("{id}: ")))
                    && note.text.ends_with(PENALISED)
            };
            if bytes > 0 && *left == Some(0) && !notes.peek().is_some_and(is_too_late) {
                events.push(Event::LetIn(entry.socket, entry.time));
            }
            if entry.bytes > bytes {
                events.push(Event::Said(entry.socket));
            }
        }
    }
    events.extend(notes.map(Event::Noted));
    events
}

/// How many bytes it takes for this client to be let in.
fn hello_length(peer: &Peer) -> Option<usize> {
    let opening = peer.opening.as_ref()?;
    let is_right = opening.verdict == Verdict::LetIn && opening.is_known();
    is_right.then_some(opening.text.len())
}
