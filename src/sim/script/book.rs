//! A script in force, with what follows from it worked out once.

use std::collections::BTreeSet;

use chrono::{FixedOffset, NaiveDate};

use crate::config::Live;
use crate::script::event::{ANY, Script, ScriptEvent, holds};
use crate::script::lineage::{Lineage, Standing};

/// A script ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) script: Script,
    pub(crate) lineage: Lineage,
    unknown: BTreeSet<String>,
}

impl Book {
    /// The error names the event by its place, counted from 1.
    pub(crate) fn new(script: Script) -> Result<Self, String> {
        for (event, k) in script.events.iter().zip(1..) {
            event.check().map_err(|e| format!("event {k}: {e}"))?;
        }
        let lineage = Lineage::of(&script.events);
        let unknown = script.events.iter().filter_map(|event| match event {
            ScriptEvent::Unknown { ticker } => Some(ticker.clone()),
            _ => None,
        });
        Ok(Self { lineage, unknown: unknown.collect(), script })
    }

    /// Whether nothing is scripted, so that everything is as without a script.
    pub(crate) fn is_blank(&self) -> bool {
        self.script.events.is_empty()
    }

    pub(crate) fn is_unknown(&self, ticker: &str) -> bool {
        self.unknown.contains(ticker)
    }

    /// What the reference endpoints know of a ticker that the script touches.
    pub(crate) fn standing(&self, ticker: &str, today: NaiveDate) -> Option<Standing> {
        if self.is_unknown(ticker) { Some(Standing::Unknown) } else { self.lineage.standing(ticker, today) }
    }

    /// Tickers that listings, renames and the like name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.lineage.names()
    }

    /// Milliseconds that the vendor's clock is ahead; of several events the last one counts.
    pub(crate) fn skew_ms(&self, now: i64) -> i64 {
        let mut skews = self.script.events.iter().rev().filter_map(|event| match event {
            ScriptEvent::Skew { seconds, since, until } if holds(*since, *until, false, now) => Some(seconds * 1_000),
            _ => None,
        });
        skews.next().unwrap_or(0)
    }

    /// Whether the vendor announces at this moment that the exchange stays closed on a date.
    pub(crate) fn announces_closure(&self, date: NaiveDate, now: i64) -> bool {
        self.script.events.iter().any(|event| match event {
            ScriptEvent::Closure { on, since, until } => *on == date && holds(*since, *until, false, now),
            _ => false,
        })
    }

    /// The zone in which dates of paths are read, when it is not the market's.
    pub(crate) fn zone(&self, name: &str, crypto: bool, now: i64) -> Option<FixedOffset> {
        let mut zones = self.script.events.iter().rev().filter_map(|event| match event {
            ScriptEvent::Zone { ticker, offset, since, until }
                if (ticker == ANY || ticker == name) && holds(*since, *until, crypto, now) =>
            {
                Some(offset.0)
            }
            _ => None,
        });
        zones.next()
    }

    /// Puts the plan that holds now in place of the configured one.
    pub(crate) fn plan(&self, live: &mut Live, now: i64) {
        for event in &self.script.events {
            if let ScriptEvent::Plan { history_days, delay, older, since, until } = event
                && holds(*since, *until, false, now)
            {
                live.history_days = *history_days;
                live.older = *older;
                live.delay = delay.unwrap_or(live.delay);
            }
        }
    }
}
