//! The language of the `/` filter: `tier:stale,aging class:crypto behind>2h -tf:1d is:late aapl`.
//!
//! Terms are separated by spaces and must all match; values after a colon are alternatives; a leading minus negates a
//! term; a bare word is looked for in the symbol's name. An invalid term is answered with the valid ones and hides no
//! series.

use std::collections::HashSet;

use barkeep_base::text::printable;
use barkeep_market::freshness::Tier;
use barkeep_market::{AssetClass, Criticality, Symbol, Timeframe};
use barkeep_monitor::snapshot::{Data, SeriesView};

/// All terms, for help: the term, an example, and what it matches.
pub const TERMS: &[(&str, &str, &str)] = &[
    ("tier:", "tier:stale,missing", "freshness: fresh, aging, stale, missing, unknown, loading, ended"),
    ("class:", "class:crypto", "asset class: stock, etf, crypto"),
    ("rpo:", "rpo:critical", "criticality: critical, standard, low"),
    ("tf:", "tf:5m,1h", "timeframe: 1m 5m 15m 30m 1h 4h 1d 1w"),
    ("behind>", "behind>2h", "further behind than this (or behind<, behind:>): 90s, 20m, 2h, 3d"),
    ("bars>", "bars>1000", "more bars than this (or bars<, bars:>)"),
    ("breached:", "breached:yes", "later than allowed"),
    ("paused:", "paused:yes", "paused"),
    ("failing:", "failing:yes", "its last attempt failed"),
    ("tracked:", "tracked:no", "tracked"),
    ("is:", "is:late,failing", "late, paused, failing, tracked or a tier; short for breached:yes, paused:yes, ..."),
];

/// The terms in one line.
pub const FIELDS: &str = "tier: class: rpo: tf: behind> bars> breached: paused: failing: tracked: is:";

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
    /// What is wrong with it, if anything; the terms that were understood count all the same.
    pub error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    /// In capitals.
    Name(String),
    Tier(Vec<Tier>),
    Class(Vec<AssetClass>),
    Rpo(Vec<Criticality>),
    Timeframe(Vec<Timeframe>),
    /// Seconds.
    Behind(Than, i64),
    Bars(Than, i64),
    Breached(bool),
    Paused(bool),
    Failing(bool),
    Tracked(bool),
    Is(Vec<State>),
}

/// What `is:` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Late,
    Paused,
    Failing,
    Tracked,
    Tier(Tier),
}

impl State {
    const ALL: [Self; 11] = [
        Self::Late,
        Self::Paused,
        Self::Failing,
        Self::Tracked,
        Self::Tier(Tier::Fresh),
        Self::Tier(Tier::Aging),
        Self::Tier(Tier::Stale),
        Self::Tier(Tier::Missing),
        Self::Tier(Tier::Unknown),
        Self::Tier(Tier::Loading),
        Self::Tier(Tier::Ended),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Tracked => "tracked",
            Self::Tier(tier) => tier.name(),
        }
    }

    fn holds(self, series: &SeriesView, failing: &Failing<'_>) -> bool {
        match self {
            Self::Late => series.breached,
            Self::Paused => series.paused,
            Self::Failing => failing.contains(&(&series.symbol, series.timeframe)),
            Self::Tracked => series.tracked,
            Self::Tier(tier) => series.tier == tier,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Than {
    More,
    Less,
}

impl Than {
    /// The sign at the beginning, and what follows it.
    fn split(text: &str) -> Option<(Self, &str)> {
        let more = text.strip_prefix('>').map(|rest| (Self::More, rest));
        more.or_else(|| text.strip_prefix('<').map(|rest| (Self::Less, rest)))
    }

    fn holds(self, value: i64, bound: i64) -> bool {
        match self {
            Self::More => value > bound,
            Self::Less => value < bound,
        }
    }
}

/// Which series failed in their last attempt.
pub type Failing<'a> = HashSet<(&'a Symbol, Timeframe)>;

/// The failing series of a snapshot.
#[must_use]
pub fn failing(data: &Data) -> Failing<'_> {
    data.failing.iter().map(|row| (&row.symbol, row.timeframe)).collect()
}

impl Query {
    /// Reads a filter. Whatever is typed gives one; `error` says which term is wrong and what it could be.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for word in text.split_whitespace() {
            match term(word) {
                Ok(term) => query.terms.push(term),
                Err(error) => {
                    query.error.get_or_insert(error);
                }
            }
        }
        query
    }

    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    #[must_use]
    pub fn fits(&self, series: &SeriesView, failing: &Failing<'_>) -> bool {
        self.terms.iter().all(|term| term.test.holds(series, failing) != term.negated)
    }
}

impl Test {
    fn holds(&self, series: &SeriesView, failing: &Failing<'_>) -> bool {
        match self {
            Self::Name(part) => contains(series.symbol.as_str(), part),
            Self::Tier(any) => any.contains(&series.tier),
            Self::Class(any) => any.contains(&series.asset_class),
            Self::Rpo(any) => any.contains(&series.criticality),
            Self::Timeframe(any) => any.contains(&series.timeframe),
            // What has no bar is behind everything.
            Self::Behind(than, bound) => {
                series.staleness_seconds.map_or(*than == Than::More, |behind| than.holds(behind, *bound))
            }
            Self::Bars(than, bound) => than.holds(series.bars, *bound),
            Self::Breached(is) => State::Late.holds(series, failing) == *is,
            Self::Paused(is) => State::Paused.holds(series, failing) == *is,
            Self::Failing(is) => State::Failing.holds(series, failing) == *is,
            Self::Tracked(is) => State::Tracked.holds(series, failing) == *is,
            Self::Is(any) => any.iter().any(|state| state.holds(series, failing)),
        }
    }
}

/// Whether `part`, in capitals, is in `name` in any case. Symbols are ASCII.
fn contains(name: &str, part: &str) -> bool {
    let same = |window: &[u8]| window.eq_ignore_ascii_case(part.as_bytes());
    part.is_empty() || name.as_bytes().windows(part.len()).any(same)
}

fn term(text: &str) -> Result<Term, String> {
    let (negated, body) = match text.strip_prefix('-') {
        Some("") => return Err("'-' needs a term, as in -tier:fresh".to_owned()),
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // A crypto pair is written with a colon too.
    let pair = body.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x:"));
    let test = if let Some((field, values)) = body.split_once(':').filter(|_| !pair) {
        named(field, values)?
    } else if let Some((field, (than, bound))) =
        body.find(['>', '<']).map(|at| body.split_at(at)).and_then(|(field, rest)| Some((field, Than::split(rest)?)))
    {
        compared(field, than, bound)?
    } else {
        Test::Name(body.to_ascii_uppercase())
    };
    Ok(Term { negated, test })
}

fn named(field: &str, values: &str) -> Result<Test, String> {
    let field = field.to_ascii_lowercase();
    match field.as_str() {
        "tier" => Ok(Test::Tier(each(&field, values, &Tier::ALL, |t| t.name())?)),
        "class" => Ok(Test::Class(each(&field, values, &AssetClass::ALL, |c| c.name())?)),
        "rpo" => Ok(Test::Rpo(each(&field, values, &Criticality::ALL, |c| c.name())?)),
        "tf" => Ok(Test::Timeframe(each(&field, values, &Timeframe::ALL, |t| t.name())?)),
        "breached" => Ok(Test::Breached(yes_or_no(&field, values)?)),
        "paused" => Ok(Test::Paused(yes_or_no(&field, values)?)),
        "failing" => Ok(Test::Failing(yes_or_no(&field, values)?)),
        "tracked" => Ok(Test::Tracked(yes_or_no(&field, values)?)),
        "is" => Ok(Test::Is(each(&field, values, &State::ALL, |s| s.name())?)),
        // `behind:>2h` is as good as `behind>2h`.
        "behind" | "bars" => match Than::split(values) {
            Some((than, bound)) => compared(&field, than, bound),
            None => Err(format!("{field} needs > or <, as in {}", example(&field))),
        },
        _ => Err(unknown(&field)),
    }
}

fn compared(field: &str, than: Than, bound: &str) -> Result<Test, String> {
    let field = field.to_ascii_lowercase();
    match field.as_str() {
        "behind" => seconds(bound)
            .map(|s| Test::Behind(than, s))
            .ok_or_else(|| format!("'{}' is not a time; use 90s, 20m, 2h or 3d", printable(bound))),
        "bars" => bound
            .replace([',', '_'], "")
            .parse()
            .map(|n| Test::Bars(than, n))
            .map_err(|_| format!("'{}' is not a number of bars", printable(bound))),
        "tier" | "class" | "rpo" | "tf" | "breached" | "paused" | "failing" | "tracked" | "is" => {
            Err(format!("{field} needs a colon, as in {}", example(&field)))
        }
        _ => Err(unknown(&field)),
    }
}

fn example(field: &str) -> &'static str {
    TERMS.iter().find(|(name, ..)| name.starts_with(field)).map_or("tier:stale", |(_, example, _)| example)
}

fn unknown(field: &str) -> String {
    let names = TERMS.iter().map(|(name, ..)| name.trim_end_matches([':', '>']));
    let near = names.clone().find(|name| name.starts_with(field) && !field.is_empty());
    let hint = near.map_or_else(
        || format!("use {}", names.collect::<Vec<_>>().join(", ")),
        |name| format!("did you mean {name}?"),
    );
    format!("unknown term '{}'; {hint}", printable(field))
}

/// The values of a term, each of them one of `all`; the beginning of a word is enough when only one begins so.
fn each<T: Copy>(field: &str, values: &str, all: &[T], name: impl Fn(&T) -> &'static str) -> Result<Vec<T>, String> {
    let choices = || all.iter().map(&name).collect::<Vec<_>>().join(", ");
    if values.is_empty() {
        return Err(format!("{field}: needs a value; use {}", choices()));
    }
    let one = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let exact = all.iter().find(|t| name(t) == lower);
        let mut begun = all.iter().filter(|t| !lower.is_empty() && name(t).starts_with(&lower));
        let only = begun.next().filter(|_| begun.next().is_none());
        let wrong = || format!("{field}: unknown value '{}'; use {}", printable(word), choices());
        exact.or(only).copied().ok_or_else(wrong)
    };
    values.split(',').map(one).collect()
}

/// The values a field can have, as far as they are words.
#[must_use]
pub fn values(field: &str) -> Vec<&'static str> {
    match field {
        "tier" => Tier::ALL.iter().map(|t| t.name()).collect(),
        "class" => AssetClass::ALL.iter().map(|c| c.name()).collect(),
        "rpo" => Criticality::ALL.iter().map(|c| c.name()).collect(),
        "tf" => Timeframe::ALL.iter().map(|t| t.name()).collect(),
        "breached" | "paused" | "failing" | "tracked" => vec!["yes", "no"],
        "is" => State::ALL.iter().map(|s| s.name()).collect(),
        _ => Vec::new(),
    }
}

fn yes_or_no(field: &str, word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "y" | "true" => Ok(true),
        "no" | "n" | "false" => Ok(false),
        _ => Err(format!("{field} is yes or no, not '{}'", printable(word))),
    }
}

fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| (number * f64::from(each)) as i64)
}

#[cfg(test)]
mod tests;
