//! Who trades under which name, and when: listings, delistings, renames, names used again.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::data::random::{mix, of_name};
use crate::script::event::ScriptEvent;

/// From `from` (`None`: ever) until the next stretch the ticker has the bars of `source`, or none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) from: Option<NaiveDate>,
    pub(crate) source: Option<String>,
}

/// The stretches of the tickers that a script names, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lineage(HashMap<String, Vec<Stretch>>);

/// What a reference endpoint knows of a ticker on a date.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    Unknown,
    /// Trading since `listed` (`None`: as long as there are bars) under the bars of `source`.
    Active {
        source: String,
        listed: Option<NaiveDate>,
    },
    /// `last` was the last day it traded.
    Ended {
        source: String,
        last: NaiveDate,
    },
}

impl Lineage {
    pub(crate) fn of(events: &[ScriptEvent]) -> Self {
        let mut dated: Vec<(NaiveDate, &ScriptEvent)> =
            events.iter().filter_map(|e| Some((effective(e)?, e))).collect();
        dated.sort_by_key(|(date, _)| *date);
        let mut lineage = Self::default();
        for (date, event) in dated {
            match event {
                ScriptEvent::Listed { ticker, .. } => {
                    let stretches = lineage.entry(ticker);
                    // What comes before the first listing is nothing; a later listing begins a new life.
                    if stretches.len() == 1 {
                        stretches.clear();
                        stretches.push(Stretch { from: None, source: None });
                    }
                    stretches.push(Stretch { from: Some(date), source: Some(ticker.clone()) });
                }
                ScriptEvent::Delisted { ticker, .. } => {
                    lineage.entry(ticker).push(Stretch { from: Some(date), source: None });
                }
                ScriptEvent::Reused { ticker, company, .. } => {
                    let source = company.clone().unwrap_or_else(|| other_company(ticker));
                    lineage.entry(ticker).push(Stretch { from: Some(date), source: Some(source) });
                }
                ScriptEvent::Renamed { from, to, .. } => {
                    let source = lineage.source(from, date).map(str::to_owned);
                    lineage.entry(from).push(Stretch { from: Some(date), source: None });
                    let before = vec![Stretch { from: None, source: None }];
                    let stretches = lineage.0.entry(to.clone()).or_insert(before);
                    stretches.push(Stretch { from: Some(date), source });
                }
                _ => {}
            }
        }
        lineage
    }

    fn entry(&mut self, ticker: &str) -> &mut Vec<Stretch> {
        let whole = || vec![Stretch { from: None, source: Some(ticker.to_owned()) }];
        self.0.entry(ticker.to_owned()).or_insert_with(whole)
    }

    /// The stretches of a ticker; `None` when the script does not touch it.
    pub(crate) fn stretches(&self, ticker: &str) -> Option<&[Stretch]> {
        self.0.get(ticker).map(Vec::as_slice)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Whose bars a ticker has on a date.
    pub(crate) fn source<'a>(&'a self, ticker: &'a str, date: NaiveDate) -> Option<&'a str> {
        match self.stretches(ticker) {
            None => Some(ticker),
            Some(stretches) => stretches.iter().rfind(|s| s.from <= Some(date))?.source.as_deref(),
        }
    }

    /// `None` when the script does not touch the ticker.
    pub(crate) fn standing(&self, ticker: &str, today: NaiveDate) -> Option<Standing> {
        let past = self.stretches(ticker)?.iter().filter(|s| s.from <= Some(today));
        let mut standing = Standing::Unknown;
        for Stretch { from, source } in past {
            standing = match (source, standing, from) {
                (Some(source), ..) => Standing::Active { source: source.clone(), listed: *from },
                (None, Standing::Active { source, .. }, Some(from)) => {
                    Standing::Ended { source, last: from.pred_opt().unwrap_or(*from) }
                }
                (None, other, _) => other,
            };
        }
        Some(standing)
    }
}

/// The first date on which an event changes who trades.
fn effective(event: &ScriptEvent) -> Option<NaiveDate> {
    match event {
        ScriptEvent::Listed { on, .. } | ScriptEvent::Renamed { on, .. } | ScriptEvent::Reused { on, .. } => Some(*on),
        ScriptEvent::Delisted { on, .. } => on.succ_opt(),
        _ => None,
    }
}

/// A made-up company that has nothing to do with the ticker's first one.
fn other_company(ticker: &str) -> String {
    let hash = mix(of_name(0, ticker), 0x07e5);
    let name: String = (0..5).map(|k| char::from(b'A' + ((hash >> (8 * k)) % 26) as u8)).collect();
    let prefix = if ticker.starts_with("X:") { "X:" } else { "" };
    let suffix = if prefix.is_empty() { "" } else { "USD" };
    format!("{prefix}{name}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_company_is_followed_through_its_names() {
        let events = [
            ScriptEvent::renamed("B", "C", on("2024-03-01")),
            ScriptEvent::renamed("A", "B", on("2024-02-01")),
            ScriptEvent::delisted("C", on("2024-03-31")),
            ScriptEvent::reused("A", on("2024-06-03")),
        ];
        let lineage = Lineage::of(&events);
        let source = |ticker, date| lineage.source(ticker, on(date));
        assert_eq!([source("A", "2024-01-31"), source("A", "2024-02-01")], [Some("A"), None]);
        assert_eq!([source("B", "2024-01-31"), source("B", "2024-02-01")], [None, Some("A")]);
        assert_eq!([source("B", "2024-03-01"), source("C", "2024-03-01")], [None, Some("A")]);
        assert_eq!([source("C", "2024-03-31"), source("C", "2024-04-01")], [Some("A"), None]);
        assert!(!["A", "B", "C"].contains(&source("A", "2024-06-03").unwrap()));
        assert_eq!(source("D", "2024-01-01"), Some("D"));
        let standing = |ticker, date| lineage.standing(ticker, on(date));
        assert_eq!(standing("D", "2024-01-01"), None);
        assert_eq!(standing("C", "2024-02-29"), Some(Standing::Unknown));
        let active = Standing::Active { source: "A".into(), listed: Some(on("2024-03-01")) };
        assert_eq!(standing("C", "2024-03-31"), Some(active));
        let ended = Standing::Ended { source: "A".into(), last: on("2024-03-31") };
        assert_eq!(standing("C", "2025-01-01"), Some(ended));
    }
}
