//! What can go wrong on demand, and when.
//!
//! A [`FaultRule`] names one fault and the requests it strikes. Each rule counts how often it matched and how often it
//! fired, so a test can prove that its fault happened.

use std::sync::Mutex;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lock;
use crate::data::random::{mix, unit};

/// The table of faults: variant, name on the wire, the least page it can strike (0: answers without bars too).
macro_rules! faults {
    ($($(#[$doc:meta])* $kind:ident $name:literal $least:literal,)*) => {
        /// One way for an answer to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind { $($(#[$doc])* $kind,)* }

        impl FaultKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in rules, logs and help texts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The first page of a chain it can strike; 0 when it needs no page of bars.
            const fn least_page(self) -> u32 {
                match self { $(Self::$kind => $least,)* }
            }
        }

        /// The names of all faults.
        #[must_use]
        pub const fn fault_names() -> &'static [&'static str] {
            &[$($name,)*]
        }
    };
}

faults! {
    Status400 "status_400" 0,
    /// "Unknown API Key", though the key is good.
    Status401 "status_401" 0,
    /// "You are not entitled to this data".
    Status403Entitlement "status_403_entitlement" 0,
    /// "Your plan doesn't include this data timeframe".
    Status403Timeframe "status_403_timeframe" 0,
    /// "Attempted to request today's data before end of day".
    Status403Today "status_403_today" 0,
    Status404 "status_404" 0,
    Status408 "status_408" 0,
    Status429 "status_429" 0,
    Status500 "status_500" 0,
    Status502 "status_502" 0,
    Status503 "status_503" 0,
    Status504 "status_504" 0,
    /// A proxy's HTML page with status 502.
    Html502 "html_502" 0,
    /// A proxy's HTML page with status 503.
    Html503 "html_503" 0,
    /// An HTML page with status 200.
    Html200 "html_200" 0,
    /// Status 200 and nothing.
    EmptyBody "empty_body" 0,
    /// Half the JSON, as a whole HTTP answer.
    TruncatedJson "truncated_json" 0,
    /// The connection is cut in the middle of the body.
    TruncatedBody "truncated_body" 0,
    /// Half a gzip stream, as a whole HTTP answer.
    CutGzip "cut_gzip" 0,
    /// Status 200 with `status: "ERROR"`.
    ErrorIn200 "error_in_200" 0,
    /// Plain text that claims to be JSON.
    NotJson "not_json" 0,
    /// Prices and counts as strings.
    WrongTypes "wrong_types" 1,
    /// One close is `null`.
    NullField "null_field" 1,
    /// One close is `NaN`, which is no JSON.
    NanLiteral "nan_literal" 1,
    SecondsForMs "seconds_for_ms" 1,
    /// The last bar lies one bar after the requested range.
    OutsideRange "outside_range" 1,
    /// The last bar begins a second late.
    OffGrid "off_grid" 1,
    WrongTicker "wrong_ticker" 1,
    /// `resultsCount` and `count` are 7 too high.
    CountMismatch "count_mismatch" 1,
    /// A bar twice, the same.
    DuplicateRows "duplicate_rows" 1,
    /// A bar twice, with different values.
    ConflictingDuplicate "conflicting_duplicate" 1,
    OutOfOrder "out_of_order" 1,
    /// A high below the low.
    BrokenOhlc "broken_ohlc" 1,
    /// A low of zero.
    ZeroPrice "zero_price" 1,
    NegativeVolume "negative_volume" 1,
    /// `next_url` leads to the page itself.
    RepeatedPage "repeated_page" 1,
    /// From page 2 on, `next_url` leads back to the first page.
    AbaLoop "aba_loop" 2,
    /// `next_url` names another host (`target`).
    ForeignNextUrl "foreign_next_url" 1,
    /// No bars, and a `next_url` that has them.
    EmptyPageWithNext "empty_page_with_next" 1,
    /// Adjusted bars although raw ones were requested.
    AdjustedTrue "adjusted_true" 1,
    /// The last bar has other values than before: prices 1 % up, volume doubled.
    RevisedBar "revised_bar" 1,
    /// Counts as always, but no `results`.
    MissingResults "missing_results" 1,
    /// The body comes in 64 pieces, `delay_ms` (100) apart.
    SlowTrickle "slow_trickle" 0,
    /// No answer until the client goes away.
    Hang "hang" 0,
    /// The connection is reset before an answer.
    Reset "reset" 0,
    /// 302 to `target`.
    Redirect "redirect" 0,
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for FaultKind {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|kind| kind.name() == s);
        known.copied().ok_or_else(|| format!("no fault '{s}'; known: {}", fault_names().join(", ")))
    }
}

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
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct FaultBook {
    seed: u64,
    rules: Mutex<Vec<FaultCount>>,
}

impl FaultBook {
    pub(super) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        let book = Self { seed: mix(seed, 0xfa17), rules: Mutex::default() };
        for rule in rules {
            book.add(rule);
        }
        book
    }

    pub(super) fn add(&self, rule: FaultRule) {
        lock(&self.rules).push(FaultCount { rule, matched: 0, fired: 0 });
    }

    pub(super) fn clear(&self) {
        lock(&self.rules).clear();
    }

    pub(super) fn counts(&self) -> Vec<FaultCount> {
        lock(&self.rules).clone()
    }

    /// The first rule that strikes, counted.
    pub(super) fn pick(&self, request: &Struck<'_>) -> Option<FaultRule> {
        for (k, entry) in (0u64..).zip(lock(&self.rules).iter_mut()) {
            let rule = &entry.rule;
            let least = rule.kind.least_page();
            let matches = rule.path_contains.as_ref().is_none_or(|text| request.path.contains(text))
                && rule.page.is_none_or(|page| page == request.page)
                && (least == 0 || (request.bars && request.page >= least));
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

    fn fired(rule: FaultRule, requests: &[(&str, u32)]) -> Vec<bool> {
        let book = FaultBook::new(1, vec![rule]);
        requests.iter().map(|(path, page)| book.pick(&Struck { path, page: *page, bars: true }).is_some()).collect()
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
