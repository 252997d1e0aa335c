//! Symbols from a file: checked line by line before anything changes.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use super::{SymbolOptions, source_of};
use crate::exit::CliError;
use barkeep_base::text::printable;
use barkeep_config::Settings;
use barkeep_market::symbol::InvalidSymbol;
use barkeep_market::timeframe::sorted;
use barkeep_market::{AssetClass, Criticality, Source, Symbol, Timeframe, Ts};
use barkeep_pipeline::names::Known;
use barkeep_store::SymbolRow;

/// Enough for all tickers of a market.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Wrong lines listed in an error.
const MAX_LISTED: usize = 20;

/// One line of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    number: usize,
    symbol: Symbol,
    options: SymbolOptions,
}

/// Reads and checks a file. All wrong lines are named.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, CliError> {
    let shown = printable(&path.display().to_string());
    let fail = |what: &str| CliError::usage(format!("{shown}: {what}"));
    let unreadable = |e: std::io::Error| fail(&format!("cannot be read: {e}"));
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(fail("is not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail("is larger than 16 MiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("is not UTF-8; save it as UTF-8"))?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(text), &shown)
}

/// The columns a heading may name, in any order.
const COLUMNS: [&str; 5] = ["symbol", "asset_class", "vendor", "timeframes", "criticality"];

/// Line by line rather than as one CSV: no field spans lines, an unclosed quote affects only its own line, and line numbers
/// are those of an editor.
fn parse(text: &str, shown: &str) -> Result<Vec<Line>, CliError> {
    let mut heading: Option<Vec<&'static str>> = None;
    let mut lines: Vec<Line> = Vec::new();
    let mut named: HashMap<Symbol, usize> = HashMap::new();
    let mut wrong: Vec<String> = Vec::new();
    for (number, raw) in (1..).zip(text.lines()).filter(|(_, raw)| !raw.trim().is_empty() && !raw.starts_with('#')) {
        let record =
            record(raw).map_err(|e| CliError::usage(format!("{shown}:{number}: {e}; nothing was imported")))?;
        let heading = match &heading {
            Some(heading) => heading,
            None if record.get(0).is_some_and(|f| f.eq_ignore_ascii_case("symbol")) => {
                let columns = columns(&record);
                heading =
                    Some(columns.map_err(|e| CliError::usage(format!("{shown}:{number}: {e}; nothing was imported")))?);
                continue;
            }
            None => heading.insert(vec!["symbol"]),
        };
        match line(&record, heading, number) {
            Ok(line) => match named.insert(line.symbol.clone(), number) {
                Some(first) => {
                    wrong.push(format!("{shown}:{number}: {} is already on line {first}", line.symbol));
                }
                None => lines.push(line),
            },
            Err(what) => wrong.push(format!("{shown}:{number}: {what}")),
        }
    }
    if lines.is_empty() && wrong.is_empty() {
        return Err(CliError::usage(format!("{shown}: has no symbols; write one per line")));
    }
    refuse(&wrong).map(|()| lines)
}

fn record(raw: &str) -> Result<csv::StringRecord, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .buffer_capacity(256)
        .from_reader(raw.as_bytes());
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|e| format!("not valid CSV: {}", printable(&e.to_string())))?;
    Ok(record)
}

fn refuse(wrong: &[String]) -> Result<(), CliError> {
    if wrong.is_empty() {
        return Ok(());
    }
    let more = wrong.len().saturating_sub(MAX_LISTED);
    let rest = (more > 0).then(|| format!("… and {more} more"));
    let message: Vec<String> = wrong.iter().take(MAX_LISTED).cloned().chain(rest).collect();
    Err(CliError::usage(message.join("\n")).hint("nothing was imported; correct these lines and try again"))
}

fn columns(record: &csv::StringRecord) -> Result<Vec<&'static str>, String> {
    let mut all = Vec::new();
    for name in record {
        let known = COLUMNS.into_iter().find(|c| name.eq_ignore_ascii_case(c));
        let known = known
            .ok_or_else(|| format!("there is no column '{}'; use any of {}", printable(name), COLUMNS.join(", ")))?;
        if all.contains(&known) {
            return Err(format!("column {known} appears twice"));
        }
        all.push(known);
    }
    Ok(all)
}

/// Unlike on the command line, lower case is refused: in a file it more likely means a column of something else.
fn symbol(text: &str) -> Result<Symbol, String> {
    let symbol: Symbol = text.parse().map_err(|e: InvalidSymbol| e.to_string())?;
    if text.chars().any(|c| c.is_ascii_lowercase()) && !text.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("'{symbol}' is in lower case; did you mean {}?", text.to_ascii_uppercase()));
    }
    Ok(symbol)
}

fn line(record: &csv::StringRecord, heading: &[&'static str], number: usize) -> Result<Line, String> {
    if record.len() > heading.len() {
        let expected = heading.join(",");
        return Err(format!("{} fields where {} are expected ({expected})", record.len(), heading.len()));
    }
    let field = |name: &str| {
        let at = heading.iter().position(|h| *h == name)?;
        record.get(at).filter(|f| !f.is_empty())
    };
    let symbol = symbol(field("symbol").ok_or("the symbol is missing")?)?;
    let timeframes: Result<Vec<Timeframe>, _> = field("timeframes")
        .unwrap_or("")
        .split([' ', ',', ';', '|'])
        .filter(|word| !word.is_empty())
        .map(Timeframe::from_str)
        .collect();
    Ok(Line {
        number,
        symbol,
        options: SymbolOptions {
            asset_class: field("asset_class").map(AssetClass::from_str).transpose().map_err(|e| e.to_string())?,
            vendor: field("vendor").map(Source::from_str).transpose().map_err(|e| e.to_string())?,
            criticality: field("criticality").map(Criticality::from_str).transpose().map_err(|e| e.to_string())?,
            timeframes: timeframes.map_err(|e| e.to_string())?,
            since: None,
        },
    })
}

/// The rows that are new or changed. Columns a line leaves empty are not changed.
pub(super) fn merged(
    path: &Path,
    lines: &[Line],
    rows: &[SymbolRow],
    settings: &Settings,
    now: Ts,
) -> Result<Vec<SymbolRow>, CliError> {
    let shown = printable(&path.display().to_string());
    let mut out: Vec<SymbolRow> = Vec::new();
    let mut wrong = Vec::new();
    let mut seen: HashMap<Symbol, usize> = HashMap::new();
    let known = Known::new(rows);
    for line in lines {
        let new = line.options.wanted().row(settings, &line.symbol, now);
        // Its one name may be taken by a symbol of another class.
        let taken = |row: &SymbolRow| known.find(&row.symbol);
        let row = known.find(&line.symbol).or_else(|| new.as_ref().ok().and_then(taken));
        let symbol = match (row, &new) {
            (Some(row), _) => &row.symbol,
            (None, Ok(new)) => &new.symbol,
            (None, Err(e)) => {
                wrong.push(format!("{shown}:{}: {e}", line.number));
                continue;
            }
        };
        if let Some(first) = seen.insert(symbol.clone(), line.number) {
            wrong.push(format!("{shown}:{}: {} is {symbol}, which is on line {first}", line.number, line.symbol));
            continue;
        }
        let Some(row) = row else {
            out.extend(new.ok());
            continue;
        };
        if let Some(class) = line.options.asset_class.filter(|c| *c != row.asset_class) {
            // Its bars are keyed by the old class's calendar.
            wrong.push(format!(
                "{shown}:{}: {} is stored as {}, not {class}; `barkeep symbols set {} --class {class}` changes that",
                line.number, row.symbol, row.asset_class, row.symbol
            ));
            continue;
        }
        if let Some(vendor) = line.options.vendor.filter(|vendor| *vendor != row.vendor) {
            wrong.push(format!(
                "{shown}:{}: the bars of {} come from {}, not from {vendor}; `barkeep symbols set {} --vendor {vendor}` changes \
                 that while there are none",
                line.number, row.symbol, row.vendor, row.symbol
            ));
            continue;
        }
        let mut new = row.clone();
        new.criticality = line.options.criticality.unwrap_or(row.criticality);
        new.criticality_source = source_of(line.options.criticality, row.criticality_source);
        if !line.options.timeframes.is_empty() {
            new.timeframes = sorted(&line.options.timeframes);
        }
        if new != *row {
            out.push(new);
        }
    }
    refuse(&wrong).map(|()| out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(text: &str) -> Result<Vec<String>, String> {
        let lines = parse(text, "f.csv").map_err(|e| e.message)?;
        Ok(lines.iter().map(|l| l.symbol.to_string()).collect())
    }

    #[test]
    fn one_symbol_a_line_or_a_table() {
        assert_eq!(symbols("AAPL\r\n\r\n# comment\n  SPY \nBTC").unwrap(), ["AAPL", "SPY", "BTC"]);
        let text = "symbol,asset_class,timeframes\nAAPL,stock,5m 1d\nBTC,crypto,\"1h,1d\"\nSPY\n";
        let lines = parse(text, "f.csv").unwrap();
        assert_eq!(lines[0].options.timeframes, [Timeframe::M5, Timeframe::D1]);
        assert_eq!(lines[1].options.asset_class, Some(AssetClass::Crypto));
        assert_eq!(lines[2].options, SymbolOptions::default());
    }

    #[test]
    fn every_wrong_line_is_named() {
        let text =
            "symbol,asset_class,timeframes\nAAPL,stok\nA B\n\nSPY,etf,7m\nMSFT\nMSFT\nX,stock,1d,extra,more\nibm\n";
        let message = symbols(text).unwrap_err();
        for says in [
            "f.csv:2: 'stok'",
            "f.csv:3: 'A B'",
            "f.csv:5: '7m'",
            "f.csv:7: MSFT is already on line 6",
            "f.csv:8: 5 fields",
            "f.csv:9: 'ibm' is in lower case; did you mean IBM?",
        ] {
            assert!(message.contains(says), "{says} in {message}");
        }
        assert!(symbols("symbol,colour\nAAPL,red\n").unwrap_err().contains("f.csv:1: there is no column 'colour'"));
        assert!(symbols("").unwrap_err().contains("no symbols"));
        assert!(symbols("AA\u{1b}[31m\n").unwrap_err().chars().all(|c| !c.is_control()));
    }
}
