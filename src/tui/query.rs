//! The filter of the table of series: `tier:stale,aging class:crypto -tf:1d aapl behind:>2h`.
//!
//! Words must all fit. A word without a field looks for itself in the symbol, a comma means or, a leading minus means
//! not. A word that cannot be understood makes the filter say so; it never hides everything silently.

use std::time::Duration;

use crate::engine::snapshot::SeriesView;

/// A filter, ready to use.
#[derive(Clone, Debug, Default)]
pub struct Query {
    terms: Vec<Term>,
    /// What is wrong with it, if anything; the rest of it counts all the same.
    pub error: Option<String>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    /// Any of these, in upper case, somewhere in the symbol.
    Symbol(Vec<String>),
    /// Any of these at the beginning of a word about the series.
    Word(fn(&SeriesView) -> &'static str, Vec<String>),
    Timeframe(Vec<String>),
    Flag(fn(&SeriesView) -> bool),
    Number(fn(&SeriesView) -> Option<i64>, Compare, i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    Above,
    Below,
}

/// Fields that can be asked for, for help and messages.
pub const FIELDS: &str = "tier: class: rpo: tf: is: behind: bars:";

impl Query {
    /// Reads a filter. Whatever is typed gives one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for word in text.split_whitespace() {
            let (negated, word) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
            match test(word) {
                Ok(Some(test)) => query.terms.push(Term { negated, test }),
                // Still being typed.
                Ok(None) => {}
                Err(error) => {
                    query.error.get_or_insert(error);
                }
            }
        }
        query
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a series fits.
    #[must_use]
    pub fn fits(&self, row: &SeriesView) -> bool {
        self.terms.iter().all(|term| term.test.holds(row) != term.negated)
    }
}

impl Test {
    fn holds(&self, row: &SeriesView) -> bool {
        match self {
            Self::Symbol(parts) => {
                let name = row.symbol.as_str();
                parts.iter().any(|part| contains_ignoring_case(name, part))
            }
            Self::Word(of, words) => words.iter().any(|word| of(row).starts_with(word.as_str())),
            Self::Timeframe(words) => words.contains(&row.timeframe.to_string()),
            Self::Flag(of) => of(row),
            Self::Number(of, compare, than) => of(row).is_some_and(|n| match compare {
                Compare::Above => n > *than,
                Compare::Below => n < *than,
            }),
        }
    }
}

fn contains_ignoring_case(name: &str, part: &str) -> bool {
    let (name, part) = (name.as_bytes(), part.as_bytes());
    part.is_empty() || name.windows(part.len()).any(|w| w.eq_ignore_ascii_case(part))
}

fn test(word: &str) -> Result<Option<Test>, String> {
    let options =
        |text: &str| -> Vec<String> { text.split(',').filter(|w| !w.is_empty()).map(str::to_lowercase).collect() };
    let Some((field, value)) = word.split_once(':') else {
        let parts = options(word);
        return Ok((!parts.is_empty()).then_some(Test::Symbol(parts)));
    };
    // A crypto pair is written with a colon too.
    if field.eq_ignore_ascii_case("x") {
        return Ok(Some(Test::Symbol(options(word))));
    }
    if value.is_empty() {
        return Ok(None);
    }
    let test = match field.to_lowercase().as_str() {
        "tier" => Test::Word(|row| row.tier.name(), options(value)),
        "class" => Test::Word(|row| row.asset_class.name(), options(value)),
        "rpo" | "criticality" => Test::Word(|row| row.criticality.name(), options(value)),
        "tf" | "timeframe" => Test::Timeframe(options(value)),
        "sym" | "symbol" => Test::Symbol(options(value)),
        "is" => Test::Flag(match value.to_lowercase().as_str() {
            "late" => |row| row.breached,
            "paused" => |row| row.paused,
            "kept" => |row| row.tracked,
            "empty" => |row| row.bars == 0,
            other => return Err(format!("is: knows late, paused, kept and empty, not '{other}'")),
        }),
        "behind" => {
            let (compare, rest) = comparison(value);
            let Ok(than) = humantime::parse_duration(rest) else {
                return Err(format!("behind: needs a time such as >2h, not '{value}'"));
            };
            let seconds =
                i64::try_from(than.min(Duration::from_secs(u64::from(u32::MAX))).as_secs()).unwrap_or(i64::MAX);
            Test::Number(|row| row.staleness_seconds, compare, seconds)
        }
        "bars" => {
            let (compare, rest) = comparison(value);
            let Ok(than) = rest.replace(['_', '\''], "").parse() else {
                return Err(format!("bars: needs a number such as <1000, not '{value}'"));
            };
            Test::Number(|row| Some(row.bars), compare, than)
        }
        other => return Err(format!("no field '{other}:'; there are {FIELDS}")),
    };
    Ok(Some(test))
}

fn comparison(value: &str) -> (Compare, &str) {
    match value.strip_prefix('<') {
        Some(rest) => (Compare::Below, rest),
        None => (Compare::Above, value.strip_prefix('>').unwrap_or(value)),
    }
}
