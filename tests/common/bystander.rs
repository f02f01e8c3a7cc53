//! Rooms that have nothing to do with the fault: they must not notice it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Daemon, connect, eventually, receive};

/// No round takes so long, however many want the machine's two cores, unless the daemon has slept or worked without bounds.
const STALL: Duration = Duration::from_secs(1);

/// The time between two rounds. A stall is seen all the same, and the cores are left to the fault.
const REST: Duration = Duration::from_millis(1);

/// A room whose bytes go on all the time, by themselves.
pub struct Bystander {
    over: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    /// Answers which rounds took so long that they may have met a stall.
    game: JoinHandle<Vec<Range<Instant>>>,
    excused: Vec<Range<Instant>>,
}

impl Bystander {
    /// A room at this relay, where nobody else must come in the meantime. What is done from now on must not disturb it.
    pub fn at(relay: SocketAddr) -> Self {
        Self::play(Room::of(connect(relay), connect(relay)))
    }

    /// Does this while the two in a room talk to each other, whom it must not disturb.
    #[track_caller]
    pub fn beside((x, y): (TcpStream, TcpStream), deed: impl FnOnce()) {
        let bystander = Self::play(Room::of(x, y));
        bystander.goes_on_for(1);
        deed();
        bystander.was_undisturbed();
    }

    fn play(mut room: Room) -> Self {
        let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (until, count) = (Arc::clone(&over), Arc::clone(&rounds));
        let game = thread::spawn(move || {
            let mut long = Vec::new();
            while !until.load(Ordering::Relaxed) {
                let begin = Instant::now();
                room.goes_on();
                let round = begin..Instant::now();
                if round.end - round.start >= STALL {
                    long.push(round);
                }
                AtomicUsize::fetch_add(&count, 1, Ordering::Relaxed);
                thread::sleep(REST);
            }
            long
        });
        Self {
            over,
            rounds,
            game,
            excused: Vec::new(),
        }
    }

    /// It plays so many rounds from now on.
    #[track_caller]
    pub fn goes_on_for(&self, rounds: usize) {
        let end = self.rounds.load(Ordering::Relaxed) + rounds;
        eventually("a room that goes on", || {
            self.game.is_finished() || self.rounds.load(Ordering::Relaxed) >= end
        });
    }

    /// Does this, and the daemon is stopped meanwhile: what comes late because of that is no stall.
    pub fn excuses<T>(&mut self, pause: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let done = pause();
        self.excused.push(begin..Instant::now());
        done
    }

    /// Every byte came, and none was a second late, but for what is excused.
    #[track_caller]
    pub fn was_undisturbed(self) {
        // Of two rounds the second has begun after all that was done.
        self.goes_on_for(2);
        self.over.store(true, Ordering::Relaxed);
        let long = self.game.join().expect("every byte comes");
        for round in long {
            let excused = self.excused.iter().map(|pause| overlap(pause, &round));
            let waited = (round.end - round.start).saturating_sub(excused.sum());
            assert!(waited < STALL, "others were held up for {waited:?}");
        }
    }
}

/// How much time they share.
fn overlap(one: &Range<Instant>, other: &Range<Instant>) -> Duration {
    let end = one.end.min(other.end);
    end.saturating_duration_since(one.start.max(other.start))
}

/// Two clients of a relay, or one of an echo, who talk when they are asked to.
pub struct Room {
    x: TcpStream,
    y: Option<TcpStream>,
    rounds: u64,
}

impl Room {
    fn of(x: TcpStream, y: impl Into<Option<TcpStream>>) -> Self {
        let (y, rounds) = (y.into(), 0);
        Self { x, y, rounds }
    }

    /// A pair in the relay that is the listener of this number.
    pub fn relay(daemon: &Daemon, listener: usize) -> Self {
        let address = daemon.address(listener);
        let mut room = Self::of(connect(address), connect(address));
        room.goes_on();
        room
    }

    /// A client of the echo that is the listener of this number.
    pub fn echo(daemon: &Daemon, listener: usize) -> Self {
        let mut room = Self::of(connect(daemon.address(listener)), None);
        room.goes_on();
        room
    }

    /// Bytes go through it, in each direction, and none of them twice.
    #[track_caller]
    pub fn goes_on(&mut self) {
        let word = self.rounds.to_be_bytes();
        self.rounds += 1;
        let Self { x, y, .. } = self;
        x.write_all(&word).expect("the daemon reads");
        if let Some(y) = y {
            receive(y, &word);
            y.write_all(&word).expect("the daemon reads");
        }
        receive(x, &word);
    }
}
