//! What the operator can do about the conditions: the key that helps and what it costs.

use crate::actions::ActionId;
use crate::draw::format::{plural, rough};
use crate::model::screen::Screen;
use crate::now::conditions::{Condition, Facts};
use barkeep_market::ts::MINUTE;

/// Something to do: a key with what it does, or a text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    pub action: Option<ActionId>,
    pub text: String,
}

fn key(action: ActionId, text: impl Into<String>) -> Help {
    Help { action: Some(action), text: text.into() }
}

fn text(text: impl Into<String>) -> Help {
    Help { action: None, text: text.into() }
}

/// `3 requests, 36s`: how long they take follows from the limit.
fn cost(facts: &Facts<'_>, requests: u64) -> String {
    let limit = facts.snap.live.limit.limit.map(|_| facts.snap.live.limit.effective.max(1));
    let time = limit.map(|per_minute| {
        let ms = requests.saturating_mul(MINUTE.unsigned_abs()) / u64::from(per_minute);
        // What takes no time worth a word is not given one.
        if ms < 1_000 { String::new() } else { format!(", {}", rough(i64::try_from(ms).unwrap_or(i64::MAX))) }
    });
    format!("{}{}", plural(requests, "request"), time.unwrap_or_default())
}

/// What is due now.
fn due(facts: &Facts<'_>) -> Option<String> {
    let next = &facts.snap.data.budget.as_ref()?.next;
    let more = if next.requests >= barkeep_plan::budget::PREVIEW { "at least " } else { "" };
    (next.requests > 0).then(|| format!("{more}{}", cost(facts, next.requests)))
}

/// What helps, most important first, each key once. While something stops the engine only what ends that is of use.
/// `available` says whether an action can be run now.
#[must_use]
pub fn help(facts: &Facts<'_>, conditions: &[Condition<'_>], available: impl Fn(ActionId) -> bool) -> Vec<Help> {
    let stopped = conditions.iter().any(Condition::stops);
    let helped = conditions.iter().filter(|condition| !stopped || condition.stops());
    let mut all: Vec<Help> = Vec::new();
    for help in helped.flat_map(|condition| of(facts, condition, &available)) {
        if help.action.is_some_and(|action| !available(action)) {
            continue;
        }
        match all.iter_mut().find(|other| help.action.is_some() && other.action == help.action) {
            Some(other) if !other.text.contains(&help.text) => {
                other.text.push_str(", ");
                other.text.push_str(&help.text);
            }
            Some(_) => {}
            None => all.push(help),
        }
    }
    // Keys before advice.
    all.sort_by_key(|help| help.action.is_none());
    all
}

fn of(facts: &Facts<'_>, condition: &Condition<'_>, available: &impl Fn(ActionId) -> bool) -> Vec<Help> {
    let fetch = |what: &str| {
        let due = due(facts).map_or_else(String::new, |due| format!(": {due}"));
        key(ActionId::TriggerStale, format!("{what}{due}"))
    };
    match condition {
        Condition::NotAnswering { .. } => vec![text("wait: it connects again by itself; is the service running?")],
        Condition::KeyRefused { stopped, .. } => {
            let change = text("with another key: put it in MASSIVE_API_KEY or vendor.key_file and start barkeep again");
            let again = stopped.then(|| key(ActionId::Pause, "try again (1 request)"));
            again.into_iter().chain([change]).collect()
        }
        Condition::Failed { reason } if reason.contains("database") => {
            vec![text("wait: it goes on by itself once the database answers"), key(ActionId::Go(Screen::Log), "log")]
        }
        Condition::Failed { .. } => vec![key(ActionId::Go(Screen::Log), "log")],
        Condition::NotWriting { .. } => {
            let database = &facts.snap.data.database;
            vec![text(format!("end the program that holds a lock on the {database} database; nothing fetched is lost"))]
        }
        Condition::NotReading { .. } => vec![text("wait: it is tried again all the time; nothing fetched is lost")],
        Condition::VendorUnreachable { .. } => {
            vec![key(ActionId::Go(Screen::Vendor), "its answers"), text("check the network and vendor.base_url")]
        }
        Condition::Paused { .. } => {
            let due = due(facts).map_or_else(String::new, |due| format!(" (due: {due})"));
            vec![key(ActionId::Pause, format!("resume{due}"))]
        }
        Condition::ShuttingDown { .. } => vec![key(ActionId::Quit, "end at once: requests under way are made again")],
        Condition::Failing { total, .. } => {
            let retry =
                key(ActionId::Retry, format!("retry now: at least {}", cost(facts, requests_to_retry(facts, *total))));
            let see = key(ActionId::Go(Screen::Failures), "failures");
            if available(ActionId::Retry) { vec![retry, see] } else { vec![see] }
        }
        Condition::Late { .. } | Condition::WillBeLate { .. } if facts.snap.live.runs.is_empty() => {
            vec![fetch("fetch what is due")]
        }
        Condition::PausedSeries { .. } => {
            vec![key(ActionId::Go(Screen::Symbols), "series: filter with / is:paused and resume them there")]
        }
        Condition::LimitTooLow { .. } => vec![
            key(ActionId::Go(Screen::Vendor), "limit: what is due when"),
            text("raise vendor.rate_limit if your vendor plan allows more, or allow less critical symbols more delay"),
        ],
        Condition::WithoutBars { .. } => vec![key(ActionId::Go(Screen::Symbols), "series; / bars<1 finds them")],
        Condition::Holes(_) => vec![key(ActionId::Go(Screen::Coverage), "coverage")],
        Condition::Quarantine { bars } => {
            vec![key(ActionId::Go(Screen::Failures), format!("decide on {} (free)", plural(*bars, "bar")))]
        }
        Condition::FeaturesFailing { .. } => vec![key(ActionId::Go(Screen::Failures), "failures")],
        Condition::Alerts { .. } => vec![key(ActionId::Go(Screen::Failures), "alerts")],
        // Once it is being fetched there is nothing to add.
        Condition::Late { .. } | Condition::WillBeLate { .. } | Condition::Loading { running: true, .. } => Vec::new(),
        Condition::Loading { running: false, .. } => vec![fetch("fetch what is due")],
        Condition::NoSymbols if available(ActionId::AddSymbols) => {
            vec![key(ActionId::AddSymbols, "add symbols, for example SPY QQQ BTC")]
        }
        Condition::NoSymbols => vec![text("barkeep symbols add SPY QQQ BTC")],
    }
}

/// One request at least for each symbol and kind of bar, as far as they are named.
fn requests_to_retry(facts: &Facts<'_>, total: usize) -> u64 {
    let series = facts.digest.failing.iter().flat_map(|group| &group.series);
    let mut families: Vec<_> = series.map(|(symbol, timeframe)| (symbol, timeframe.family())).collect();
    families.sort_unstable_by(|a, b| a.0.cmp(b.0).then((a.1 as u8).cmp(&(b.1 as u8))));
    families.dedup();
    if families.is_empty() { total as u64 } else { families.len() as u64 }
}
