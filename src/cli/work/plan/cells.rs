//! `barkeep plan --cells FILE`: the fewest requests for a given set of missing daily bars, with the proof.
//!
//! No database, no calendar, no vendor: only the file. Every wrong line is named, and nothing is printed before the proof
//! is checked.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use serde::Serialize;

use crate::exit::{CliError, SOME_FAILED};
use crate::output::{print, print_json_line};
use barkeep_base::format::{count, plural};
use barkeep_base::text::printable;
use barkeep_market::Symbol;
use barkeep_pipeline::select::TimeBound;
use barkeep_plan::cells::{Cell, Solution, solve};

/// 10,000 symbols over five years are 12.6 million lines of about 16 bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Wrong lines listed in an error.
const MAX_LISTED: usize = 20;
/// Names listed in a line of text.
const MAX_NAMES: usize = 8;

/// The answer. The time it took is there only with `-v`, because with it no two outputs would be equal.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    solution: &'a Solution,
    #[serde(skip_serializing_if = "Option::is_none")]
    solve_milliseconds: Option<f64>,
}

pub(super) fn run(path: &Path, json: bool, verbose: bool) -> Result<(), CliError> {
    let shown = printable(&path.display().to_string());
    let cells = parse(&read(path, &shown)?, &shown)?;
    let start = Instant::now();
    let solution = solve(&cells)
        .map_err(|e| CliError::new(SOME_FAILED, format!("{shown}: {e}; this is a bug, please report the file")))?;
    let took = verbose.then(|| start.elapsed());
    if json {
        let solve_milliseconds = took.map(|t| (t.as_secs_f64() * 1e6).round() / 1e3);
        return print_json_line(&Answer { solution: &solution, solve_milliseconds });
    }
    print(&text(&solution, took))
}

fn read(path: &Path, shown: &str) -> Result<String, CliError> {
    let fail = |what: &str| CliError::usage(format!("{shown}: {what}"));
    let unreadable = |e: std::io::Error| fail(&format!("cannot be read: {e}"));
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(fail("is a directory; give a CSV file with the columns symbol,session"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail("is larger than 256 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| fail("is not UTF-8; save it as UTF-8"))
}

/// Lines `symbol,session`, in any order. A heading, empty lines and lines that begin with `#` are skipped.
fn parse(text: &str, shown: &str) -> Result<Vec<Cell>, CliError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cells = Vec::new();
    let mut wrong: Vec<String> = Vec::new();
    // A symbol and a date repeat many times; each is checked once.
    let mut symbols: HashMap<&str, Symbol> = HashMap::new();
    let mut dates: HashMap<&str, NaiveDate> = HashMap::new();
    let mut may_be_heading = true;
    for (number, raw) in (1..).zip(text.lines()).filter(|(_, raw)| !raw.trim().is_empty() && !raw.starts_with('#')) {
        let first = std::mem::replace(&mut may_be_heading, false);
        match fields(raw) {
            Ok((symbol, session)) if first && is_heading(symbol, session) => {}
            Ok((symbol, session)) => match (
                known(&mut symbols, symbol, |s| s.parse().map_err(|e| format!("{e}"))),
                known(&mut dates, session, date),
            ) {
                (Ok(symbol), Ok(date)) => cells.push((symbol, date)),
                (Err(what), _) | (_, Err(what)) => wrong.push(format!("{shown}:{number}: {what}")),
            },
            Err(what) => wrong.push(format!("{shown}:{number}: {what}")),
        }
    }
    if wrong.is_empty() {
        return Ok(cells);
    }
    let more = wrong.len().saturating_sub(MAX_LISTED);
    let rest = (more > 0).then(|| format!("… and {more} more"));
    let message: Vec<String> = wrong.into_iter().take(MAX_LISTED).chain(rest).collect();
    Err(CliError::usage(message.join("\n")).hint("each line is SYMBOL,YYYY-MM-DD, such as AAPL,2024-01-31"))
}

/// The two fields of a line. No symbol and no date holds a comma or a quote, so quotes can only stand around a field.
fn fields(raw: &str) -> Result<(&str, &str), String> {
    let mut parts = raw.split(',');
    if let (Some(symbol), Some(session), None) = (parts.next(), parts.next(), parts.next()) {
        return Ok((unquoted(symbol), unquoted(session)));
    }
    Err(format!("{} where 2 are expected (symbol,session)", plural(raw.split(',').count(), "field")))
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|f| f.strip_suffix('"')).unwrap_or(field).trim()
}

fn is_heading(symbol: &str, session: &str) -> bool {
    symbol.eq_ignore_ascii_case("symbol") && session.parse::<NaiveDate>().is_err()
}

fn date(text: &str) -> Result<NaiveDate, String> {
    match text.parse::<TimeBound>() {
        Ok(TimeBound::Date(date)) => Ok(date),
        _ => Err(format!("'{}' is not a date; use 2024-01-31, from 1970 to 2100", printable(text))),
    }
}

/// Looks a field up, or reads it and remembers it.
fn known<'a, T: Clone>(
    seen: &mut HashMap<&'a str, T>,
    text: &'a str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, String> {
    if let Some(value) = seen.get(text) {
        return Ok(value.clone());
    }
    let value = read(text)?;
    seen.insert(text, value.clone());
    Ok(value)
}

fn text(solution: &Solution, took: Option<Duration>) -> String {
    let mut out = String::new();
    let proof = if solution.optimal { "optimal" } else { "not proven optimal" };
    let _ = writeln!(
        out,
        "requests {} (lower bound {}, {proof}) for {} missing bars",
        count(solution.requests),
        count(solution.lower_bound),
        count(solution.cells)
    );
    if solution.duplicates > 0 {
        let _ = writeln!(out, "{} duplicate lines", count(solution.duplicates));
    }
    let list = |names: &mut dyn Iterator<Item = String>, all: usize| {
        let shown: Vec<String> = names.take(MAX_NAMES).collect();
        let more = all.saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {} more", count(more)) } else { String::new() };
        format!("{}{more}", shown.join(" "))
    };
    if !solution.rows.is_empty() {
        let names = list(&mut solution.rows.iter().map(ToString::to_string), solution.rows.len());
        let _ = writeln!(out, "  {:>6}  one symbol over a range   {names}", count(solution.rows.len()));
    }
    if !solution.columns.is_empty() {
        let names = list(&mut solution.columns.iter().map(ToString::to_string), solution.columns.len());
        let _ = writeln!(out, "  {:>6}  whole market on a day     {names}", count(solution.columns.len()));
    }
    if !solution.matching.is_empty() {
        let names = list(&mut solution.matching.iter().map(|(s, d)| format!("{s}/{d}")), solution.matching.len());
        let _ = writeln!(out, "proof: no two of these share a symbol or a day, so each needs its own request: {names}");
    }
    if let Some(took) = took {
        let _ = writeln!(out, "solved and checked in {:.1} ms", took.as_secs_f64() * 1e3);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<usize, String> {
        parse(text, "cells.csv").map(|cells| cells.len()).map_err(|e| e.message)
    }

    #[test]
    fn headings_comments_quotes_and_line_ends_of_any_kind() {
        assert_eq!(parsed(""), Ok(0));
        assert_eq!(parsed("symbol,session\n"), Ok(0));
        assert_eq!(
            parsed("\u{feff}Symbol, Session\r\nAAPL,2024-01-02\r\n\r\n# later\n\"BRK.B\", \"2024-01-03\""),
            Ok(2)
        );
        assert_eq!(parsed("AAPL,2024-01-02\nAAPL,2024-01-02"), Ok(2));
        assert_eq!(parsed("SYMBOL,2024-01-02"), Ok(1), "a symbol of that name");
    }

    #[test]
    fn wrong_lines_are_named() {
        let error = parsed("symbol,session\nAAPL,2024-02-30\nAAPL\nA B,2024-01-02\nAAPL,2024-01-02,1\nAAPL,20240102")
            .unwrap_err();
        for line in ["cells.csv:2: '2024-02-30'", "cells.csv:3: 1 field", "cells.csv:4: 'A B'", "cells.csv:5: 3 fields"]
        {
            assert!(error.contains(line), "{line} is not in: {error}");
        }
        assert!(error.contains("cells.csv:6: '20240102' is not a date"), "{error}");
        let many = "x\n".repeat(30);
        assert!(parsed(&many).unwrap_err().ends_with("… and 10 more"));
        assert!(parsed("symbol,session\nsymbol,session").is_err(), "one heading is enough");
    }
}
