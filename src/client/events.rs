//! What happens to a chat, gathered by threads that wait for one thing each.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ClientError;
use crate::limits::LONGEST_LINE;

/// Lines of the input that may wait to be sent before no more is read.
const WAITING_LINES: usize = 256;

/// One thing that has happened. Lines are without their ends.
pub enum Event {
    Typed(Vec<u8>),
    InputEnded,
    Heard(Vec<u8>),
    /// The server has ended the connection in order.
    Closed,
    Signal(i32),
    Failed(ClientError),
}

/// Where events come out.
pub struct Events {
    pub inbox: Receiver<Event>,
    /// One for each line of the input that waits.
    waiting: Receiver<()>,
}

impl Events {
    pub fn gather(stream: &Arc<TcpStream>) -> Result<Self, ClientError> {
        let (events, inbox) = channel();
        let (places, waiting) = sync_channel(WAITING_LINES);
        catch_signals(events.clone())?;
        let (socket, heard) = (Arc::clone(stream), events.clone());
        thread::spawn(move || hear(&mut BufReader::new(&*socket), &heard));
        thread::spawn(move || read_input(&mut io::stdin().lock(), &events, &places));
        Ok(Self { inbox, waiting })
    }

    /// A typed line waits no longer: another may be read.
    pub fn make_place(&self) {
        let _ = self.waiting.try_recv();
    }
}

/// A signal is an event; a second one ends the process at once, whatever it waits for.
fn catch_signals(events: Sender<Event>) -> Result<(), ClientError> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(ClientError::Signals)?;
    thread::spawn(move || {
        let mut signals = signals.forever();
        if let Some(signal) = signals.next() {
            let _ = events.send(Event::Signal(signal));
        }
        if let Some(signal) = signals.next() {
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// Tells what comes from the server. A line that is longer than lines are is told in pieces.
fn hear(stream: &mut impl BufRead, events: &Sender<Event>) {
    loop {
        let event = match read_line(stream, LONGEST_LINE) {
            Ok(Some(line)) => Event::Heard(line.text),
            Ok(None) => Event::Closed,
            Err(error) => Event::Failed(ClientError::Cut(error)),
        };
        let goes_on = matches!(event, Event::Heard(_));
        if events.send(event).is_err() || !goes_on {
            return;
        }
    }
}

/// Tells what is typed, and then that it has ended.
fn read_input(input: &mut impl BufRead, events: &Sender<Event>, places: &SyncSender<()>) {
    // One byte more than a line may have, to see which are too long.
    let longest = LONGEST_LINE + 1;
    loop {
        let (event, is_last) = match read_line(input, longest) {
            // Its end will be added if it had none.
            Ok(Some(line)) if line.text.len() >= LONGEST_LINE => {
                let error = ClientError::LongLine(LONGEST_LINE);
                (Event::Failed(error), true)
            }
            Ok(Some(line)) => (Event::Typed(line.text), !line.is_whole),
            Ok(None) => (Event::InputEnded, true),
            Err(error) => (Event::Failed(ClientError::Input(error)), true),
        };
        let is_line = matches!(event, Event::Typed(_));
        // Whoever has left takes neither places nor events.
        if is_line && places.send(()).is_err() || events.send(event).is_err() {
            return;
        }
        if is_last {
            if is_line {
                let _ = events.send(Event::InputEnded);
            }
            return;
        }
    }
}

struct Line {
    text: Vec<u8>,
    /// Whether it had an end, which is not part of the text.
    is_whole: bool,
}

/// The next line, or as much of it as `longest` bytes; `None` at the end.
fn read_line(from: &mut impl BufRead, longest: usize) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let bytes = from.take(longest as u64).read_until(b'\n', &mut text)?;
    let is_whole = text.last() == Some(&b'\n');
    if is_whole {
        text.pop();
    }
    Ok((bytes > 0).then_some(Line { text, is_whole }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(mut input: &[u8]) -> Vec<String> {
        let (events, inbox) = channel();
        let (places, _waiting) = sync_channel(100);
        read_input(&mut input, &events, &places);
        drop(events);
        let name = |event| match event {
            Event::Typed(line) => format!("{} bytes", line.len()),
            Event::InputEnded => "end".into(),
            Event::Failed(error) => error.to_string(),
            _ => unreachable!("not from the input"),
        };
        inbox.into_iter().map(name).collect()
    }

    #[test]
    fn the_input_is_lines_and_then_its_end() {
        assert_eq!(typed(b""), ["end"]);
        assert_eq!(
            typed(b"one\n\nthree\n"),
            ["3 bytes", "0 bytes", "5 bytes", "end"]
        );
        assert_eq!(typed(b"one\ntwo"), ["3 bytes", "3 bytes", "end"]);
    }

    #[test]
    fn a_line_that_no_server_takes_is_not_sent() {
        let long = "a line of the input is too long: a chat line may have 65536 bytes";
        for end in ["", "\n"] {
            let fits = "a".repeat(65535) + end;
            assert_eq!(typed(fits.as_bytes()), ["65535 bytes", "end"]);
            let too_long = "a".repeat(65536) + end;
            assert_eq!(typed(too_long.as_bytes()), [long]);
        }
    }

    #[test]
    fn what_comes_is_lines_and_then_its_end() {
        let (events, inbox) = channel();
        let mut bytes = b"one\r\n\n".to_vec();
        bytes.extend([b'a'; LONGEST_LINE + 1]);
        hear(&mut &bytes[..], &events);
        let lengths = inbox.try_iter().map(|event| match event {
            Event::Heard(line) => line.len(),
            Event::Closed => usize::MAX,
            _ => unreachable!("not from the server"),
        });
        let lengths: Vec<usize> = lengths.collect();
        assert_eq!(lengths, [4, 0, LONGEST_LINE, 1, usize::MAX]);
    }
}
