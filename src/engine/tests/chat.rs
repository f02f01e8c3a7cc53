//! Chat rooms: whose turn it is, what is passed, and how they end.

use super::*;

/// A chat room as its two clients see it: what they were sent, and what they have said that nobody took.
struct Chat {
    bench: Bench,
    /// What clients 1 and 2 have been sent, one entry a send.
    sent: [Vec<String>; 2],
    /// What waits in their receive buffers.
    unread: [Vec<u8>; 2],
    /// How they were closed.
    closed: [Option<(CloseReason, Ending)>; 2],
    /// Whether the sends are reported as drained at once.
    drains: bool,
}

impl Chat {
    fn new(options: &[(&str, &str)]) -> Self {
        let mut bench = Bench::new();
        bench.engine = Engine::new(
            [(factory("chat", options), Meeting::Arrival)],
            Timeouts::default(),
            bench.now,
        );
        let none = || [Vec::new(), Vec::new()];
        Self {
            bench,
            sent: none(),
            unread: [vec![], vec![]],
            closed: [None; 2],
            drains: true,
        }
    }

    fn open(options: &[(&str, &str)]) -> Self {
        let mut chat = Self::new(options);
        chat.tell(1, accepted(0), b"");
        chat.tell(2, accepted(0), b"");
        chat.follow_up();
        chat.sent[0].clear();
        chat
    }

    /// A client sends; what is not taken waits.
    fn say(&mut self, client: u64, bytes: &[u8]) {
        let unread = &mut self.unread[client as usize - 1];
        unread.extend_from_slice(bytes);
        let all = unread.clone();
        let taken = self.tell(client, Input::Data(&all), &all);
        self.unread[client as usize - 1].drain(..taken);
        self.follow_up();
    }

    fn tell(&mut self, client: u64, input: Input<'_>, bytes: &[u8]) -> usize {
        let (taken, outputs) = self.bench.input(client, input);
        for output in outputs {
            self.note(output, bytes);
        }
        taken
    }

    fn note(&mut self, output: Output, bytes: &[u8]) {
        match output {
            Output::Send { to, payload } => {
                let text = match payload {
                    Payload::Input(part) => String::from_utf8_lossy(&bytes[part]).into_owned(),
                    Payload::Text(text) => String::from_utf8_lossy(&text).into_owned(),
                };
                self.sent[to.slot() - 1].push(text);
            }
            Output::Close {
                client,
                reason,
                ending,
            } => {
                self.closed[client.slot() - 1] = Some((reason, ending));
            }
            Output::Resume(_) | Output::ReadOn(_) | Output::Note(_) => {}
            other => panic!("{other:?} in a chat room"),
        }
    }

    /// Reports drained sends and offers waiting bytes again, until nothing more comes of it.
    fn follow_up(&mut self) {
        for _ in 0..10 {
            for client in [1, 2] {
                if self.closed[client as usize - 1].is_some() {
                    return;
                }
                if self.drains {
                    self.tell(client, Input::SendDrained, b"");
                }
                let all = self.unread[client as usize - 1].clone();
                if !all.is_empty() {
                    let taken = self.tell(client, Input::Data(&all), &all);
                    self.unread[client as usize - 1].drain(..taken);
                }
            }
        }
    }
}

const STRICT: &[(&str, &str)] = &[];
const FREE: &[(&str, &str)] = &[("turns", "free")];
const FINISHED: Option<(CloseReason, Ending)> = Some((Done, Ending::Finish));

#[test]
fn only_x_is_welcomed() {
    let mut chat = Chat::new(STRICT);
    chat.tell(1, accepted(0), b"");
    assert_eq!(
        chat.sent,
        [
            vec!["YOU'RE CONNECTED TO : @MAIN SERVER\n".to_owned()],
            vec![]
        ]
    );
    chat.tell(2, accepted(0), b"");
    assert_eq!(chat.sent[1], Vec::<String>::new());
}

#[test]
fn a_line_passes_the_turn() {
    let mut chat = Chat::open(STRICT);
    chat.say(1, b"one\n");
    chat.say(2, b"two\r\n");
    chat.say(1, b"three\n");
    assert_eq!(chat.sent, [vec!["two\r\n"], vec!["one\n", "three\n"]]);
}

#[test]
fn a_line_out_of_turn_waits_for_its_turn() {
    let mut chat = Chat::open(STRICT);
    chat.say(2, b"early\nearlier still\n");
    assert_eq!(chat.sent, [vec![] as Vec<String>, vec![]]);
    chat.say(1, b"one\ntwo\n");
    // one gives Y the turn, early gives it back, two and so on: each line once, in turn.
    assert_eq!(
        chat.sent,
        [vec!["early\n", "earlier still\n"], vec!["one\n", "two\n"]]
    );
}

#[test]
fn a_line_is_not_taken_before_its_receiver_has_the_last_one() {
    let mut chat = Chat::open(FREE);
    chat.drains = false;
    chat.say(1, b"one\ntwo\n");
    assert_eq!(chat.sent[1], ["one\n"]);
    assert_eq!(chat.unread[0], b"two\n");
    chat.drains = true;
    chat.follow_up();
    assert_eq!(chat.sent[1], ["one\n", "two\n"]);
}

#[test]
fn with_free_turns_both_may_write() {
    let mut chat = Chat::open(FREE);
    chat.say(2, b"me first\n");
    chat.say(2, b"me again\n");
    chat.say(1, b"hello\n");
    assert_eq!(
        chat.sent,
        [vec!["me first\n", "me again\n"], vec!["hello\n"]]
    );
}

#[test]
fn a_line_in_pieces_is_passed_whole() {
    let mut chat = Chat::open(STRICT);
    for byte in b"hello\n" {
        assert!(chat.sent[1].is_empty());
        chat.say(1, &[*byte]);
    }
    assert_eq!(chat.sent[1], ["hello\n"]);
}

#[test]
fn exit_passes_on_and_ends_the_room() {
    for exit in ["exit\n", "exit\r\n", " exit \n"] {
        let mut chat = Chat::open(STRICT);
        chat.say(1, exit.as_bytes());
        assert_eq!(
            (&chat.sent[1], chat.closed),
            (&vec![exit.to_owned()], [FINISHED; 2])
        );
    }
    let mut chat = Chat::open(STRICT);
    chat.say(1, b"no exit\n");
    assert_eq!(chat.closed, [None; 2]);
}

#[test]
fn who_leaves_ends_the_room_for_both() {
    for leaver in [1, 2] {
        let mut chat = Chat::open(STRICT);
        chat.tell(leaver, Input::Eof { unread: b"" }, b"");
        assert_eq!(chat.closed, [FINISHED; 2]);
    }
    let mut chat = Chat::open(STRICT);
    chat.tell(1, Input::Lost(Reset), b"");
    let partner = Some((PartnerLost, Ending::Finish));
    assert_eq!(chat.closed, [Some((Reset, Ending::Reset)), partner]);
}

#[test]
fn a_line_without_its_end_is_said_when_its_sender_leaves() {
    let mut chat = Chat::open(STRICT);
    chat.say(1, b"good");
    chat.tell(1, Input::Eof { unread: b"goodbye" }, b"goodbye");
    assert_eq!(
        (&chat.sent[1], chat.closed),
        (&vec!["goodbye".to_owned()], [FINISHED; 2])
    );
}

#[test]
fn a_line_may_have_64_kib_and_no_more() {
    let longest = 64 * 1024;
    for (bytes, fits) in [(longest - 1, true), (longest, true), (longest + 1, false)] {
        let mut line = vec![b'a'; bytes];
        line[bytes - 1] = b'\n';
        let mut chat = Chat::open(STRICT);
        chat.say(1, &line);
        assert_eq!(
            (chat.sent[1].len(), chat.closed[0].is_none()),
            (usize::from(fits), fits),
            "{bytes}"
        );
    }
    let mut chat = Chat::open(STRICT);
    chat.say(1, &vec![b'a'; longest - 1]);
    assert_eq!(chat.closed, [None; 2], "its end may be next");
    chat.say(1, b"a");
    let told = [TooLong, PartnerLost].map(|reason| Some((reason, Ending::Finish)));
    assert_eq!(chat.closed, told);
}

#[test]
fn a_stop_is_said_and_ends_the_room() {
    let notice = "SERVEUR WILL CLOSE NOW\n".to_owned();
    let mut chat = Chat::open(STRICT);
    for output in chat.bench.happen(Stop) {
        chat.note(output, b"");
    }
    assert_eq!(chat.sent, [vec![notice.clone()], vec![notice.clone()]]);
    assert_eq!(chat.closed, [Some((Stopping, Ending::Finish)); 2]);
    assert!(chat.bench.engine.is_stopped());

    let mut waiting = Chat::new(STRICT);
    waiting.tell(1, accepted(0), b"");
    waiting.sent[0].clear();
    for output in waiting.bench.happen(Stop) {
        waiting.note(output, b"");
    }
    assert_eq!(
        (&waiting.sent[0], waiting.closed[0]),
        (&vec![notice], Some((Stopping, Ending::Finish)))
    );
}
