//! What became of clients and rooms: taken from the daemon's log, which says so.

use std::cell::RefCell;
use std::time::Duration;

use env_logger::Logger;
use log::{LevelFilter, Log, Metadata, Record};
use pairloop::engine::CloseReason;

use super::net::mark;

thread_local! {
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct Note {
    /// How many entries the ledger had.
    pub place: usize,
    pub time: Duration,
    pub text: String,
}

/// A room as the log tells of it. Clients are named by their numbers.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub number: u64,
    pub x: u64,
    pub y: u64,
    /// It is on a worker.
    pub handed_over: bool,
    pub over: Option<CloseReason>,
    /// Through whom it ended.
    pub by: Option<u64>,
}

/// What is said of a source that is penalised, in front of the seconds.
pub const PENALTY: &str = ": too many failed logins: refused for ";

/// Keeps this thread's lines about clients and rooms, and lets env_logger have them all.
struct Keeper(Logger);

impl Log for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info || self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let text = record
            .args()
            .as_str()
            .map_or_else(|| record.args().to_string(), |text| text.to_owned());
        let about = ["room ", "client ", "worker "]
            .iter()
            .any(|word| text.starts_with(word));
        if record.level() <= LevelFilter::Info && (about || text.contains(PENALTY)) {
            let (place, time) = mark();
            NOTES.with_borrow_mut(|notes| notes.push(Note { place, time, text }));
        }
        self.0.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Starts to listen, on all threads. Only `loud` lets the log be seen as well.
pub fn listen(loud: bool) {
    let mut builder = env_logger::Builder::new();
    if loud {
        builder.parse_default_env();
    } else {
        builder.filter_level(LevelFilter::Off);
    }
    let logger = builder.build();
    let level = logger.filter().max(LevelFilter::Info);
    if log::set_boxed_logger(Box::new(Keeper(logger))).is_ok() {
        log::set_max_level(level);
    }
}

/// Forgets what an earlier run on this thread has left.
pub fn clear() {
    NOTES.take();
}

/// Everything that was said, in order.
pub fn all() -> Vec<Note> {
    NOTES.with_borrow(Vec::clone)
}

/// The rooms of two that were opened so far.
pub fn rooms() -> Vec<Room> {
    let mut rooms: Vec<Room> = Vec::new();
    NOTES.with_borrow(|notes| {
        for Note { text: note, .. } in notes {
            if !note.starts_with("room ") {
                continue;
            }
            let words: Vec<&str> = note.split(' ').collect();
            let number = |at: usize| words.get(at)?.trim_end_matches(':').parse::<u64>().ok();
            let room = number(1).expect("a room has a number");
            if words[2] == "clients" {
                let (x, y) = (number(3), number(5));
                rooms.push(Room {
                    number: room,
                    x: x.expect("it names X"),
                    y: y.expect("it names Y"),
                    handed_over: words.get(9) == Some(&"by"),
                    over: None,
                    by: None,
                });
            } else if let Some(known) = rooms.iter_mut().find(|known| known.number == room)
                && words[2] == "over"
            {
                let head = note.split(';').next().unwrap_or(note);
                let reason = |reason: &CloseReason| head.ends_with(&format!(": {reason}"));
                known.over = CloseReason::ALL.into_iter().find(reason);
                known.by = (words[6] == "client").then(|| number(7)).flatten();
                assert!(known.over.is_some(), "no reason in {note}");
            }
        }
    });
    rooms
}

/// The clients whose rooms were on workers, each with the connection that was dialed for it.
pub fn legs() -> Vec<(u64, u64)> {
    let rooms = rooms().into_iter().filter(|room| room.handed_over);
    let rooms: Vec<u64> = rooms.map(|room| room.number).collect();
    let all = all().into_iter();
    let over = all.filter(|note| {
        let mut words = note.text.split([' ', ':']);
        note.text.contains(": over after ")
            && words
                .nth(1)
                .and_then(|number| number.parse().ok())
                .is_some_and(|number| rooms.contains(&number))
    });
    let legs = over.map(|note| match members(&note.text)[..] {
        [client, dialed] => (client, dialed),
        _ => panic!("no leg: {}", note.text),
    });
    legs.collect()
}

/// When this client's leg, which was not over through anybody, was over for this reason.
pub fn leg_over(client: u64, reason: CloseReason) -> Option<Duration> {
    let end = format!(" s: {reason}");
    let all = all().into_iter();
    let mut over = all.filter(|note| {
        let head = note.text.split(';').next().unwrap_or_default();
        head.starts_with("room ")
            && head.ends_with(&end)
            && members(&note.text).first() == Some(&client)
    });
    over.next().map(|note| note.time)
}

/// Those of whom the end of a room tells how much they sent.
pub fn members(text: &str) -> Vec<u64> {
    let parts = text.split("; ").skip(1);
    let numbers = parts.filter_map(|part| part.rsplit(' ').next()?.parse().ok());
    numbers.collect()
}

/// The clients for whom there was no worker.
pub fn without_worker() -> Vec<u64> {
    let end = format!(": gone from the lobby: {}", CloseReason::NoWorker);
    let all = all().into_iter();
    let clients = all.filter_map(|note| {
        let client = note.text.strip_suffix(&end)?;
        client.strip_prefix("client ")?.parse().ok()
    });
    clients.collect()
}
