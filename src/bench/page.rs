//! The result as one page of HTML that needs nothing else.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::outcome::{Outcome, percentiles};
use super::plot;
use super::table::{grouped, measured, percent, rows, sentence};

pub fn page(outcome: &Outcome, command: &str) -> String {
    let title = format!("pairloop bench {}", outcome.mode);
    let mut body = format!(
        "<h1>{title}</h1><p class='load'>{}: {}; {}</p>",
        escaped(&outcome.server),
        escaped(&outcome.load),
        measured(outcome)
    );
    let kind = if outcome.verdict.is_warning() {
        "verdict warning"
    } else {
        "verdict"
    };
    let _ = write!(body, "<p class='{kind}'>{}</p>", sentence(&outcome.words));
    if let Some(first) = &outcome.losses.first {
        let _ = write!(
            body,
            "<p class='verdict warning'>{} lost, the first: {}</p>",
            outcome.losses.count,
            escaped(first)
        );
    }
    tiles(&mut body, outcome);
    if !outcome.latency.is_empty() {
        let what = if outcome.mode == "idle" {
            "Time to connect"
        } else {
            "Latency"
        };
        let _ = write!(
            body,
            "<h2>{what} by percentile</h2>{}",
            plot::latency(outcome)
        );
    }
    if outcome.mode != "idle" {
        let (what, mean) = plot::throughput_words(outcome);
        let _ = write!(
            body,
            "<h2>{what} over time <span>mean {mean}</span></h2>{}",
            plot::throughput(outcome)
        );
    }
    body.push_str("<h2>All figures</h2><table>");
    for (name, value) in rows(outcome) {
        let _ = write!(
            body,
            "<tr><th>{}</th><td>{}</td></tr>",
            escaped(&name),
            escaped(&value)
        );
    }
    let _ = write!(
        body,
        "</table><p class='command'><code>{}</code></p><p class='foot'>{} UTC, pairloop {}. Latency is counted from when a message was \
         meant to be sent. Bytes are counted once, where they arrive; GB are 10<sup>9</sup> bytes.</p>",
        escaped(command),
        date(SystemTime::now()),
        env!("CARGO_PKG_VERSION")
    );
    format!(
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>{body}</main></body></html>\n"
    )
}

/// The figures that are looked for first.
fn tiles(body: &mut String, outcome: &Outcome) {
    let mut tiles = Vec::new();
    if outcome.messages > 0 {
        tiles.push((
            format!("{} a second", outcome.unit),
            grouped(outcome.rate(), 0),
        ));
    }
    if outcome.gigabytes() >= 0.01 {
        tiles.push(("GB a second".into(), format!("{:.3}", outcome.gigabytes())));
    }
    if !outcome.latency.is_empty() {
        let points = percentiles(&outcome.latency);
        for (name, value) in [points[1], points[3]] {
            tiles.push((name.into(), plot::duration(value)));
        }
    }
    tiles.push(("generator CPU".into(), percent(outcome.busiest())));
    if let Some(share) = outcome.server_share() {
        tiles.push(("server CPU".into(), percent(share)));
    }
    if let Some((all, _)) = outcome.memory {
        tiles.push(("bytes a connection".into(), grouped(all, 0)));
    }
    body.push_str("<div class='tiles'>");
    for (name, value) in tiles {
        let _ = write!(body, "<div><b>{value}</b><span>{name}</span></div>");
    }
    body.push_str("</div>");
}

/// The command as it would be typed, without where things are on this machine.
pub fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut words = vec!["pairloop".to_owned()];
    let mut path_follows = false;
    for argument in arguments.skip(1) {
        let word = match argument.strip_prefix("--report=") {
            Some(path) => format!("--report={}", file_name(path)),
            None if path_follows => file_name(&argument).to_owned(),
            None => argument.clone(),
        };
        path_follows = argument == "--report";
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.,:=/[]@%+".contains(&byte);
        if !word.is_empty() && word.bytes().all(plain) {
            words.push(word);
        } else {
            words.push(format!("'{}'", word.replace('\'', "'\\''")));
        }
    }
    words.join(" ")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `2026-11-20 19:00`: Gregorian, by Howard Hinnant's `civil_from_days`.
fn date(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, minutes) = (seconds / 86_400, seconds / 60 % 1440);
    // From 0000-03-01, so that the leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02} {:02}:{:02}",
        era * 400 + year + next,
        minutes / 60,
        minutes % 60
    )
}

const STYLE: &str = "
:root{color-scheme:light dark;--page:#f9f9f7;--card:#fff;--ink:#1c1c1a;--soft:#62625d;--grid:#e5e4df;--line:#2a78d6;--area:#2a78d61f;--second:#c2571a;--warn:#b3540a;--warnbg:#fdf1e3;--ok:#2a78d6}
@media (prefers-color-scheme:dark){:root{--page:#141413;--card:#1d1d1b;--ink:#efeeea;--soft:#a3a29b;--grid:#343430;--line:#5aa0f0;--area:#5aa0f026;--second:#eb8a4e;--warn:#f0a35c;--warnbg:#33251a;--ok:#5aa0f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:940px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:26px;margin:0}
h2{font-size:16px;margin:32px 0 8px}
h2 span{color:var(--soft);font-weight:400;margin-left:6px}
.load{margin:2px 0 18px;color:var(--soft)}
.verdict{margin:0 0 10px;padding:10px 14px;background:var(--card);border-left:4px solid var(--ok);border-radius:4px}
.warning{background:var(--warnbg);border-color:var(--warn)}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin-top:18px}
.tiles div{flex:1 1 120px;background:var(--card);border:1px solid var(--grid);border-radius:6px;padding:10px 14px}
.tiles b{display:block;font-size:21px;font-weight:600;white-space:nowrap}
.tiles span{color:var(--soft);font-size:13px}
.plot{overflow-x:auto;background:var(--card);border:1px solid var(--grid);border-radius:6px}
svg{display:block;width:100%;min-width:600px;height:auto}
.grid{stroke:var(--grid);stroke-width:1}
.tick{fill:var(--soft);font-size:12px}
.mark{fill:var(--ink);font-size:12px;font-weight:600;paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.line{fill:none;stroke:var(--line);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.second{stroke:var(--second)}
.area{fill:var(--area);stroke:none}
.mean{stroke:var(--soft);stroke-width:1;stroke-dasharray:5 4}
.dot{fill:var(--line);stroke:var(--card);stroke-width:2}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--grid);border-radius:6px}
th,td{text-align:left;padding:7px 14px;border-bottom:1px solid var(--grid);vertical-align:top;font-variant-numeric:tabular-nums;white-space:pre-wrap}
tr:last-child th,tr:last-child td{border-bottom:0}
th{font-weight:500;color:var(--soft);white-space:nowrap;width:1%}
.command{margin:18px 0 6px;overflow-x:auto}
code{font:13px/1.5 ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.foot{color:var(--soft);font-size:13px;margin:0}
";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00");
        assert_eq!(at(951_782_400), "2000-02-29 00:00");
        assert_eq!(at(1_795_201_260), "2026-11-20 19:01");
        assert_eq!(at(4_107_542_399), "2100-02-28 23:59");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00");
    }

    #[test]
    fn paths_stay_on_the_machine() {
        let line = |text: &str| command_line(text.split(' ').map(str::to_owned));
        assert_eq!(
            line("/opt/x/pairloop bench echo --report /home/x/out.html --json"),
            "pairloop bench echo --report out.html --json"
        );
        assert_eq!(
            line("p bench --report=/home/x/a;b"),
            "pairloop bench '--report=a;b'"
        );
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<b>&"), "&lt;b&gt;&amp;");
    }
}
