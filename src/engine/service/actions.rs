//! What a service may do.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use crate::engine::close::RoomEnd;
use crate::engine::sides::{Members, Side, Sides};
use crate::engine::{CloseReason, Moment, Output, Payload};

/// The engine's outputs, said in sides.
pub struct Actions<'a> {
    now: Moment,
    members: Members,
    finished: Sides,
    unsent: Sides,
    mute: Sides,
    outputs: &'a mut VecDeque<Output>,
    decisions: Decisions,
}

/// What a service has decided for its room, beside what it sent.
#[derive(Default)]
pub(in crate::engine) struct Decisions {
    /// To whom it has sent something.
    pub sent: Sides,
    /// Whether it has set its timer, and to when.
    pub timer: Option<Option<Moment>>,
    pub end: Option<RoomEnd>,
}

impl<'a> Actions<'a> {
    pub(in crate::engine) fn new(
        now: Moment,
        members: Members,
        finished: Sides,
        unsent: Sides,
        mute: Sides,
        outputs: &'a mut VecDeque<Output>,
    ) -> Self {
        Self {
            now,
            members,
            finished,
            unsent,
            mute,
            outputs,
            decisions: Decisions::default(),
        }
    }

    pub(in crate::engine) fn decisions(self) -> Decisions {
        self.decisions
    }

    pub fn now(&self) -> Moment {
        self.now
    }

    /// Whether `side` has sent FIN.
    pub fn has_finished(&self, side: Side) -> bool {
        self.finished.has(side)
    }

    /// Whether everything that was sent to `side` before is on its way.
    pub fn has_been_told(&self, side: Side) -> bool {
        !self.unsent.has(side)
    }

    /// Sends the service's own words.
    pub fn send(&mut self, to: Side, text: impl Into<Cow<'static, [u8]>>) {
        self.send_payload(to, Payload::Text(text.into()));
    }

    /// Sends a part of the bytes that were just handed in.
    pub fn pass(&mut self, to: Side, part: Range<usize>) {
        self.send_payload(to, Payload::Input(part));
    }

    /// From now on `from`'s bytes go to `to` without asking the service again; nowhere, if `from` only receives.
    pub fn forward(&mut self, from: Side, to: Side) {
        if self.mute.has(from) {
            return;
        }
        if let (Some(from), Some(to)) = (self.members.get(from), self.members.get(to)) {
            self.outputs.push_back(Output::Forward { from, to });
        }
    }

    /// FIN to `side`, behind whatever is queued for it.
    pub fn finish(&mut self, side: Side) {
        self.output(side, Output::Finish);
    }

    /// Waits for more from `side`: what was not taken is the beginning of something.
    pub fn read_on(&mut self, side: Side) {
        self.output(side, Output::ReadOn);
    }

    /// Calls [`timeout`](super::Service::timeout) at this time; there is one timer a room.
    pub fn set_timer(&mut self, at: Option<Moment>) {
        self.decisions.timer = Some(at);
    }

    /// A line on the operator's terminal.
    pub fn print(&mut self, line: String) {
        self.outputs.push_back(Output::Print(line));
    }

    /// Whether the room is over by now. The first decision to end it holds.
    pub fn is_over(&self) -> bool {
        self.decisions.end.is_some()
    }

    /// The room is over, and everything was said.
    pub fn end(&mut self) {
        self.decisions.end.get_or_insert(RoomEnd::Done);
    }

    /// The room is over because of what `side` did.
    pub fn fail(&mut self, side: Side, reason: CloseReason) {
        self.decisions
            .end
            .get_or_insert(RoomEnd::Lost(side, reason));
    }

    fn send_payload(&mut self, to: Side, payload: Payload) {
        self.decisions.sent.add(to);
        self.output(to, |to| Output::Send { to, payload });
    }

    fn output(&mut self, side: Side, output: impl FnOnce(crate::engine::ClientId) -> Output) {
        // Y may not have come yet; then there is nobody to do it for.
        if let Some(client) = self.members.get(side) {
            self.outputs.push_back(output(client));
        }
    }
}
