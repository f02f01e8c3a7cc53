//! A room that has nothing to do with the fault: its bytes go on all the time.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Daemon, RELAY, connect, eventually, receive};

/// Two rooms that play the same game in turns: one at the daemon under test, one at a daemon that nobody disturbs. What
/// slows down the machine slows down both.
pub struct Bystander {
    over: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    game: JoinHandle<[Vec<Duration>; 2]>,
    _undisturbed: Daemon,
}

impl Bystander {
    /// Begins to play at this relay, where nobody else must come in the meantime.
    pub fn at(relay: SocketAddr) -> Self {
        let undisturbed = Daemon::serve(&[RELAY], &["-q"]);
        let mut rooms =
            [relay, undisturbed.address(0)].map(|relay| (connect(relay), connect(relay)));
        let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (until, count) = (Arc::clone(&over), Arc::clone(&rounds));
        let game = thread::spawn(move || {
            let mut times = [Vec::new(), Vec::new()];
            while !until.load(Ordering::Relaxed) {
                for ((x, y), times) in rooms.iter_mut().zip(&mut times) {
                    times.push(round(x, y, times.len()));
                }
                AtomicUsize::fetch_add(&count, 1, Ordering::Relaxed);
            }
            times
        });
        Self {
            over,
            rounds,
            game,
            _undisturbed: undisturbed,
        }
    }

    /// It plays so many rounds from now on.
    #[track_caller]
    pub fn goes_on_for(&self, rounds: usize) {
        let end = self.rounds.load(Ordering::Relaxed) + rounds;
        eventually("a room that goes on", || {
            self.game.is_finished() || self.rounds.load(Ordering::Relaxed) >= end
        });
        assert!(!self.game.is_finished(), "it was disturbed");
    }

    /// Every byte came, and 99 of 100 rounds took no longer than `more` beyond ten times what they take where nobody is
    /// disturbed.
    #[track_caller]
    pub fn was_undisturbed(self, more: Duration) {
        self.goes_on_for(1);
        self.over.store(true, Ordering::Relaxed);
        let [here, there] = self
            .game
            .join()
            .expect("every byte comes")
            .map(slowest_of_most);
        assert!(here <= 10 * there + more, "{here:?} and not {there:?}");
    }
}

/// A word each way, and how long that took.
fn round(x: &mut TcpStream, y: &mut TcpStream, number: usize) -> Duration {
    let begin = Instant::now();
    let word = (number as u64).to_be_bytes();
    x.write_all(&word).expect("it is read");
    receive(y, &word);
    y.write_all(&word).expect("it is read");
    receive(x, &word);
    begin.elapsed()
}

/// The 99th percentile.
fn slowest_of_most(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}
