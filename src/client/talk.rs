//! The chat client's side of the turns. Pure: what happened goes in, what is to be done comes out.
//!
//! ```text
//!            welcome (for the first of the two), or a line from the partner
//!        +------------------------------------------------------------------+
//!        |                                                                  v
//!      READ                                                               WRITE
//!        ^                                                                  |
//!        +------------------------------------------------------------------+
//!                       a line sent: typed now, or kept from before
//! ```

use std::collections::VecDeque;
use std::fmt;

use crate::engine::service::{NOTICE, WELCOME};

/// Whose turn it is, as this client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Write,
    Read,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Turn::Write => "WRITE",
            Turn::Read => "READ",
        })
    }
}

/// Where the lines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Someone types them, and wants to leave as soon as they say so.
    Keyboard,
    /// A file or a program, which means every line, also those that must wait.
    Pipe,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this line; its end is part of it.
    Send(Vec<u8>),
    /// Show the partner's line.
    Partner(Vec<u8>),
    /// Say that what was typed out of turn is kept.
    Kept,
    /// Show which of the kept lines is sent now.
    Released(Vec<u8>),
    /// Say this to whoever sits in front of it.
    Hint(&'static str),
    /// Say this in any case.
    Note(&'static str),
    /// Nothing more will be sent.
    Finish,
    /// It is over.
    Leave,
}

pub struct Talk {
    source: Source,
    turn: Turn,
    /// Whether the server or the partner has said anything.
    heard: bool,
    /// Typed out of turn.
    kept: VecDeque<Vec<u8>>,
    /// Whether nothing more will be typed.
    ended: bool,
    /// Whether nothing more will be sent.
    finished: bool,
    /// Whether there is nobody any more to talk to.
    over: bool,
}

impl Talk {
    pub fn new(source: Source) -> Self {
        Self {
            source,
            turn: Turn::Read,
            heard: false,
            kept: VecDeque::new(),
            ended: false,
            finished: false,
            over: false,
        }
    }

    pub fn turn(&self) -> Turn {
        self.turn
    }

    /// Lines that were kept and not sent.
    pub fn unsent(&self) -> usize {
        self.kept.len()
    }

    /// Whether more lines may be typed.
    pub fn has_input(&self) -> bool {
        !self.ended
    }

    /// A line was typed. Its end is not part of it.
    pub fn typed(&mut self, line: Vec<u8>) -> Vec<Action> {
        let may_send = self.turn == Turn::Write && self.kept.is_empty() && !self.over;
        if self.ended {
            vec![]
        } else if line.trim_ascii() == b"exit" {
            let mut actions = Vec::new();
            if may_send {
                actions.push(self.send(line));
            }
            actions.extend(self.input_ended());
            actions
        } else if line.is_empty() && self.source == Source::Keyboard {
            // Return pressed once too often must not give the turn away.
            vec![]
        } else if may_send {
            vec![self.send(line)]
        } else {
            self.kept.push_back(line);
            vec![Action::Kept]
        }
    }

    /// Nothing more will be typed.
    pub fn input_ended(&mut self) -> Vec<Action> {
        self.ended = true;
        if self.source == Source::Keyboard || self.kept.is_empty() {
            self.finish()
        } else {
            vec![]
        }
    }

    /// A line has come. Its end is not part of it.
    pub fn heard(&mut self, line: Vec<u8>) -> Vec<Action> {
        let first = !std::mem::replace(&mut self.heard, true);
        let mut actions = if first && is(&line, WELCOME) {
            vec![Action::Hint("the first line is yours, for whoever comes")]
        } else if is(&line, NOTICE) {
            self.over = true;
            return vec![Action::Note("the server is closing"), Action::Leave];
        } else if line.trim_ascii() == b"exit" {
            self.over = true;
            let left = Action::Note("your partner has left");
            return vec![Action::Partner(line), left, Action::Leave];
        } else {
            vec![Action::Partner(line)]
        };
        self.turn = Turn::Write;
        actions.extend(self.send_kept());
        actions
    }

    /// The server has ended the connection in order.
    pub fn closed(&mut self) -> Vec<Action> {
        self.over = true;
        if self.finished {
            vec![Action::Leave]
        } else {
            vec![Action::Note("your partner has left"), Action::Leave]
        }
    }

    /// Leaves now, whatever is kept.
    pub fn interrupted(&mut self) -> Vec<Action> {
        self.ended = true;
        self.finish()
    }

    fn send_kept(&mut self) -> Vec<Action> {
        if self.finished {
            return vec![];
        }
        let Some(line) = self.kept.pop_front() else {
            return vec![];
        };
        let mut actions = vec![Action::Released(line.clone()), self.send(line)];
        if self.ended && self.kept.is_empty() {
            actions.extend(self.finish());
        }
        actions
    }

    fn send(&mut self, mut line: Vec<u8>) -> Action {
        self.turn = Turn::Read;
        line.push(b'\n');
        Action::Send(line)
    }

    fn finish(&mut self) -> Vec<Action> {
        if std::mem::replace(&mut self.finished, true) {
            vec![]
        } else {
            vec![Action::Finish]
        }
    }
}

/// Whether a line without its end is what the server says.
fn is(line: &[u8], said: &[u8]) -> bool {
    Some(line) == said.strip_suffix(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELCOME: &str = "YOU'RE CONNECTED TO : @MAIN SERVER";
    const HINT: Action = Action::Hint("the first line is yours, for whoever comes");

    fn send(line: &str) -> Action {
        Action::Send(format!("{line}\n").into_bytes())
    }

    fn kept_sent(line: &str) -> [Action; 2] {
        [Action::Released(line.into()), send(line)]
    }

    fn partner(line: &str) -> Action {
        Action::Partner(line.into())
    }

    #[test]
    fn the_welcome_gives_the_first_turn() {
        let mut x = Talk::new(Source::Keyboard);
        assert_eq!(x.turn(), Turn::Read);
        assert_eq!(x.heard(WELCOME.into()), [HINT]);
        assert_eq!(x.turn(), Turn::Write);
        assert_eq!(x.typed("one".into()), [send("one")]);
        assert_eq!(x.turn(), Turn::Read);
        assert_eq!(x.heard("two".into()), [partner("two")]);
        assert_eq!(x.turn(), Turn::Write);
        // Only the first words can be the welcome.
        assert_eq!(x.heard(WELCOME.into()), [partner(WELCOME)]);
    }

    #[test]
    fn lines_typed_out_of_turn_are_kept_and_sent_one_a_turn() {
        let mut y = Talk::new(Source::Keyboard);
        assert_eq!(y.typed("a".into()), [Action::Kept]);
        assert_eq!(y.typed("b".into()), [Action::Kept]);
        let [kept, sent] = kept_sent("a");
        assert_eq!(y.heard("one".into()), [partner("one"), kept, sent]);
        assert_eq!((y.turn(), y.unsent()), (Turn::Read, 1));
        let [kept, sent] = kept_sent("b");
        assert_eq!(y.heard("two".into()), [partner("two"), kept, sent]);
        assert_eq!((y.turn(), y.unsent()), (Turn::Read, 0));
    }

    #[test]
    fn a_pipe_sends_everything_before_it_leaves() {
        let mut x = Talk::new(Source::Pipe);
        assert_eq!(x.typed("one".into()), [Action::Kept]);
        assert_eq!(x.typed("two".into()), [Action::Kept]);
        assert_eq!(x.input_ended(), []);
        let [kept, sent] = kept_sent("one");
        assert_eq!(x.heard(WELCOME.into()), [HINT, kept, sent]);
        let [kept, sent] = kept_sent("two");
        assert_eq!(
            x.heard("a".into()),
            [partner("a"), kept, sent, Action::Finish]
        );
        assert_eq!(x.heard("b".into()), [partner("b")]);
        assert_eq!(x.closed(), [Action::Leave]);
    }

    #[test]
    fn someone_who_types_leaves_when_they_say_so() {
        let mut y = Talk::new(Source::Keyboard);
        y.typed("early".into());
        assert_eq!(y.input_ended(), [Action::Finish]);
        assert_eq!(y.unsent(), 1);
        assert_eq!(
            y.heard("late".into()),
            [partner("late")],
            "nothing is sent behind the end"
        );
        let mut empty = Talk::new(Source::Pipe);
        assert_eq!(empty.input_ended(), [Action::Finish]);
    }

    #[test]
    fn exit_leaves_at_once_and_is_sent_in_turn_only() {
        let mut x = Talk::new(Source::Keyboard);
        x.heard(WELCOME.into());
        assert_eq!(x.typed("exit".into()), [send("exit"), Action::Finish]);
        assert_eq!(x.typed("more".into()), []);
        let mut y = Talk::new(Source::Keyboard);
        assert_eq!(y.typed(" exit\r".into()), [Action::Finish]);
        let mut pipe = Talk::new(Source::Pipe);
        pipe.typed("one".into());
        assert_eq!(pipe.typed("exit".into()), [], "one is to be sent first");
        let [kept, sent] = kept_sent("one");
        assert_eq!(
            pipe.heard(WELCOME.into()),
            [HINT, kept, sent, Action::Finish]
        );
    }

    #[test]
    fn how_it_ends_is_said() {
        let left = Action::Note("your partner has left");
        let mut talk = Talk::new(Source::Keyboard);
        talk.heard(WELCOME.into());
        assert_eq!(talk.closed(), [left.clone(), Action::Leave]);
        talk.typed("too late".into());
        assert_eq!(talk.unsent(), 1);
        let mut talk = Talk::new(Source::Keyboard);
        assert_eq!(
            talk.heard("exit\r".into()),
            [partner("exit\r"), left, Action::Leave]
        );
        let mut talk = Talk::new(Source::Keyboard);
        talk.typed("kept".into());
        let closing = Action::Note("the server is closing");
        assert_eq!(
            talk.heard("SERVEUR WILL CLOSE NOW".into()),
            [closing, Action::Leave]
        );
        assert_eq!(talk.unsent(), 1, "nothing is sent to a server that stops");
        let mut talk = Talk::new(Source::Keyboard);
        assert_eq!(talk.interrupted(), [Action::Finish]);
        assert_eq!(talk.interrupted(), []);
        assert_eq!(talk.closed(), [Action::Leave]);
    }

    #[test]
    fn return_alone_gives_no_turn_away_unless_it_comes_from_a_pipe() {
        let mut typed = Talk::new(Source::Keyboard);
        typed.heard(WELCOME.into());
        assert_eq!((typed.typed(vec![]), typed.turn()), (vec![], Turn::Write));
        let mut pipe = Talk::new(Source::Pipe);
        pipe.heard(WELCOME.into());
        assert_eq!(pipe.typed(vec![]), [send("")]);
    }
}
