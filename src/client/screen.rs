//! What the chat client shows: a prompt, colours and the partner's lines apart on a terminal, lines and nothing else
//! in a pipe.

use std::io::{self, IsTerminal, Write};

use super::talk::Turn;
use crate::console::{self, printable};

/// Every escape sequence there is.
const CLEAR_LINE: &str = "\r\x1b[K";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// What the output can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Not a terminal.
    Pipe,
    /// A terminal that understands nothing but characters.
    Dumb,
    /// A terminal for someone who wants no colours.
    Colourless,
    Coloured,
}

impl Output {
    /// `no_color` and `term` are the environment's `NO_COLOR` (see no-color.org: any value but an empty one counts)
    /// and `TERM`.
    pub fn of(terminal: bool, no_color: Option<&str>, term: Option<&str>) -> Self {
        match (terminal, no_color, term) {
            (false, _, _) => Output::Pipe,
            (true, _, None | Some("dumb" | "")) => Output::Dumb,
            (true, None | Some(""), _) => Output::Coloured,
            (true, Some(_), _) => Output::Colourless,
        }
    }
}

pub struct Screen<W> {
    out: W,
    output: Output,
    name: String,
    /// Whether the cursor stands behind a prompt.
    prompted: bool,
}

impl<W: Write> Screen<W> {
    pub fn new(out: W, output: Output, name: &str) -> Self {
        Self {
            out,
            output,
            name: printable(name),
            prompted: false,
        }
    }

    /// The name, whose turn it is, and a place to type.
    pub fn prompt(&mut self, turn: Turn) -> io::Result<()> {
        if self.output == Output::Pipe {
            return Ok(());
        }
        self.begin_line()?;
        let colour = match turn {
            Turn::Write => GREEN,
            Turn::Read => YELLOW,
        };
        let prompt = self.painted(colour, &format!("{} ({turn}) >", self.name));
        write!(self.out, "{prompt} ")?;
        self.prompted = true;
        self.out.flush()
    }

    /// Whoever types has ended the prompt's line.
    pub fn line_was_typed(&mut self) {
        self.prompted = false;
    }

    pub fn partner(&mut self, line: &[u8]) -> io::Result<()> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = printable(&String::from_utf8_lossy(line));
        match self.output {
            Output::Pipe => self.line(&line),
            _ => self.line(&self.painted(CYAN, &format!("< {line}"))),
        }
    }

    /// One of this side's lines, sent later than it was typed.
    pub fn released(&mut self, line: &[u8]) -> io::Result<()> {
        let line = printable(&String::from_utf8_lossy(line));
        self.hint(&format!("sent: {line}"))
    }

    /// Something that helps whoever sits in front of a terminal.
    pub fn hint(&mut self, words: &str) -> io::Result<()> {
        match self.output {
            Output::Pipe => Ok(()),
            _ => self.line(&self.painted(DIM, &format!("-- {words}"))),
        }
    }

    /// Something that everybody must know; in a pipe it must not be taken for the partner's words.
    pub fn note(&mut self, words: &str) -> io::Result<()> {
        if self.output == Output::Pipe {
            console::STDERR.write_line(format!("pairloop: {words}\n").as_bytes());
        }
        self.hint(words)
    }

    /// Leaves the cursor at the beginning of a line, and nothing half typed for the shell to take as a command.
    pub fn leave(&mut self) -> io::Result<()> {
        let input = io::stdin();
        if input.is_terminal() {
            // If that fails the terminal is gone, and with it the line.
            let _ = rustix::termios::tcflush(&input, rustix::termios::QueueSelector::IFlush);
        }
        if std::mem::take(&mut self.prompted) {
            writeln!(self.out)?;
        }
        self.out.flush()
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.begin_line()?;
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Takes the prompt away, if there is one.
    fn begin_line(&mut self) -> io::Result<()> {
        match (std::mem::take(&mut self.prompted), self.output) {
            (false, _) => Ok(()),
            (true, Output::Pipe | Output::Dumb) => writeln!(self.out),
            (true, Output::Colourless | Output::Coloured) => write!(self.out, "{CLEAR_LINE}"),
        }
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        match self.output {
            Output::Coloured => format!("{colour}{text}{PLAIN}"),
            _ => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: Output) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, output, "Al\x1bice");
        screen.prompt(Turn::Write).unwrap();
        screen.line_was_typed();
        screen.prompt(Turn::Read).unwrap();
        screen.partner(b"\x1b[2Jhello\r").unwrap();
        screen.hint("words").unwrap();
        screen.prompt(Turn::Write).unwrap();
        screen.leave().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pipe_has_the_partners_lines_only() {
        assert_eq!(shown(Output::Pipe), "\\u{1b}[2Jhello\n");
    }

    #[test]
    fn a_dumb_terminal_gets_no_escape_sequence() {
        let expected = "Al\\u{1b}ice (WRITE) > Al\\u{1b}ice (READ) > \n< \\u{1b}[2Jhello\n\
                        -- words\nAl\\u{1b}ice (WRITE) > \n";
        assert_eq!(shown(Output::Dumb), expected);
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        let plain = shown(Output::Colourless);
        assert!(plain.contains("\r\x1b[K< \\u{1b}[2Jhello\n"), "{plain:?}");
        assert!(!plain.contains("m"), "no colour: {plain:?}");
        let coloured = shown(Output::Coloured);
        assert!(coloured.contains("\x1b[32mAl\\u{1b}ice (WRITE) >\x1b[0m "));
        assert!(coloured.contains("\x1b[33mAl\\u{1b}ice (READ) >\x1b[0m "));
        assert!(coloured.contains("\x1b[36m< \\u{1b}[2Jhello\x1b[0m\n"));
    }

    #[test]
    fn the_environment_decides() {
        let xterm = Some("xterm");
        for (terminal, no_color, term, output) in [
            (false, None, xterm, Output::Pipe),
            (true, None, xterm, Output::Coloured),
            (true, Some(""), xterm, Output::Coloured),
            (true, Some("1"), xterm, Output::Colourless),
            (true, None, Some("dumb"), Output::Dumb),
            (true, None, None, Output::Dumb),
        ] {
            assert_eq!(Output::of(terminal, no_color, term), output);
        }
    }
}
