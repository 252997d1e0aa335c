//! Symbols as people have them: arguments, files (`@FILE`), standard input (`-`), lists copied from TradingView, and the
//! CSV of a broker.

use std::io::Read;

use barkeep_base::text::printable;
use barkeep_market::Symbol;
use barkeep_market::instrument::{self, typed};

/// Enough for all tickers of a market.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Wrong words named in an error.
const MOST_WRONG: usize = 10;
/// A broker's file may begin with lines about the account.
const HEADING_WITHIN: usize = 20;
/// What brokers call the column.
const COLUMNS: [&str; 7] =
    ["symbol", "ticker", "ticker symbol", "stock symbol", "symbol/cusip", "instrument", "security symbol"];
/// Where TradingView has the shares and funds that the vendor has.
const STOCK_EXCHANGES: [&str; 12] =
    ["NASDAQ", "NYSE", "AMEX", "ARCA", "NYSEARCA", "NYSEAMERICAN", "BATS", "CBOE", "CBOEBZX", "IEX", "OTC", "US"];
/// Where it has pairs of crypto.
const CRYPTO_EXCHANGES: [&str; 10] =
    ["CRYPTO", "COINBASE", "KRAKEN", "BITSTAMP", "GEMINI", "BINANCE", "BINANCEUS", "BITFINEX", "OKX", "BYBIT"];

/// The symbols that one argument names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(pub Vec<Symbol>);

/// Of new symbols: names of classes that are not tracked are refused.
///
/// # Errors
/// When the file cannot be read, names no symbol, or names some that cannot be tracked.
pub fn new_names(text: &str) -> Result<Names, String> {
    names(text, |word| {
        let symbol = typed(word).map_err(|e| e.to_string())?;
        instrument::check(&symbol).map(|()| symbol).map_err(|e| e.to_string())
    })
}

/// Of symbols that are tracked already.
///
/// # Errors
/// When the file cannot be read, names no symbol, or holds words that cannot be symbols.
pub fn known_names(text: &str) -> Result<Names, String> {
    names(text, |word| typed(word).map_err(|e| e.to_string()))
}

/// Each once, in the order they were named in.
#[must_use]
pub fn flat(all: &[Names]) -> Vec<Symbol> {
    let mut seen = std::collections::HashSet::new();
    all.iter().flat_map(|names| &names.0).filter(|symbol| seen.insert(*symbol)).cloned().collect()
}

fn names(argument: &str, check: impl Fn(&str) -> Result<Symbol, String>) -> Result<Names, String> {
    let (text, shown) = match argument.strip_prefix('@') {
        Some(path) => {
            let shown = printable(path);
            let is_file = std::fs::metadata(path).map_err(|e| format!("{shown}: cannot be read: {e}"))?.is_file();
            if !is_file {
                return Err(format!("{shown}: is not a regular file"));
            }
            (read(std::fs::File::open(path), &shown)?, Some(shown))
        }
        None if argument == "-" => {
            let shown = "standard input".to_owned();
            (read(Ok(std::io::stdin().lock()), &shown)?, Some(shown))
        }
        None => (argument.to_owned(), None),
    };
    let words = match &shown {
        Some(_) => words(text.strip_prefix('\u{feff}').unwrap_or(&text)),
        None => list(&text).map(|word| (1, word)).collect(),
    };
    let (mut symbols, mut wrong) = (Vec::new(), Vec::new());
    for (line, word) in words {
        let place = shown.as_ref().map(|shown| format!("{shown}:{line}: ")).unwrap_or_default();
        match without_exchange(word).and_then(|word| check(&word)) {
            Ok(symbol) if symbols.contains(&symbol) => {}
            Ok(symbol) => symbols.push(symbol),
            Err(e) => wrong.push(format!("{place}{e}")),
        }
    }
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(MOST_WRONG);
        wrong.truncate(MOST_WRONG);
        let rest = if more > 0 { format!("\n… and {more} more") } else { String::new() };
        return Err(wrong.join("\n") + &rest);
    }
    match (symbols.is_empty(), shown) {
        (true, Some(shown)) => Err(format!("{shown}: has no symbols; write one per line, or a column called Symbol")),
        (true, None) => check(&text).map(|symbol| Names(vec![symbol])),
        (false, _) => Ok(Names(symbols)),
    }
}

fn read(file: std::io::Result<impl Read>, shown: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|e| format!("{shown}: cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{shown}: is larger than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown}: is not UTF-8; save it as UTF-8"))
}

/// The words of a file that are symbols, each with its line.
fn words(text: &str) -> Vec<(usize, &str)> {
    table(text).unwrap_or_else(|| {
        let lines = (1..).zip(text.lines());
        let said = lines.filter(|(_, line)| !is_comment(line));
        said.flat_map(|(number, line)| list(line).map(move |word| (number, word))).collect()
    })
}

/// `# …`; `###…` is the heading of a section, and symbols may follow on its line.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') && !line.starts_with("###")
}

/// The words of a list: apart by commas, semicolons and blanks. Headings of sections are left out.
fn list(line: &str) -> impl Iterator<Item = &str> {
    let pieces = line.split([',', ';']).map(str::trim).filter(|piece| !piece.starts_with("###"));
    pieces.flat_map(str::split_whitespace)
}

/// The column of symbols, when the text is a table that has one. Rows that name something else, such as cash, an option or
/// a total, are left out.
fn table(text: &str) -> Option<Vec<(usize, &str)>> {
    let mut lines = (1..).zip(text.lines());
    let (separator, at) = lines.by_ref().take(HEADING_WITHIN).find_map(|(_, line)| {
        let separator = [',', ';', '\t'].into_iter().max_by_key(|s| line.matches(*s).count())?;
        let named = |field: &str| COLUMNS.iter().any(|column| field.eq_ignore_ascii_case(column));
        fields(line, separator).position(named).map(|at| (separator, at))
    })?;
    let cell = |line| fields(line, separator).nth(at).map(|field| field.trim_end_matches('*')).unwrap_or_default();
    let rows = lines.map(|(number, line)| (number, cell(line)));
    Some(rows.filter(|(_, word)| is_ticker(word)).collect())
}

/// The fields of a line up to the first that is quoted around a separator: the column of symbols stands before long texts.
fn fields(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let quoted = text.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (field, after) = match quoted {
            Some((field, after)) => (field, after.strip_prefix(separator)),
            None => match text.split_once(separator) {
                Some((field, after)) => (field, Some(after)),
                None => (text, None),
            },
        };
        rest = after;
        Some(field.trim())
    })
}

/// Whether a cell of a broker's table is a ticker.
fn is_ticker(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | ':');
    word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.len() <= 20 && word.chars().all(plain)
}

/// `NASDAQ:AAPL` is AAPL, `COINBASE:BTCUSD` is BTC-USD; the vendor's own prefixes have one letter.
fn without_exchange(word: &str) -> Result<String, String> {
    let Some((exchange, rest)) = word.split_once(':').filter(|(exchange, _)| exchange.len() > 1) else {
        return Ok(word.to_owned());
    };
    let is_one_of = |known: &[&str]| known.iter().any(|name| exchange.eq_ignore_ascii_case(name));
    if is_one_of(&STOCK_EXCHANGES) {
        Ok(rest.to_owned())
    } else if is_one_of(&CRYPTO_EXCHANGES) {
        Ok(format!("X:{}", rest.to_ascii_uppercase()))
    } else {
        let (word, exchange) = (printable(word), printable(exchange));
        Err(format!(
            "'{word}': {exchange} is not an exchange whose symbols barkeep fetches; write US stocks, funds or crypto"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(text: &str) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        std::fs::write(&path, text).unwrap();
        let all = new_names(&format!("@{}", path.display()));
        all.map(|names| names.0.iter().map(ToString::to_string).collect())
            .map_err(|e| e.replace(&path.display().to_string(), "list"))
    }

    fn of_argument(text: &str) -> Result<Vec<String>, String> {
        new_names(text).map(|names| names.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_argument_is_a_symbol_or_a_list() {
        assert_eq!(of_argument("aapl").unwrap(), ["AAPL"]);
        assert_eq!(of_argument("NASDAQ:AAPL,NYSE:IBM,AAPL").unwrap(), ["AAPL", "IBM"]);
        assert_eq!(of_argument("COINBASE:BTCUSD").unwrap(), ["X:BTCUSD"]);
        assert_eq!(of_argument("X:BTCUSD").unwrap(), ["X:BTCUSD"]);
        assert!(of_argument("LSE:VOD").unwrap_err().contains("LSE is not an exchange"));
        for bad in ["", "../../etc/passwd", "A\u{1b}[31mB"] {
            assert!(of_argument(bad).unwrap_err().contains("is not a symbol"), "{bad}");
        }
    }

    #[test]
    fn a_list_of_tradingview_has_sections() {
        let text = "###TECH STOCKS,NASDAQ:AAPL,NASDAQ:MSFT,###REST OF IT,NYSE:BRK.B,COINBASE:ETHUSD";
        assert_eq!(of_file(text).unwrap(), ["AAPL", "MSFT", "BRK.B", "X:ETHUSD"]);
        assert_eq!(of_file("# mine\nAAPL\n\n###Section\nSPY IBM\n").unwrap(), ["AAPL", "SPY", "IBM"]);
        let error = of_file("AAPL\nLSE:VOD\nA=B\n").unwrap_err();
        assert!(error.contains("list:2: 'LSE:VOD'") && error.contains("list:3: 'A=B'"), "{error}");
        assert!(of_file("# nothing\n").unwrap_err().contains("has no symbols"));
    }

    #[test]
    fn the_symbols_of_a_brokers_table_are_taken() {
        let schwab = "\"Positions for account ...123 as of 03:59 PM ET, 2024/01/31\"\n\n\
                      \"Symbol\",\"Description\",\"Qty\"\n\"AAPL\",\"APPLE, INC\",\"10\"\n\"BRK/B\",\"BERKSHIRE\",\"1\"\n\
                      \"Cash & Cash Investments\",\"--\",\"--\"\n\"Account Total\",\"--\",\"--\"\n";
        assert_eq!(of_file(schwab).unwrap(), ["AAPL", "BRK/B"]);
        let fidelity = "\u{feff}Account Number,Account Name,Symbol,Description,Quantity\r\nX1,\"Joint, mine\",SPY,SPDR,5\r\n\
                        X1,Joint,SPAXX**,MONEY MARKET,\r\nX1,Joint, -AAPL240119C150,CALL,1\r\n\r\n\"Date downloaded 01/31\"\r\n";
        assert_eq!(of_file(fidelity).unwrap(), ["SPY", "SPAXX"]);
        let semicolons = "Datum;Ticker;Stück\n2024-01-31;NVDA;3\n";
        assert_eq!(of_file(semicolons).unwrap(), ["NVDA"]);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        assert!(of_argument("@absent.txt").unwrap_err().contains("absent.txt: cannot be read"));
        assert!(of_argument("@.").unwrap_err().contains("not a regular file"));
    }
}
