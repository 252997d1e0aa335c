//! What the program says: the texts in its source, so that no picture shows a line that it never writes.

use std::path::Path;

/// Every text between quotes in the program, as the pieces around what is filled in.
pub fn messages() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let source = std::fs::read_to_string(path).unwrap();
                // What is only a test logs nothing.
                let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
                all.extend(source.lines().filter_map(|line| line.split_once('"')?.1.rsplit_once('"')).map(|(t, _)| {
                    let plain = t.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
                    plain.map(str::to_owned).collect::<Vec<String>>()
                }));
            }
        }
    }
    all.retain(|pieces| pieces.iter().map(|piece| piece.trim().len()).sum::<usize>() >= 5);
    all
}

/// Whether a line is what a message makes, as far as it is shown.
pub fn is_made_by(line: &str, pieces: &[String]) -> bool {
    let shown = line.trim_end_matches('…').trim_end();
    let mut rest = shown;
    for (k, piece) in pieces.iter().enumerate() {
        match rest.find(piece.as_str()) {
            Some(0) => rest = &rest[piece.len()..],
            Some(at) if k > 0 => rest = &rest[at + piece.len()..],
            // The line is cut off in the middle of the message.
            _ => {
                let before: usize = pieces[..k].iter().map(|piece| piece.trim().len()).sum();
                let begins = |n| piece.get(..n).is_some_and(|start| !start.trim().is_empty() && rest.ends_with(start));
                return shown.len() < line.len() && (before >= 5 || (1..piece.len()).any(begins));
            }
        }
    }
    // Only fields come after a message that does not end with something filled in.
    pieces.last().is_some_and(String::is_empty) || rest.is_empty() || rest.starts_with("  ")
}

#[test]
fn a_line_is_recognized_by_the_message_that_makes_it() {
    let message: Vec<String> = ["", ": ", " written"].map(str::to_owned).to_vec();
    assert!(is_made_by("AAPL 5m: 12 bars written", &message));
    assert!(is_made_by("AAPL 5m: 12 bars wri…", &message));
    assert!(!is_made_by("AAPL 5m has 12 bars", &message));
    let fields = ["execution ended".to_owned()];
    assert!(is_made_by("execution ended  status=completed", &fields));
    assert!(!is_made_by("the execution ended", &fields));
}
