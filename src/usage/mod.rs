//! The usage log: a line of JSON for every session that is over, with the fields and moods of magic-wormhole's transit
//! relay. A thread writes it, because a disk may take its time and the loop has none.

mod record;
mod sink;

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime};

use log::{error, info, warn};

use crate::engine::Session;
use crate::limits::{LOSS_NOTICE, USAGE_BATCH, USAGE_FAREWELL, USAGE_QUEUE};
use crate::reactor::Usage;

use record::Record;
use sink::Sink;

/// The loop's end of the log. None of what it does waits for the other.
#[derive(Clone)]
pub struct UsageLog {
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
}

/// The thread that writes, until no [`UsageLog`] is left.
pub struct Writing {
    /// Nothing comes by it; it is hung up when all is written.
    done: Receiver<()>,
}

enum Order {
    Write(Record),
    /// The file is to be opened again.
    Look,
}

#[derive(Default)]
struct Shared {
    lost: AtomicU64,
    /// When the log last spoke of what is lost.
    said: Mutex<Option<Instant>>,
    reopen: AtomicBool,
}

impl UsageLog {
    /// Opens the file, which is made if need be, and waits for sessions. With `blur`, what would tell sessions apart is
    /// rounded: the time at which they started to so many seconds, and their sizes.
    ///
    /// # Errors
    /// If the file can't be opened, or no thread be had. The error names the file.
    pub fn start(path: &Path, blur: Option<u32>) -> io::Result<(Self, Writing)> {
        let named = |error: io::Error| {
            let words = format!("{}: {error}", path.display());
            io::Error::new(error.kind(), words)
        };
        let (queue, orders) = sync_channel(USAGE_QUEUE);
        let (doing, done) = channel();
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            file: Sink::open(path).map_err(named)?,
            path: path.to_owned(),
            orders,
            blur,
            shared: Arc::clone(&shared),
            _doing: doing,
        };
        let thread = thread::Builder::new().name("usage log".into());
        thread.spawn(|| writer.run()).map_err(named)?;
        Ok((Self { queue, shared }, Writing { done }))
    }

    /// Opens the file again: what had its name may have been moved away.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
        // Only a writer that finds nothing in the queue has to be woken.
        let _ = self.queue.try_send(Order::Look);
    }
}

impl Usage for UsageLog {
    fn record(&mut self, session: &Session, bytes: u64) {
        let record = Record::of(session, bytes, SystemTime::now());
        if self.queue.try_send(Order::Write(record)).is_err() {
            self.shared
                .lose(1, "lines come faster than they are written");
        }
    }

    fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Writing {
    /// Waits until everything is written, though not for ever.
    pub fn finish(self) {
        if self.done.recv_timeout(USAGE_FAREWELL) == Err(RecvTimeoutError::Timeout) {
            error!("usage log: its last lines could not be written in time, and are lost");
        }
    }
}

impl Shared {
    /// Counts lines that are lost, and says so once in a while.
    fn lose(&self, lines: u64, why: impl Display) {
        let lost = self.lost.fetch_add(lines, Ordering::Relaxed) + lines;
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|at| now.saturating_duration_since(at) >= LOSS_NOTICE) {
            *said = Some(now);
            drop(said);
            warn!("usage log: {lost} lines lost by now: {why}");
        }
    }
}

/// The end in the thread.
struct Writer {
    orders: Receiver<Order>,
    path: PathBuf,
    file: Sink,
    blur: Option<u32>,
    shared: Arc<Shared>,
    /// Hangs up when the writer is gone.
    _doing: Sender<()>,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.orders.recv() {
            let (mut lines, mut batch) = (0, String::new());
            let mut next = Some(first);
            while let Some(order) = next {
                if let Order::Write(record) = order {
                    batch += &record.line(self.blur);
                    lines += 1;
                }
                next = match lines < USAGE_BATCH {
                    true => self.orders.try_recv().ok(),
                    false => None,
                };
            }
            if self.shared.reopen.swap(false, Ordering::Relaxed) {
                self.reopen();
            }
            if let Err((lost, why)) = self.file.write(batch.as_bytes()) {
                self.shared.lose(lost, why);
            }
        }
    }

    /// What can't be opened leaves the file as it is.
    fn reopen(&mut self) {
        let path = self.path.display();
        match Sink::open(&self.path) {
            Ok(file) => {
                self.file = file;
                info!("usage log: opened {path} again");
            }
            Err(error) => error!("usage log: {path}: {error}: the old file stays in use"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ClientId, Members, Mood};
    use std::time::Duration;

    #[test]
    fn a_writer_that_hangs_costs_lines_and_no_time() {
        // Nobody takes anything out of the queue, as when a disk does not answer.
        let (queue, orders) = sync_channel(USAGE_QUEUE);
        let shared = Arc::new(Shared::default());
        let mut log = UsageLog { queue, shared };
        let session = Session {
            service: "relay",
            mood: Mood::Lonely,
            members: Members::one(ClientId::new(1, 0)),
            lasted: Duration::ZERO,
            waited: None,
        };
        for _ in 0..USAGE_QUEUE + 5 {
            log.record(&session, 0);
        }
        assert_eq!(log.lost(), 5);
        // It is told to open the file again all the same.
        log.reopen();
        assert!(log.shared.reopen.load(Ordering::Relaxed));
        assert_eq!(orders.try_iter().count(), USAGE_QUEUE);
    }
}
