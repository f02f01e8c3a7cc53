//! What SIGHUP does: the configuration and the files of users are read again, workers' names looked up, and the usage log is
//! opened again. Reading is done in a thread that lives no longer than that takes, because a disk may take its time and the
//! loop has none; but where the process's memory is limited it is done in the loop, and no more of it than must be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use log::{error, info, warn};

use crate::config::{Config, Next, Running};
use crate::engine::{Engine, ListenerId};
use crate::memory;
use crate::reactor::{Reload, Settings};
use crate::units::count;
use crate::usage::UsageLog;
use crate::users::{UserError, Users};
use crate::workers::{Worker, WorkerError};

pub struct HangUp {
    usage: Option<UsageLog>,
    workers: Vec<Worker>,
    /// Those of users, by listener.
    files: Vec<(ListenerId, PathBuf)>,
    running: Option<Running>,
    coming: Option<Receiver<Reread>>,
    /// There was another signal since, and the file may have been changed behind the reader's back.
    again: bool,
}

/// If the configuration is wrong, nothing else is looked at: this is why.
type Reread = Result<(Option<Config>, Vec<Loaded>, Vec<LookedUp>), String>;

type LookedUp = (Worker, Result<Vec<SocketAddr>, WorkerError>);

type Loaded = (ListenerId, PathBuf, Result<Users, UserError>);

impl HangUp {
    pub fn new(
        files: Vec<(ListenerId, PathBuf)>,
        workers: Vec<Worker>,
        usage: Option<UsageLog>,
    ) -> Self {
        Self {
            usage,
            workers,
            files,
            running: None,
            coming: None,
            again: false,
        }
    }

    /// The same, and the settings of the daemon.
    pub fn with_config(mut self, running: Running) -> Self {
        self.running = Some(running);
        self
    }

    /// Reads the files of users and looks the workers up here and now.
    ///
    /// # Errors
    /// If one can't be read or has a line that is not one.
    pub fn load(&self, engine: &mut Engine) -> Result<(), UserError> {
        for worker in &self.workers {
            match worker.look_up() {
                Ok(addresses) => worker.set(engine, addresses),
                // The others may do without it, as they do when it is down.
                Err(error) => warn!("{error}: it gets no rooms; SIGHUP looks it up again"),
            }
        }
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
        let next = self.running.as_ref().and_then(Running::next);
        if self.files.is_empty() && self.workers.is_empty() && next.is_none() {
            if self.usage.is_none() {
                info!(
                    "nothing to reload: no listener has auth=FILE or workers, and there is no --config or --usage-log"
                );
            }
            return;
        }
        if self.is_reading() {
            self.again = true;
            return;
        }
        let (files, workers) = (self.files.clone(), self.workers.clone());
        let (done, coming) = channel();
        // A thread has an arena of its own, 64 MiB of addresses, or a page for each small block if that is too many.
        let is_own_thread = memory::left().is_none();
        let reader = move || {
            let known: Vec<PathBuf> = files.iter().map(|(_, path)| path.clone()).collect();
            let read = |next: Next| {
                let config = next.load().map_err(|error| error.to_string())?;
                // That may take a name server its time, and the loop has none.
                if is_own_thread {
                    let looked = next.look(&config, &known);
                    looked.map_err(|error| error.to_string())?;
                }
                Ok(config)
            };
            let config = next.map(read).transpose();
            let reread = config.map(|config| {
                let files = files.into_iter().map(load).collect();
                (config, files, workers.into_iter().map(look_up).collect())
            });
            // Nobody takes it if the daemon ends meanwhile.
            let _ = done.send(reread);
        };
        if !is_own_thread {
            reader();
            self.coming = Some(coming);
            return;
        }
        match thread::Builder::new().spawn(reader) {
            Ok(_) => self.coming = Some(coming),
            Err(error) => error!("cannot reload: {error}"),
        }
    }

    fn is_reading(&self) -> bool {
        self.coming.is_some()
    }

    fn take_over(&mut self, engine: &mut Engine, settings: &mut Settings) {
        let Some(coming) = &self.coming else { return };
        match coming.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => error!("cannot reload"),
            Ok(Err(error)) => error!("{error}: everything stays as it was"),
            Ok(Ok((config, loaded, looked_up))) => {
                if let (Some(running), Some(config)) = (&mut self.running, config) {
                    running.take_over(config, engine, settings);
                }
                loaded
                    .into_iter()
                    .for_each(|loaded| replace(engine, loaded));
                for (worker, addresses) in looked_up {
                    match addresses {
                        Ok(addresses) => worker.set(engine, addresses),
                        Err(error) => error!("{error}: its addresses stay as they were"),
                    }
                }
            }
        }
        self.coming = None;
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }
}

fn load((listener, path): (ListenerId, PathBuf)) -> Loaded {
    let users = Users::load(&path);
    (listener, path, users)
}

fn look_up(worker: Worker) -> LookedUp {
    let addresses = worker.look_up();
    (worker, addresses)
}

/// A bad file keeps the old one in force.
fn replace(engine: &mut Engine, (listener, path, users): Loaded) {
    match users {
        Ok(users) => {
            let count = count(users.len(), "user");
            info!("reloaded {}: {count}", path.display());
            engine.set_users(listener, Arc::new(users));
        }
        Err(error) => error!("{error}: the users stay as they were"),
    }
}
