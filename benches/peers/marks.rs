//! What benchmarks write into README.md: each between two marks, the first of which has the command.

use std::fs;

const FILE: &str = "README.md";
const END: &str = "<!-- end -->\n";

/// Puts this where the command's results stand.
///
/// # Errors
/// If the file or its marks are not there, in words.
pub fn replace(command: &str, results: &str) -> Result<(), String> {
    let unable = |error| format!("{FILE}: {error}");
    let text = fs::read_to_string(FILE).map_err(unable)?;
    let begin = format!("<!-- begin: {command} -->\n");
    let text = between(&text, &begin, results)
        .ok_or_else(|| format!("{FILE} has no marks: {begin}{END}"))?;
    fs::write(FILE, text).map_err(unable)
}

fn between(text: &str, begin: &str, results: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}{results}{END}{after}"))
}
