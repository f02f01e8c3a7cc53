//! One connection, as its caller sees it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pairloop::engine::{ClientId, ListenerId};

/// A connection that the engine has not closed.
pub struct Client {
    pub id: ClientId,
    /// By which listener it came; `None` if it was dialed.
    pub listener: Option<ListenerId>,
    /// It is being dialed, and not there yet.
    pub dialing: bool,
    /// What it has sent and nobody has read.
    pub sent: Vec<u8>,
    /// It has sent FIN behind that.
    pub has_sent_fin: bool,
    /// What was read and the engine did not take.
    pub unread: Vec<u8>,
    /// The engine wants more behind that.
    pub reads_on: bool,
    /// The engine wants to be shown it again.
    pub resumed: bool,
    /// How many bytes the engine has taken.
    pub taken: usize,
    /// How many of these were said at the door.
    pub opening: usize,
    /// Up to where its stream has been passed on.
    pub passed: usize,
    /// The engine knows of its FIN.
    pub eof: bool,
    /// It takes what it is sent only when the script says so.
    pub slow: bool,
    /// Something that it was sent is not on its way.
    pub owes_drained: bool,
    /// It was sent FIN.
    pub finished: bool,
    pub forwards_to: Option<ClientId>,
    pub is_sent_by: Option<ClientId>,
    /// It may have said that it only receives.
    pub consumes: bool,
    /// It is the second of a pair on a worker, for which the first stands.
    pub is_second_leg: bool,
    /// A session has named it.
    pub in_session: bool,
    /// The last thing that it was told in a login.
    pub challenge: Option<Vec<u8>>,
}

impl Client {
    pub fn new(id: ClientId, listener: Option<ListenerId>, slow: bool) -> Self {
        Self {
            id,
            listener,
            dialing: listener.is_none(),
            sent: Vec::new(),
            has_sent_fin: false,
            unread: Vec::new(),
            reads_on: false,
            resumed: false,
            taken: 0,
            opening: 0,
            passed: 0,
            eof: false,
            slow,
            owes_drained: false,
            finished: false,
            forwards_to: None,
            is_sent_by: None,
            consumes: false,
            is_second_leg: false,
            in_session: false,
            challenge: None,
        }
    }

    pub fn says(&mut self, words: &[u8]) {
        if !self.has_sent_fin {
            self.consumes |= words.windows(7).any(|word| word == b"consume");
            self.sent.extend_from_slice(words);
        }
    }

    pub fn heard(&mut self, text: &[u8]) {
        if let Some(step) = text.strip_prefix(b"AUTH ") {
            self.challenge = BASE64_STANDARD.decode(step.trim_ascii()).ok();
        }
    }

    /// Whether more of what it has sent may be read.
    pub fn may_be_read(&self) -> bool {
        !self.dialing && !self.eof && (self.unread.is_empty() || self.reads_on)
    }

    /// Where its stream goes on, behind what was said at the door and what has been passed on.
    pub fn position(&self) -> usize {
        self.opening.max(self.passed)
    }
}
