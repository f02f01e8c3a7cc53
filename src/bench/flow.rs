//! One room's messages on their way. No sockets here: bytes that may be sent and bytes that came.

use std::collections::VecDeque;

pub struct Flow {
    /// Bytes of a message.
    size: u64,
    /// Messages that may be on their way at a time.
    limit: usize,
    /// The intended times of the messages that have not arrived, oldest first; the first `begun` of them are on their way.
    times: VecDeque<u64>,
    begun: usize,
    /// Where in the pattern this room's stream begins.
    seed: u64,
    /// Bytes that may be written now.
    unsent: u64,
    sent: u64,
    received: u64,
}

impl Flow {
    pub fn new(size: usize, limit: usize, seed: u64) -> Self {
        Self {
            size: size as u64,
            limit,
            times: VecDeque::with_capacity(limit.min(1024)),
            begun: 0,
            seed,
            unsent: 0,
            sent: 0,
            received: 0,
        }
    }

    /// A stream without messages, as fast as it goes.
    pub fn endless(seed: u64) -> Self {
        Self {
            unsent: u64::MAX,
            ..Self::new(usize::MAX, 0, seed)
        }
    }

    /// A message is to be sent at this time, at once if the limit allows it.
    pub fn push(&mut self, intended: u64) {
        self.times.push_back(intended);
        self.begin();
    }

    /// Puts messages on their way as far as the limit allows.
    pub fn begin(&mut self) {
        while self.begun < self.times.len().min(self.limit) {
            self.begun += 1;
            self.unsent += self.size;
        }
    }

    /// What to write next: an offset in the pattern, and how many bytes at most.
    pub fn to_write(&self) -> Option<(u64, u64)> {
        (self.unsent > 0).then_some((self.seed + self.sent, self.unsent))
    }

    pub fn wrote(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.unsent -= bytes as u64;
    }

    /// Where in the pattern what comes next should be.
    pub fn expected(&self) -> u64 {
        self.seed + self.received
    }

    /// Takes bytes that came, and answers how many messages are complete with them; `None` if more came than was sent.
    pub fn take(&mut self, bytes: usize) -> Option<u64> {
        let before = self.received / self.size;
        self.received += bytes as u64;
        (self.received <= self.sent).then_some(self.received / self.size - before)
    }

    /// The intended time of the oldest message that is complete.
    pub fn pop(&mut self) -> Option<u64> {
        self.begun = self.begun.saturating_sub(1);
        self.times.pop_front()
    }

    /// Takes another message if it has this time.
    pub fn pop_if(&mut self, intended: u64) -> bool {
        self.times.front() == Some(&intended) && self.pop().is_some()
    }

    /// Messages that have not arrived.
    pub fn unanswered(&self) -> u64 {
        self.times.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_their_bytes() {
        let mut flow = Flow::new(10, 3, 5);
        flow.push(100);
        flow.push(200);
        assert_eq!(flow.to_write(), Some((5, 20)));
        flow.wrote(20);
        assert_eq!(flow.to_write(), None);
        assert_eq!(flow.take(9), Some(0));
        assert_eq!(flow.expected(), 14);
        assert_eq!(flow.take(11), Some(2));
        assert_eq!(
            (flow.pop(), flow.pop(), flow.pop()),
            (Some(100), Some(200), None)
        );
    }

    #[test]
    fn the_limit_holds_messages_back_and_they_keep_their_time() {
        let mut flow = Flow::new(10, 1, 0);
        flow.push(100);
        flow.push(200);
        flow.wrote(10);
        assert_eq!(flow.to_write(), None);
        assert_eq!(flow.take(10), Some(1));
        assert_eq!(flow.pop(), Some(100));
        flow.begin();
        assert_eq!(flow.to_write(), Some((10, 10)));
        assert_eq!((flow.unanswered(), flow.pop()), (1, Some(200)));
    }

    #[test]
    fn more_than_was_sent_is_an_error() {
        let mut flow = Flow::new(10, 1, 0);
        flow.push(0);
        flow.wrote(10);
        assert_eq!(flow.take(11), None);
    }
}
