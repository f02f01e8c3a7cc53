//! `pairloop chat`: whatever happens comes to one thread, which alone shows and sends.

use std::io::{self, ErrorKind, IsTerminal, Stdout, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::ClientError;
use super::connect::{connect, finish};
use super::events::{Event, Events};
use super::join::{Entry, ask_for_room, partner};
use super::screen::{Output, Screen};
use super::talk::{Action, Source, Talk};
use crate::cli::ChatArgs;

/// How long the server is given to answer the goodbye of someone who wants to leave.
const GOODBYE: Duration = Duration::from_millis(500);

/// Chats until one of the two leaves.
///
/// Answers 128 and the signal's number, as shells do, if a signal ended it.
///
/// # Errors
/// If it can't connect, the connection is cut, or it is over with lines unsent.
pub fn chat(args: &ChatArgs) -> Result<ExitCode, ClientError> {
    let entry = Entry::new(&args.room)?;
    let stream = Arc::new(connect(&args.at, &args.server)?);
    let named = ask_for_room(&stream, &entry, None)?;
    let source = if io::stdin().is_terminal() {
        Source::Keyboard
    } else {
        Source::Pipe
    };
    let mut session = Session {
        events: Events::gather(&stream)?,
        stream,
        talk: Talk::new(source),
        screen: Screen::new(io::stdout(), output(), &args.name),
        source,
        awaited: named,
        leaving: false,
        signal: None,
    };
    let result = session.run(&format!("connected to {}", args.at));
    // Whoever is in a hurry leaves no prompt behind; an output that nobody reads has none.
    let _ = session.screen.leave();
    match (result, session.signal) {
        (_, Some(signal)) => Ok(ExitCode::from(128 + signal)),
        (Err(ClientError::Output(error)), _) if error.kind() == ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        (Err(error), None) => Err(error),
        (Ok(()), None) => match session.talk.unsent() {
            0 => Ok(ExitCode::SUCCESS),
            lines => Err(ClientError::Unsent(lines)),
        },
    }
}

fn output() -> Output {
    let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    Output::of(
        io::stdout().is_terminal(),
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
    )
}

struct Session {
    events: Events,
    stream: Arc<TcpStream>,
    talk: Talk,
    screen: Screen<Stdout>,
    source: Source,
    /// Whether the server will say when the partner comes, and has not yet.
    awaited: bool,
    /// Whether someone wants to leave now, and not when everything is sent.
    leaving: bool,
    signal: Option<u8>,
}

impl Session {
    /// Does what follows from each event, until it is over.
    fn run(&mut self, greeting: &str) -> Result<(), ClientError> {
        self.screen.hint(greeting).map_err(ClientError::Output)?;
        loop {
            let event = if self.leaving {
                self.events.inbox.recv_timeout(GOODBYE)
            } else {
                let turn = self.talk.turn();
                self.screen.prompt(turn).map_err(ClientError::Output)?;
                let event = self.events.inbox.recv();
                event.map_err(|_| RecvTimeoutError::Disconnected)
            };
            // Without an answer to a goodbye: what was sent is in the kernel's hands, and so is its end.
            let Ok(event) = event else { return Ok(()) };
            for action in self.heed(event)? {
                if action == Action::Leave {
                    return self.look_for_unsent();
                }
                self.act(action)?;
            }
        }
    }

    /// A script that still has lines to send has not done what it was to do, also if they have not been read yet.
    fn look_for_unsent(&mut self) -> Result<(), ClientError> {
        while self.source == Source::Pipe && self.talk.has_input() && self.talk.unsent() == 0 {
            match self.events.inbox.recv_timeout(GOODBYE) {
                Ok(event @ (Event::Typed(_) | Event::InputEnded)) => _ = self.heed(event)?,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn heed(&mut self, event: Event) -> Result<Vec<Action>, ClientError> {
        Ok(match event {
            Event::Typed(line) => {
                if self.source == Source::Keyboard {
                    self.screen.line_was_typed();
                }
                let before = self.talk.unsent();
                let actions = self.talk.typed(line);
                if self.talk.unsent() == before {
                    self.events.make_place();
                }
                actions
            }
            Event::InputEnded => self.talk.input_ended(),
            Event::Heard(line) if self.awaited => match partner(&String::from_utf8_lossy(&line))? {
                Some(_) => {
                    self.awaited = false;
                    vec![Action::Hint("your partner is here")]
                }
                None => self.talk.heard(line),
            },
            Event::Heard(line) => self.talk.heard(line),
            Event::Closed => self.talk.closed(),
            Event::Signal(signal) => {
                self.signal = u8::try_from(signal).ok();
                self.leaving = true;
                self.talk.interrupted()
            }
            Event::Failed(error) => return Err(error),
        })
    }

    fn act(&mut self, action: Action) -> Result<(), ClientError> {
        let shown = match action {
            Action::Send(line) => {
                let sent = (&*self.stream).write_all(&line);
                return sent.map_err(ClientError::Cut);
            }
            Action::Finish => {
                self.leaving |= self.source == Source::Keyboard;
                return finish(&self.stream);
            }
            Action::Released(line) => {
                self.events.make_place();
                self.screen.released(&line)
            }
            Action::Partner(line) => self.screen.partner(&line),
            Action::Kept => self.screen.hint("kept until it is your turn"),
            Action::Hint(words) => self.screen.hint(words),
            Action::Note(words) => self.screen.note(words),
            Action::Leave => Ok(()),
        };
        shown.map_err(ClientError::Output)
    }
}
