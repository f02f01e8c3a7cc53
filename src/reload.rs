//! What SIGHUP does: the files of users are read, and the usage log is opened again. Reading is done in a thread that lives
//! no longer than that takes, because a disk may take its time and the loop has none.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use log::{error, info};

use crate::engine::{Engine, ListenerId};
use crate::reactor::Reload;
use crate::usage::UsageLog;
use crate::users::{UserError, Users};

pub struct HangUp {
    usage: Option<UsageLog>,
    /// Those of users, by listener.
    files: Vec<(ListenerId, PathBuf)>,
    coming: Option<Receiver<Vec<Loaded>>>,
    /// There was another signal since, and the file may have been changed behind the reader's back.
    again: bool,
}

type Loaded = (ListenerId, PathBuf, Result<Users, UserError>);

impl HangUp {
    pub fn new(files: Vec<(ListenerId, PathBuf)>, usage: Option<UsageLog>) -> Self {
        Self {
            usage,
            files,
            coming: None,
            again: false,
        }
    }

    /// Reads the files of users here and now.
    ///
    /// # Errors
    /// If one can't be read or has a line that is not one.
    pub fn load(&self, engine: &mut Engine) -> Result<(), UserError> {
        for (listener, path) in &self.files {
            engine.set_users(*listener, Arc::new(Users::load(path)?));
        }
        Ok(())
    }
}

impl Reload for HangUp {
    fn begin(&mut self) {
        if let Some(usage) = &self.usage {
            usage.reopen();
        }
        if self.files.is_empty() {
            if self.usage.is_none() {
                info!("nothing to reload: no listener has auth=FILE, and there is no --usage-log");
            }
            return;
        }
        if self.is_reading() {
            self.again = true;
            return;
        }
        let (files, (done, coming)) = (self.files.clone(), channel());
        let reader = move || {
            let loaded = files.into_iter().map(|(listener, path)| {
                let users = Users::load(&path);
                (listener, path, users)
            });
            // Nobody takes it if the daemon ends meanwhile.
            let _ = done.send(loaded.collect());
        };
        match thread::Builder::new().spawn(reader) {
            Ok(_) => self.coming = Some(coming),
            Err(error) => error!("cannot reload: {error}"),
        }
    }

    fn is_reading(&self) -> bool {
        self.coming.is_some()
    }

    fn take_over(&mut self, engine: &mut Engine) {
        let Some(coming) = &self.coming else { return };
        match coming.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => error!("cannot reload"),
            Ok(loaded) => loaded
                .into_iter()
                .for_each(|loaded| replace(engine, loaded)),
        }
        self.coming = None;
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }
}

/// A bad file keeps the old one in force.
fn replace(engine: &mut Engine, (listener, path, users): Loaded) {
    match users {
        Ok(users) => {
            info!("reloaded {}: {} users", path.display(), users.len());
            engine.set_users(listener, Arc::new(users));
        }
        Err(error) => error!("{error}: the users stay as they were"),
    }
}
