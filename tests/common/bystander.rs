//! Rooms that have nothing to do with the fault: they must not notice it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Daemon, RELAY, connect, eventually, receive};

/// Rooms whose bytes go on all the time, by themselves.
pub struct Bystander {
    over: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    game: JoinHandle<Vec<Vec<Duration>>>,
    _undisturbed: Option<Daemon>,
}

impl Bystander {
    /// Two rooms play the same game in turns: one at this relay, where nobody else must come in the meantime, and one at a
    /// daemon that nobody disturbs. What slows down the machine slows down both.
    pub fn at(relay: SocketAddr) -> Self {
        let undisturbed = Daemon::serve(&[RELAY], &["-q"]);
        let room = |relay| Room::of(connect(relay), connect(relay));
        let rooms = vec![room(relay), room(undisturbed.address(0))];
        Self::play(rooms, Some(undisturbed))
    }

    /// Does this while the two in a room talk to each other, before, meanwhile and after. Not a byte of theirs is lost, and
    /// they are not held up for longer than reads and writes of tests wait.
    #[track_caller]
    pub fn beside((x, y): (TcpStream, TcpStream), deed: impl FnOnce()) {
        let bystander = Self::play(vec![Room::of(x, y)], None);
        // Of two rounds the second has begun after this.
        bystander.goes_on_for(2);
        deed();
        bystander.goes_on_for(2);
        bystander.ends();
    }

    fn play(mut rooms: Vec<Room>, _undisturbed: Option<Daemon>) -> Self {
        let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (until, count) = (Arc::clone(&over), Arc::clone(&rounds));
        let game = thread::spawn(move || {
            let mut times = vec![Vec::new(); rooms.len()];
            while !until.load(Ordering::Relaxed) {
                for (room, times) in rooms.iter_mut().zip(&mut times) {
                    let begin = Instant::now();
                    room.goes_on();
                    times.push(begin.elapsed());
                }
                AtomicUsize::fetch_add(&count, 1, Ordering::Relaxed);
            }
            times
        });
        Self {
            over,
            rounds,
            game,
            _undisturbed,
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

    /// Every byte came, and 99 of 100 rounds took no longer than `more` beyond ten times what they take where nobody is
    /// disturbed.
    #[track_caller]
    pub fn was_undisturbed(self, more: Duration) {
        self.goes_on_for(1);
        let [here, there] = <[_; 2]>::try_from(self.ends())
            .expect("somebody is undisturbed")
            .map(slowest_of_most);
        assert!(here <= 10 * there + more, "{here:?} and not {there:?}");
    }

    /// The last round. Answers how long each took in each room.
    #[track_caller]
    fn ends(self) -> Vec<Vec<Duration>> {
        self.over.store(true, Ordering::Relaxed);
        self.game.join().expect("every byte comes")
    }
}

/// The 99th percentile.
fn slowest_of_most(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
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
