//! What can go wrong on demand, and when.
//!
//! A [`FaultRule`] names one fault and the requests it strikes. Each rule counts how often it matched and how often it
//! fired, so a test can prove that its fault happened.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::lock;
use crate::data::random::{mix, unit};
use crate::fault_kind::FaultKind;
use barkeep_market::Ts;

/// A fault and the requests it strikes: those whose path holds `path_contains` and that are page `page` of their chain,
/// but for the first `after`, `times` times, each with `probability`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    pub kind: FaultKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// 1 is a request without a cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    #[serde(default)]
    pub after: u32,
    /// `None`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Origin that `foreign_next_url` and `redirect` lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The row it strikes where there is a choice: this ticker's on a whole-market day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
    /// Only from this moment of the vendor's clock on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Ts>,
    /// Only before this moment of the vendor's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Ts>,
    /// Pause between the pieces of `slow_trickle`, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

impl FaultRule {
    /// Strikes every request it can, for ever.
    #[must_use]
    pub const fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            path_contains: None,
            page: None,
            after: 0,
            times: None,
            probability: None,
            target: None,
            ticker: None,
            since: None,
            until: None,
            delay_ms: None,
        }
    }

    /// Only paths (with query) that hold `text`.
    #[must_use]
    pub fn on(mut self, text: &str) -> Self {
        self.path_contains = Some(text.to_owned());
        self
    }

    #[must_use]
    pub const fn page(mut self, page: u32) -> Self {
        self.page = Some(page);
        self
    }

    #[must_use]
    pub const fn after(mut self, matches: u32) -> Self {
        self.after = matches;
        self
    }

    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    #[must_use]
    pub const fn probability(mut self, p: f64) -> Self {
        self.probability = Some(p);
        self
    }

    #[must_use]
    pub fn target(mut self, origin: &str) -> Self {
        self.target = Some(origin.to_owned());
        self
    }

    /// Strikes this ticker's row of a whole-market day.
    #[must_use]
    pub fn row_of(mut self, ticker: &str) -> Self {
        self.ticker = Some(ticker.to_owned());
        self
    }

    /// Only in `[since, until)` on the vendor's clock.
    #[must_use]
    pub const fn between(mut self, since: Ts, until: Ts) -> Self {
        self.since = Some(since);
        self.until = Some(until);
        self
    }

    #[must_use]
    pub const fn delay_ms(mut self, ms: u64) -> Self {
        self.delay_ms = Some(ms);
        self
    }
}

/// A rule with its counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultCount {
    #[serde(flatten)]
    pub rule: FaultRule,
    /// Requests it could have struck.
    pub matched: u32,
    /// Requests it did strike.
    pub fired: u32,
}

/// What a request is, as far as rules care.
pub(super) struct Struck<'a> {
    pub(super) path: &'a str,
    pub(super) page: u32,
    /// Whether the answer holds at least one bar.
    pub(super) bars: bool,
    /// Whether the answer names a next page.
    pub(super) more: bool,
    /// Whether it is a whole-market day.
    pub(super) whole_market: bool,
    /// Whether it is a flat file.
    pub(super) file: bool,
    /// The vendor's clock.
    pub(super) now: Ts,
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct FaultBook {
    seed: u64,
    rules: Mutex<Vec<FaultCount>>,
    /// The rules of the script, after the others.
    scripted: Mutex<Vec<FaultCount>>,
}

impl FaultBook {
    pub(super) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        let book = Self { seed: mix(seed, 0xfa17), rules: Mutex::default(), scripted: Mutex::default() };
        for rule in rules {
            book.add(rule);
        }
        book
    }

    pub(super) fn add(&self, rule: FaultRule) {
        lock(&self.rules).push(FaultCount { rule, matched: 0, fired: 0 });
    }

    /// Replaces the rules of the script.
    pub(super) fn script(&self, rules: &[FaultRule]) {
        let fresh = rules.iter().map(|rule| FaultCount { rule: rule.clone(), matched: 0, fired: 0 });
        *lock(&self.scripted) = fresh.collect();
    }

    /// Forgets all rules but those of the script.
    pub(super) fn clear(&self) {
        lock(&self.rules).clear();
    }

    pub(super) fn counts(&self) -> Vec<FaultCount> {
        let mut all = lock(&self.rules).clone();
        all.extend(lock(&self.scripted).iter().cloned());
        all
    }

    /// The first rule that strikes, counted.
    pub(super) fn pick(&self, request: &Struck<'_>) -> Option<FaultRule> {
        let (mut rules, mut scripted) = (lock(&self.rules), lock(&self.scripted));
        for (k, entry) in (0u64..).zip(rules.iter_mut().chain(scripted.iter_mut())) {
            let rule = &entry.rule;
            let least = rule.kind.least_page();
            let matches = rule.path_contains.as_ref().is_none_or(|text| request.path.contains(text))
                && rule.page.is_none_or(|page| page == request.page)
                && rule.since.is_none_or(|since| since <= request.now)
                && rule.until.is_none_or(|until| request.now < until)
                && (least == 0 || (request.bars && request.page >= least))
                && (request.file || !rule.kind.needs_file())
                && (request.more || !rule.kind.needs_more())
                && (request.whole_market || rule.kind != FaultKind::GarbageRows);
            if !matches {
                continue;
            }
            entry.matched += 1;
            let luck = unit(mix(mix(self.seed, k), u64::from(entry.matched)));
            if entry.matched > rule.after
                && rule.times.is_none_or(|times| entry.fired < times)
                && rule.probability.is_none_or(|p| luck < p)
            {
                entry.fired += 1;
                return Some(entry.rule.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_kind::fault_names;

    fn fired(rule: FaultRule, requests: &[(&str, u32)]) -> Vec<bool> {
        let book = FaultBook::new(1, vec![rule]);
        requests
            .iter()
            .map(|(path, page)| {
                book.pick(&Struck {
                    path,
                    page: *page,
                    bars: true,
                    more: true,
                    whole_market: true,
                    file: true,
                    now: Ts(5),
                })
                .is_some()
            })
            .collect()
    }

    #[test]
    fn a_rule_strikes_what_it_says() {
        let four = [("/A", 1), ("/B", 1), ("/A", 2), ("/A", 1)];
        let rule = || FaultRule::new(FaultKind::Status500);
        assert_eq!(fired(rule(), &four), [true; 4]);
        assert_eq!(fired(rule().on("A"), &four), [true, false, true, true]);
        assert_eq!(fired(rule().page(2), &four), [false, false, true, false]);
        assert_eq!(fired(rule().after(1).times(2), &four), [false, true, true, false]);
        assert_eq!(fired(FaultRule::new(FaultKind::AbaLoop), &four), [false, false, true, false]);
        assert_eq!(fired(rule().between(Ts(5), Ts(6)), &four), [true; 4]);
        assert_eq!(fired(rule().between(Ts(6), Ts(7)), &four), [false; 4]);
        assert_eq!(fired(rule().between(Ts(0), Ts(5)), &four), [false; 4]);
        let many = vec![("/A", 1); 1_000];
        let hits = fired(rule().probability(0.2), &many);
        assert!((150..250).contains(&hits.iter().filter(|hit| **hit).count()));
        assert_eq!(hits, fired(rule().probability(0.2), &many));
    }

    #[test]
    fn names_round_trip() {
        for kind in FaultKind::ALL {
            let rule: FaultRule = serde_json::from_str(&format!(r#"{{"kind":"{}"}}"#, kind.name())).unwrap();
            assert_eq!(rule, FaultRule::new(*kind));
        }
        assert_eq!(fault_names().len(), FaultKind::ALL.len());
        assert!("bogus".parse::<FaultKind>().unwrap_err().contains("aba_loop"));
    }
}
