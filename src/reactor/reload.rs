//! SIGHUP: what the operator has changed is read again.

use std::time::Duration;

use log::info;

use crate::engine::Engine;
use crate::limits::RELOAD_CHECK;

use super::net::Net;
use super::{Reactor, Settings};

/// Reads again what can be read again. A disk may take its time, so none of this may wait for one.
pub trait Reload {
    /// Begins to read; once more, if that is under way.
    fn begin(&mut self);

    /// Whether something is still being read.
    fn is_reading(&self) -> bool;

    /// Lets what has been read by now hold. Of the settings, only what is looked at anew each time may change: the time for a stop,
    /// and where the statistics go.
    fn take_over(&mut self, engine: &mut Engine, settings: &mut Settings);
}

impl<N: Net> Reactor<N> {
    /// What SIGHUP is to do.
    pub fn set_reload(&mut self, reload: Box<dyn Reload>) {
        self.reload = Some(reload);
    }

    pub(super) fn begin_reload(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            watcher.reloading();
        }
        match &mut self.reload {
            Some(reload) => reload.begin(),
            None => info!("nothing to reload"),
        }
        self.tell_of_reload();
    }

    pub(super) fn take_over_reloaded(&mut self) {
        if let Some(reload) = &mut self.reload
            && reload.is_reading()
        {
            reload.take_over(&mut self.engine, &mut self.settings);
            self.tell_of_reload();
        }
    }

    /// Tells the watcher once nothing is being read any more.
    fn tell_of_reload(&mut self) {
        let reading = self
            .reload
            .as_ref()
            .is_some_and(|reload| reload.is_reading());
        if let Some(watcher) = self.watcher.as_mut().filter(|_| !reading) {
            watcher.reloaded();
        }
    }

    /// How long the loop may wait before it asks again whether all has been read.
    pub(super) fn reload_patience(&self) -> Option<Duration> {
        let reading = self.reload.as_ref().filter(|reload| reload.is_reading());
        reading.map(|_| RELOAD_CHECK)
    }
}
