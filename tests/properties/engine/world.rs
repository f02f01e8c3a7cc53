//! The caller of the engine: connections without sockets, read and told as the reactor does it.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hasher;
use std::time::{Duration, Instant};

use pairloop::engine::{ClientId, CloseReason, Engine, Input};
use pairloop::limits::READ_AHEAD;

use super::client::Client;
use super::law::Shown;
use super::listeners;

/// What the engine waits to hear once its outputs are drained.
pub enum Question {
    Activity,
    Drained,
    Dialing(ClientId),
    NotDialed { for_want: bool },
}

pub struct World {
    pub engine: Engine,
    pub clients: BTreeMap<ClientId, Client>,
    pub questions: Vec<(ClientId, Question)>,
    /// Those that have something to do.
    pub ready: VecDeque<ClientId>,
    /// All whose FIN the engine was told of.
    pub eofs: BTreeSet<ClientId>,
    /// Sessions that were begun, and those that the engine told of.
    pub accepted: u64,
    pub sessions: u64,
    /// What the engine has said so far.
    pub told: DefaultHasher,
    /// Decides how the world answers what it is asked itself. It changes with each output.
    pub fate: u8,
    pub start: Instant,
    pub now: Instant,
    pub stops: u32,
    pub counts_sources: bool,
    pub slow: bool,
    pub lazy: bool,
    numbers: u64,
    free: Vec<usize>,
}

impl World {
    pub fn new(choice: u8) -> Self {
        let start = Instant::now();
        Self {
            engine: listeners::engine(choice, start),
            clients: BTreeMap::new(),
            questions: Vec::new(),
            ready: VecDeque::new(),
            eofs: BTreeSet::new(),
            accepted: 0,
            sessions: 0,
            told: DefaultHasher::new(),
            fate: 0x80,
            start,
            now: start,
            stops: 0,
            counts_sources: choice & 4 != 0,
            slow: choice & 8 != 0,
            lazy: choice & 16 != 0,
            numbers: 0,
            free: Vec::new(),
        }
    }

    /// The slot that was freed last is given away first.
    pub fn new_id(&mut self) -> ClientId {
        self.numbers += 1;
        let slot = self.free.pop().unwrap_or(self.clients.len());
        ClientId::new(self.numbers, slot)
    }

    pub fn forget(&mut self, id: ClientId) -> Option<Client> {
        let client = self.clients.remove(&id)?;
        self.free.push(id.slot());
        Some(client)
    }

    pub fn dial(&mut self) -> ClientId {
        let id = self.new_id();
        self.clients.insert(id, Client::new(id, None, self.slow));
        id
    }

    pub fn lose(&mut self, id: ClientId, reason: CloseReason) {
        self.tell(id, Input::Lost(reason));
        assert!(
            !self.clients.contains_key(&id),
            "{id} is lost, and not closed"
        );
    }

    pub fn drained(&mut self, id: ClientId) {
        let client = self.clients.get_mut(&id);
        if client.is_some_and(|client| std::mem::take(&mut client.owes_drained)) {
            self.tell(id, Input::SendDrained);
        }
    }

    /// As many turns as there are clients that have something to do.
    pub fn turn(&mut self) {
        for _ in 0..self.ready.len() / 2 {
            self.turn_of_one();
        }
    }

    /// Shows the engine what one client has said.
    pub fn turn_of_one(&mut self) -> bool {
        let Some(id) = self.ready.pop_front() else {
            return false;
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return true;
        };
        if client.forwards_to.is_some() {
            // It has all that was sent.
            client.sent.clear();
        }
        let is_shown_again = std::mem::take(&mut client.resumed) && !client.unread.is_empty();
        if is_shown_again {
            self.offer(id);
        } else if client.may_be_read() && !client.sent.is_empty() {
            let most = READ_AHEAD - client.unread.len();
            assert!(most > 0, "{id} is read on for ever");
            let rest = client.sent.split_off(client.sent.len().min(most));
            client.unread.append(&mut client.sent);
            client.sent = rest;
            self.offer(id);
        } else if client.may_be_read() && client.has_sent_fin {
            client.eof = true;
            let unread = std::mem::take(&mut client.unread);
            let at = client.taken;
            self.eofs.insert(id);
            self.engine
                .handle_input(self.now, id, Input::Eof { unread: &unread });
            let bytes = &unread;
            self.carry_out(Some(Shown { id, bytes, at }));
        } else {
            return true;
        }
        self.ready.push_back(id);
        true
    }

    /// Shows the engine what is unread.
    pub fn offer(&mut self, id: ClientId) {
        let client = self.client(id);
        client.reads_on = false;
        let (bytes, at) = (std::mem::take(&mut client.unread), client.taken);
        let taken = self.engine.handle_input(self.now, id, Input::Data(&bytes));
        assert!(taken <= bytes.len(), "it took more than there is");
        let client = self.client(id);
        client.unread = bytes[taken..].to_vec();
        client.taken += taken;
        self.told.write_usize(taken);
        let bytes = &bytes;
        self.carry_out(Some(Shown { id, bytes, at }));
    }

    pub fn tell(&mut self, id: ClientId, input: Input<'_>) {
        self.engine.handle_input(self.now, id, input);
        self.carry_out(None);
    }

    pub fn answer(&mut self, id: ClientId, question: Question) {
        match question {
            Question::Activity => {
                let ago = Duration::from_millis(u64::from(self.fate) * 100);
                let last = self.now.checked_sub(ago).map_or(self.start, |at| at);
                let last = last.max(self.start);
                self.engine
                    .handle_input(self.now, id, Input::Activity { last })
            }
            Question::Drained => self.engine.handle_input(self.now, id, Input::SendDrained),
            Question::Dialing(client) => {
                self.engine
                    .handle_input(self.now, id, Input::Dialing { client })
            }
            Question::NotDialed { for_want } => {
                self.engine
                    .handle_input(self.now, id, Input::NotDialed { for_want })
            }
        };
    }

    pub fn client(&mut self, id: ClientId) -> &mut Client {
        let client = self.clients.get_mut(&id);
        client.unwrap_or_else(|| panic!("{id} is closed"))
    }

    /// Everybody takes what was sent, and has all turns that are due.
    fn settle(&mut self) {
        loop {
            while self.turn_of_one() {}
            let owes = self.clients.values().find(|client| client.owes_drained);
            let Some(id) = owes.map(|client| client.id) else {
                return;
            };
            self.drained(id);
        }
    }

    /// Whoever was not told to go on had nothing to go on with: what is unread is not wanted now, either.
    pub fn nobody_is_forgotten(&mut self) {
        self.settle();
        let ids: Vec<ClientId> = self.clients.keys().copied().collect();
        for id in ids {
            let Some(client) = self.clients.get(&id) else {
                continue;
            };
            if client.unread.is_empty() || client.forwards_to.is_some() {
                continue;
            }
            let (taken, known) = (client.taken, self.clients.len());
            self.offer(id);
            assert_eq!(self.clients.len(), known, "{id} was to be closed before");
            assert_eq!(self.client(id).taken, taken, "{id} waits for nothing");
        }
    }

    /// Nothing is left of anybody. Answers what the engine has said from the beginning.
    pub fn everybody_leaves(mut self) -> u64 {
        while let Some((&id, client)) = self.clients.first_key_value() {
            match client.dialing {
                true => self.lose(id, CloseReason::Unreachable),
                false => self.lose(id, CloseReason::Reset),
            }
        }
        assert_eq!(self.engine.is_stopped(), self.stops > 0);
        assert_eq!(self.engine.poll_timeout(), None, "nobody is waited for");
        for worker in self.engine.workers() {
            assert_eq!(worker.rooms, 0, "{worker:?}");
        }
        self.told.finish()
    }
}
