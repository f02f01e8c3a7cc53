//! What must be true of a chat room.

use pairloop::engine::CloseReason;

use super::lines::{Lines, Pair};
use super::net::{End, Way};
use super::peer::Peer;

pub const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";
pub const NOTICE: &[u8] = b"SERVEUR WILL CLOSE NOW\n";

pub fn judge(lines: &Lines<'_>, room: &Pair<'_>, free: bool) {
    for (peer, partner) in room.sides() {
        let heard = without_welcome(lines, room, peer);
        hears_its_partner(lines, room, (peer, heard), partner);
    }
    if room.over == Some(CloseReason::Done) {
        let mut sides = room.sides().into_iter();
        assert!(
            sides.any(|(leaver, stayer)| has_left(
                lines,
                leaver,
                stayer,
                stayer.number == room.x.number
            )),
            "it ended, and neither was heard to its end: {}",
            lines.describe(room)
        );
    }
    // What was written last may be the notice of a stop, unless it is known how much was heard in all.
    let heard_all = room
        .sides()
        .iter()
        .all(|(peer, _)| peer.end == Some(End::Fin));
    if !free && (heard_all || room.over != Some(CloseReason::Stopping)) {
        in_turns(lines, room);
    }
}

/// X is welcomed before anything else, and Y is not.
fn without_welcome<'a>(lines: &Lines<'_>, room: &Pair<'_>, peer: &'a Peer) -> &'a [u8] {
    let heard = &peer.heard[..];
    if peer.number != room.x.number {
        return heard;
    }
    assert!(
        heard.starts_with(WELCOME) || (WELCOME.starts_with(heard) && peer.end != Some(End::Fin)),
        "X was not welcomed: {}",
        lines.describe(room)
    );
    &heard[WELCOME.len().min(heard.len())..]
}

/// Whole lines of the partner, from the first on, and then perhaps the notice of a stop.
fn hears_its_partner(
    lines: &Lines<'_>,
    room: &Pair<'_>,
    (peer, heard): (&Peer, &[u8]),
    partner: &Peer,
) {
    let said = lines.said(partner);
    let same = heard.iter().zip(said).take_while(|(a, b)| a == b).count();
    let (talk, rest) = heard.split_at(same);
    let between_lines = talk.is_empty() || talk.ends_with(b"\n");
    let told = room.over == Some(CloseReason::Stopping);
    assert!(
        rest.is_empty() || (told && between_lines && NOTICE.starts_with(rest)),
        "client {} heard {:?} at {same}, which its partner did not say: {}",
        peer.number,
        String::from_utf8_lossy(&rest[..rest.len().min(60)]),
        lines.describe(room)
    );
    if peer.end == Some(End::Fin) {
        let cut_by_its_speaker = partner.sent_fin && same == said.len() && !told;
        assert!(
            (between_lines || cut_by_its_speaker) && (rest == NOTICE) == told,
            "client {} got FIN, but not at the end: {}",
            peer.number,
            lines.describe(room)
        );
    }
}

/// Whether a room may be over because of `leaver`: all that it said has gone to its partner, and it has said that
/// this is all. So nothing is lost: had anything been held back, it could not have come to its FIN.
fn has_left(lines: &Lines<'_>, leaver: &Peer, stayer: &Peer, welcomed: bool) -> bool {
    let welcome = if welcomed { WELCOME.len() } else { 0 };
    let wrote = lines.entries(stayer, Way::Wrote);
    let wrote: usize = wrote.map(|(_, entry)| entry.bytes).sum();
    let told = wrote.saturating_sub(welcome);
    // What a stayer that is gone did not take was not written.
    let deaf = stayer.gone.is_some() || stayer.end != Some(End::Fin);
    let said = lines.said(leaver);
    let passed = &said[..told.min(said.len())];
    let last = passed.strip_suffix(b"\n").unwrap_or(b"");
    let start = last.iter().rposition(|&byte| byte == b'\n');
    let exits = last[start.map_or(0, |at| at + 1)..].trim_ascii() == b"exit";
    let finished = leaver.sent_fin && told == said.len();
    finished || exits || (deaf && (leaver.sent_fin || said.windows(4).any(|part| part == b"exit")))
}

/// X's first line, Y's first, X's second and so on: a line begins when all of the one before it was written.
fn in_turns(lines: &Lines<'_>, room: &Pair<'_>) {
    let to_y = spans(lines, room, room.y, room.x);
    let to_x = spans(lines, room, room.x, room.y);
    let follows = |earlier: &[Span], index: usize, span: &Span| {
        let before = earlier.get(index).and_then(|before| before.end);
        before.is_some_and(|end| end < span.start)
    };
    for (line, span) in to_x.iter().enumerate() {
        assert!(
            follows(&to_y, line, span),
            "Y's line {line} out of turn: {}",
            lines.describe(room)
        );
    }
    for (line, span) in to_y.iter().enumerate().skip(1) {
        assert!(
            follows(&to_x, line - 1, span),
            "X's line {line} out of turn: {}",
            lines.describe(room)
        );
    }
}

/// When a line was written: the places of its first and its last byte in the order of everything.
struct Span {
    start: usize,
    /// None if it was not written to its end.
    end: Option<usize>,
}

/// The lines that were written to `peer`, which its partner has said.
fn spans(lines: &Lines<'_>, room: &Pair<'_>, peer: &Peer, partner: &Peer) -> Vec<Span> {
    let welcome = match peer.number == room.x.number {
        true => WELCOME.len(),
        false => 0,
    };
    let mut said = lines.said(partner);
    if room.over == Some(CloseReason::Stopping) {
        let heard = peer.heard[welcome.min(peer.heard.len())..].iter();
        let same = heard.zip(said).take_while(|(a, b)| a == b).count();
        said = &said[..same];
    }
    // Where each byte of it was written.
    let mut places: Vec<usize> = Vec::new();
    for (place, entry) in lines.entries(peer, Way::Wrote) {
        places.resize(places.len() + entry.bytes, place);
    }
    let places = &places[welcome.min(places.len())..];
    let mut spans = Vec::new();
    let mut at = 0;
    while at < places.len().min(said.len()) {
        let length = said[at..].iter().position(|&byte| byte == b'\n');
        let last = length.map(|length| at + length);
        spans.push(Span {
            start: places[at],
            end: last.and_then(|last| places.get(last).copied()),
        });
        at = last.map_or(said.len(), |last| last + 1);
    }
    spans
}
