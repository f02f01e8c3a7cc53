//! Somebody outside who watches over the daemon and wants to hear from the loop itself that it turns.

use std::time::{Duration, Instant};

use super::Reactor;
use super::net::Net;

/// What a watcher is told. None of it may wait, and a watcher that can't be reached costs nothing.
///
/// It lives by the world's time. The loop's own stands still while the process does, which is just what a watcher is
/// to notice.
pub trait Watcher {
    /// By when it is to be told that there are so many clients. `None`: that needs no telling.
    fn due(&self, clients: usize) -> Option<Instant>;

    /// The loop turns, and there are so many clients.
    fn tell(&mut self, now: Instant, clients: usize);

    /// What can be read again is being read.
    fn reloading(&mut self);

    /// It has been read.
    fn reloaded(&mut self);

    /// The stop has begun.
    fn stopping(&mut self, clients: usize);
}

impl<N: Net> Reactor<N> {
    /// Who watches from now on.
    pub fn set_watcher(&mut self, watcher: Box<dyn Watcher>) {
        self.watcher = Some(watcher);
    }

    /// How long the loop may wait before it must give a sign of itself.
    pub(super) fn watcher_patience(&self) -> Option<Duration> {
        let watcher = self.watcher.as_ref()?;
        let due = watcher.due(self.engine.clients())?;
        Some(due.saturating_duration_since(self.net.now()))
    }

    /// Gives the sign, if it is due. It belongs at the end of a turn: a turn that hangs must be missed.
    pub(super) fn tell_watcher(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let clients = self.engine.clients();
        if let Some(due) = watcher.due(clients) {
            let now = self.net.now();
            if due <= now {
                watcher.tell(now, clients);
            }
        }
    }
}
