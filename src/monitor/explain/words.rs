//! An explanation in sentences, as one operator would tell another.

use chrono::NaiveDate;
use chrono_tz::America::New_York;

use super::habit::Habit;
use super::odds::odds;
use super::{Explanation, JudgedDoubt};
use crate::holes::{Doubt, short_date, short_range};
use barkeep_base::format::{due, plural, rough};
use barkeep_market::evidence::{FEWEST_SESSIONS, Part};
use barkeep_market::freshness::Tier;
use barkeep_market::ts::{DAY, SECOND};
use barkeep_market::{AssetClass, Family, Timeframe, Ts};
use barkeep_store::{CoverageState, ListingState};

/// Doubts that get a sentence of their own; more are counted.
const TOLD: usize = 5;

impl Explanation {
    /// What there is to say, the most important first.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut all = vec![self.standing()];
        all.extend(self.doubts.iter().take(TOLD).filter_map(|judged| self.doubt(judged)));
        let rest = self.doubts.len().saturating_sub(TOLD);
        if rest > 0 {
            all.push(format!("{} more in doubt.", plural(rest, "range")));
        }
        all.extend(self.limits());
        if !self.vendor.is_usual() {
            all.push(format!("Its bars come from {}, which needs no key and has a limit of its own.", self.vendor));
        }
        if let Some(from) = self.plan_starts_on.filter(|_| self.status != Tier::Ended) {
            let from = short_date(from, self.generated_at.utc_date());
            all.push(format!("The vendor's plan reaches back to {from}; nothing older is served."));
        }
        all
    }

    fn name(&self) -> String {
        format!("{} {}", self.symbol, self.timeframe)
    }

    fn at(&self, t: Ts) -> String {
        due(t, self.generated_at).trim_end().to_owned()
    }

    /// How the series stands, and why.
    fn standing(&self) -> String {
        let name = self.name();
        match self.status {
            Tier::Ended => return self.ended(),
            Tier::Loading => {
                return format!(
                    "{name} is being fetched for the first time; its age counts once its newest bar is stored."
                );
            }
            Tier::Unknown => {
                return format!("The vendor has not answered for {name} yet, and no bar of it is stored.");
            }
            Tier::Missing => return format!("No bar of {name} is stored: the vendor was asked and has none."),
            Tier::Fresh | Tier::Aging | Tier::Stale => {}
        }
        let late = self.doubts.iter().find(|judged| judged.doubt.state == CoverageState::Late);
        let (Some(behind), Some(stored)) = (self.staleness_seconds, self.stored) else {
            return format!("No bar of {name} is stored.");
        };
        if let Some(late) = late.filter(|_| behind > 0) {
            return self.late(late, behind, stored.end);
        }
        if behind > 0 {
            let why = self.split.as_ref().and_then(|split| split.causes.iter().max_by_key(|share| share.stale_ms));
            let why = why.filter(|share| share.stale_ms > 0);
            let why = why.map(|share| format!(", mostly {}", share.blocker.cause.words())).unwrap_or_default();
            let served = self.at(self.expected.end);
            return format!("{name} is {} behind what the vendor could serve up to {served}{why}.", span(behind));
        }
        let until = self.answered_until.max(Some(stored.end)).unwrap_or(stored.end);
        let until = if until > self.expected.end { self.expected.end } else { until };
        if self.holes.at_the_vendor() + self.holes.quarantined > 0 {
            return format!("{name} is up to date at {}, with holes.", self.at(until));
        }
        format!("{name} is up to date: the vendor has no bar newer than {}.", self.at(until))
    }

    fn ended(&self) -> String {
        let what = match (self.listing.state, &self.listing.renamed_to) {
            (ListingState::Renamed, Some(to)) => format!("renamed to {to}"),
            (ListingState::Renamed, None) => "renamed".to_owned(),
            _ => "delisted".to_owned(),
        };
        let on = self.listing.ended_on.map(|day| format!(" on {}", short_date(day, self.generated_at.utc_date())));
        let on = on.unwrap_or_default();
        format!("{} was {what}{on} and is stored up to its last day; no more bars are expected.", self.symbol)
    }

    fn late(&self, judged: &JudgedDoubt, behind: i64, newest: Ts) -> String {
        let JudgedDoubt { doubt, habit } = judged;
        let local = if self.asset_class == AssetClass::Crypto || self.timeframe.family() == Family::Day {
            String::new()
        } else {
            format!(" ({} New York)", newest.to_utc().with_timezone(&New_York).format("%H:%M"))
        };
        let habit = habit.as_ref().map_or_else(
            || "the silence since then is not believable".to_owned(),
            |habit| format!("{}, so the silence since then is not believable", self.habit(habit)),
        );
        let odds = doubt.surprise.map(|surprise| format!(" (odds {})", odds(surprise))).unwrap_or_default();
        let next = self.next_run.map_or_else(
            || "nothing is requested until it is resumed".to_owned(),
            |at| format!("barkeep asks again in the next run at {}", self.at(at)),
        );
        format!(
            "{} is {} behind: the vendor's newest bar ends at {}{local}. The vendor answered at {}, and {habit}{odds}; {next}.",
            self.name(),
            span(behind),
            self.at(newest),
            self.at(doubt.answered_at)
        )
    }

    /// `SPY has traded in every 5-minute bar of the last 60 sessions at this time of day`.
    fn habit(&self, habit: &Habit) -> String {
        let bar = bar(habit.timeframe);
        let when = if habit.timeframe.family() == Family::Day { "" } else { " at this time of day" };
        let last = format!("of the last {}{when}", plural(habit.sessions, "session"));
        if habit.slots > 0 && habit.traded == habit.slots {
            return format!("{} has traded in every {bar} {last}", self.symbol);
        }
        let percent = f64::from(habit.traded) * 100.0 / f64::from(habit.slots.max(1));
        format!("{} has traded in {percent:.0} % of the {bar}s {last}", self.symbol)
    }

    /// A range in doubt; the one at the newest end is told with the age.
    fn doubt(&self, judged: &JudgedDoubt) -> Option<String> {
        let JudgedDoubt { doubt, habit } = judged;
        let range = self.range(doubt);
        let missing = |what: &str| format!("{range} {what}");
        Some(match doubt.state {
            CoverageState::Suspect => {
                let odds = doubt.surprise.map(|surprise| format!(", odds {}", odds(surprise))).unwrap_or_default();
                let cap = habit.as_ref().map(|h| limits(h, doubt.surprise)).unwrap_or_default();
                let next = doubt.next_ask.map_or_else(
                    || "; it is requested again when a request has room for it".to_owned(),
                    |at| format!("; it is requested again at {}", self.at(at)),
                );
                let agree = plural(doubt.answers, "answer");
                let found = format!("found {}, {agree} so far{next}", self.at(doubt.since));
                missing(&format!("is missing, and that silence is not believable{odds}{cap}: {found}."))
            }
            CoverageState::VendorHole => {
                let next = doubt.next_ask.map(|at| format!(", next at {}", self.at(at))).unwrap_or_default();
                let agree = plural(doubt.answers, "answer");
                missing(&format!(
                    "is missing at the vendor: {agree} days apart agree; it is requested again monthly{next}."
                ))
            }
            CoverageState::Halted => {
                missing("has no bars because the market stood still: nearly all symbols have none there.")
            }
            CoverageState::Unjudged => {
                let sessions = habit.as_ref().map_or(0, |habit| habit.sessions);
                missing(&format!(
                    "has no bars, and there is too little history to say whether that is believable: {sessions} of {FEWEST_SESSIONS} sessions."
                ))
            }
            CoverageState::Quarantined => missing(
                "is a gap: the vendor's bars failed validation and are pending review (barkeep quarantine list).",
            ),
            CoverageState::Late
            | CoverageState::Present
            | CoverageState::Quiet
            | CoverageState::Empty
            | CoverageState::NotEntitled => return None,
        })
    }

    /// A range by its sessions where it holds whole ones.
    fn range(&self, doubt: &Doubt) -> String {
        let this = self.generated_at.utc_date();
        let day = |date: &NaiveDate| short_date(*date, this);
        let whole = doubt.range.len() >= DAY || self.timeframe.family() == Family::Day;
        match &doubt.sessions[..] {
            [only] if whole => format!("{}, a whole session,", day(only)),
            [first, .., last] => {
                format!("{} to {} ({})", day(first), day(last), plural(doubt.sessions.len(), "session"))
            }
            _ => short_range(doubt.range, this),
        }
    }

    /// What would not be noticed.
    fn limits(&self) -> Option<String> {
        let habit = self.habit.as_ref().filter(|_| matches!(self.status, Tier::Fresh | Tier::Aging | Tier::Stale))?;
        let (bar, part) = (bar(habit.timeframe), part(habit.part));
        if !habit.is_enough() {
            let have = habit.sessions;
            return Some(format!("Silence{part} is not judged yet: {have} of {FEWEST_SESSIONS} sessions are known."));
        }
        let unnoticed = u64::from(habit.longest_silence.max(1)) * 2;
        let longest = match habit.longest_silence {
            0 => "none was ever missing".to_owned(),
            bars => format!("the longest lasted {}", plural(bars, &bar)),
        };
        Some(format!(
            "Silence{part} is judged by {}: {longest}, so a hole of up to {} would not be noticed.",
            plural(habit.sessions, "session"),
            plural(unnoticed, &bar)
        ))
    }
}

/// `; one 5-minute bar adds at most 6.6 to its surprise of 79.2, and its longest silence was 1 5-minute bar in 60
/// sessions`.
fn limits(habit: &Habit, surprise: Option<f64>) -> String {
    let bar = bar(habit.timeframe);
    let sum = surprise.map(|s| format!(" to its surprise of {s:.1}")).unwrap_or_default();
    let longest = match habit.longest_silence {
        0 => format!("none was ever missing{}", part(habit.part)),
        n => format!("the longest silence{} was {}", part(habit.part), plural(n, &bar)),
    };
    format!(" (one {bar} adds at most {:.1}{sum}; {longest} in {})", habit.cap, plural(habit.sessions, "session"))
}

const fn part(part: Part) -> &'static str {
    match part {
        Part::Pre => " before the open",
        Part::Regular => " in regular hours",
        Part::Post => " after the close",
        Part::Day => "",
    }
}

/// `5-minute bar`.
fn bar(timeframe: Timeframe) -> String {
    match timeframe {
        Timeframe::D1 => "daily bar".to_owned(),
        Timeframe::W1 => "weekly bar".to_owned(),
        Timeframe::H1 => "hourly bar".to_owned(),
        Timeframe::H4 => "4-hour bar".to_owned(),
        minutes => format!("{}-minute bar", minutes.width() / (60 * SECOND)),
    }
}

fn span(seconds: i64) -> String {
    rough(seconds.saturating_mul(SECOND))
}

#[cfg(test)]
mod tests;
