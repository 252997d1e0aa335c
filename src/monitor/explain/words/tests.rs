use std::time::Duration;

use super::*;
use crate::context::FreshnessContext;
use crate::explain::{Blocker, Cause, explain};
use crate::holes::HoleCounts;
use barkeep_base::clock::Moment;
use barkeep_config::{Environment, Loaded, Overrides, load_from};
use barkeep_market::evidence::{PartProfile, Profile, SessionProfile};
use barkeep_market::testing::at;
use barkeep_market::{Calendar, Criticality, Interval};
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_store::{
    Coverage, Listing, PageCommit, PlanStart, SeriesId, SeriesWrite, Store, StoredBar, SymbolRow, testing,
};

/// Friday evening, 17:32 in New York.
const NOW: &str = "2026-11-20T22:32:00Z";

/// Sixty sessions before today in which the symbol traded in every bar, but for `silent` of regular hours.
fn profile(silent: u16) -> PartProfile {
    let calendar = Calendar::new();
    let mut profile = Profile::new();
    let before = at("2026-11-20T00:00:00Z").utc_date();
    let from = before.checked_sub_days(chrono::Days::new(85)).unwrap();
    for session in calendar.sessions(from, before.pred_opt().unwrap()) {
        let slots = vec![6; 13];
        let traded = slots.iter().enumerate().map(|(k, n)| if k == 4 { n - silent } else { *n }).collect();
        let longest_silence = u32::from(silent);
        let one = SessionProfile {
            date: session.date,
            slots,
            traded,
            longest_silence,
            left_out: 0,
            trades: Some(90_000),
            volume: 1e8,
            judged: true,
        };
        profile.insert(Part::Regular, one);
    }
    profile.part(Part::Regular).cloned().unwrap()
}

fn symbol(listing: Listing) -> SymbolRow {
    SymbolRow {
        criticality: Criticality::Critical,
        listing,
        ..testing::symbol_of("SPY", AssetClass::Etf, &[Timeframe::M5, Timeframe::M15, Timeframe::D1])
    }
}

fn doubtful(state: CoverageState, start: &str, end: &str) -> Coverage {
    Coverage::answered(Interval::new(at(start), at(end)), state, None, at("2026-11-20T22:30:00Z"))
}

/// Explains SPY at 5 minutes from a database that holds its newest bar, some coverage and a profile.
async fn told(newest: &str, coverage: Vec<Coverage>, profile: &PartProfile, listing: Listing) -> Explanation {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("barkeep.yaml");
    std::fs::write(&path, format!("log:\n  dir: {0}\ndatabase:\n  url: sqlite:{0}/x.db\n", dir.path().display()))
        .unwrap();
    let flags = Overrides { config: Some(path), ..Overrides::default() };
    let Loaded { settings, policy, .. } = load_from(&flags, &Environment::default()).unwrap();
    let store = barkeep_store::open(&format!("sqlite:{}", dir.path().join("a.db").display()), false).await.unwrap();
    let calendar = Calendar::new();
    let row = symbol(listing);
    store.put_symbols(std::slice::from_ref(&row)).await.unwrap();
    store
        .put_plan_start(PlanStart {
            continuous: false,
            starts_on: chrono::NaiveDate::from_ymd_opt(2024, 1, 3).unwrap(),
            learned_at: Ts(0),
        })
        .await
        .unwrap();
    let series = store.series().await.unwrap();
    let id = series.iter().find(|row| row.timeframe == Timeframe::M5).map(|row| row.id).unwrap();
    commit(store.as_ref(), id, at(newest), coverage, profile).await;
    let now = Moment { at: at(NOW), uptime: None };
    let index = SeriesIndex::read(store.as_ref(), now.at).await.unwrap();
    let context = FreshnessContext { calendar: &calendar, settings: &settings, policy: &policy };
    let all = explain(store.as_ref(), &index, context, &row.symbol, Some(Timeframe::M5), now).await.unwrap();
    store.close().await;
    all.into_iter().next().unwrap()
}

async fn commit(store: &dyn Store, series: SeriesId, newest: Ts, coverage: Vec<Coverage>, profile: &PartProfile) {
    let bar = barkeep_market::testing::bar(newest - 5 * 60_000, 600.0);
    let write = SeriesWrite {
        bars: vec![StoredBar { fetched_at: at("2026-11-20T22:30:00Z"), ..testing::stored(bar) }],
        coverage,
        checked_at: Some(at("2026-11-20T22:30:00Z")),
        profile: vec![(Part::Regular, serde_json::to_string(profile).unwrap())],
        ..SeriesWrite::nothing(series)
    };
    store.commit_page(PageCommit { writes: vec![write], ..PageCommit::default() }).await.unwrap();
}

#[tokio::test]
async fn a_vendor_that_is_behind_is_told_with_its_odds_and_the_next_question() {
    let late = Coverage {
        surprise: Some(140.0),
        ..doubtful(CoverageState::Late, "2026-11-20T18:00:00Z", "2026-11-20T22:15:00Z")
    };
    let e = told("2026-11-20T18:00:00Z", vec![late], &profile(0), Listing::default()).await;
    assert_eq!((e.status, e.breached, e.blocker.cause), (Tier::Aging, true, Cause::VendorLate));
    assert_eq!(
        e.sentences()[0],
        "SPY 5m is 4h 15m behind: the vendor's newest bar ends at 18:00Z (13:00 New York). The vendor answered at 22:30Z, \
         and SPY has traded in every 5-minute bar of the last 60 sessions at this time of day, so the silence since then \
         is not believable (odds below 1 in 10^60); barkeep asks again in the next run at 22:45Z."
    );
    let split = e.split.as_ref().unwrap();
    let late = split.causes.iter().find(|share| share.blocker.cause == Cause::VendorLate).unwrap();
    assert_eq!((late.ms, late.stale_ms), (255 * 60_000, 255 * 60_000));
    assert_eq!(e.holes, HoleCounts { late: 1, ..HoleCounts::default() });
    // The same facts as fields.
    let json = serde_json::to_value(&e).unwrap();
    let doubt = &json["doubts"][0];
    assert_eq!((&doubt["state"], &doubt["surprise"]), (&"late".into(), &140.0.into()));
    assert_eq!((&doubt["habit"]["sessions"], &doubt["habit"]["longest_silence"]), (&60.into(), &0.into()));
    assert_eq!((&json["next_run"], &json["blocker"]["cause"]), (&"2026-11-20T22:45:00Z".into(), &"vendor_late".into()));
}

#[tokio::test]
async fn holes_say_what_how_unlikely_since_when_and_when_next() {
    let suspect = Coverage {
        surprise: Some(79.2),
        found_at: Some(at("2026-11-20T21:00:00Z")),
        expires_at: Some(at("2026-11-20T23:30:00Z")),
        answers: 2,
        ..doubtful(CoverageState::Suspect, "2026-11-20T15:00:00Z", "2026-11-20T16:00:00Z")
    };
    let hole = Coverage {
        surprise: Some(400.0),
        found_at: Some(at("2026-11-10T21:00:00Z")),
        expires_at: Some(at("2026-12-10T21:00:00Z")),
        answers: 3,
        ..doubtful(CoverageState::VendorHole, "2026-11-09T09:00:00Z", "2026-11-10T01:00:00Z")
    };
    let mut rows = vec![
        hole,
        doubtful(CoverageState::Halted, "2026-11-11T17:00:00Z", "2026-11-11T18:00:00Z"),
        doubtful(CoverageState::Unjudged, "2026-11-12T10:00:00Z", "2026-11-12T11:00:00Z"),
        doubtful(CoverageState::Quarantined, "2026-11-13T15:00:00Z", "2026-11-13T15:30:00Z"),
        suspect,
    ];
    rows.push(doubtful(CoverageState::Present, "2026-11-20T16:00:00Z", "2026-11-20T22:15:00Z"));
    let e = told("2026-11-20T22:15:00Z", rows, &profile(1), Listing::default()).await;
    let want = [
        "SPY 5m is up to date at 22:15Z, with holes.",
        "20 Nov 15:00Z to 16:00Z is missing, and that silence is not believable, odds below 1 in 10^34 (one 5-minute bar \
         adds at most 6.6 to its surprise of 79.2; the longest silence in regular hours was 1 5-minute bar in 60 \
         sessions): found 21:00Z, 2 answers so far; it is requested again at 23:30Z.",
        "13 Nov 15:00Z to 15:30Z is a gap: the vendor's bars failed validation and are pending review (barkeep quarantine \
         list).",
        "12 Nov 10:00Z to 11:00Z has no bars, and there is too little history to say whether that is believable: 0 of 10 \
         sessions.",
        "11 Nov 17:00Z to 18:00Z has no bars because the market stood still: nearly all symbols have none there.",
        "9 Nov 09:00Z to 10 Nov 01:00Z is missing at the vendor: 3 answers days apart agree; it is requested again monthly, \
         next at 10 Dec 21:00Z.",
        "Silence after the close is not judged yet: 0 of 10 sessions are known.",
        "The vendor's plan reaches back to 3 Jan 2024; nothing older is served.",
    ];
    assert_eq!(e.sentences(), want);
    assert_eq!(e.holes.all(), [0, 1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_series_that_is_up_to_date_says_so_and_what_would_not_be_noticed() {
    let rows = vec![doubtful(CoverageState::Present, "2026-11-20T09:00:00Z", "2026-11-20T22:15:00Z")];
    let e = told("2026-11-20T21:00:00Z", rows, &profile(2), Listing::default()).await;
    assert_eq!((e.status, e.staleness_seconds), (Tier::Fresh, Some(0)));
    assert_eq!(
        e.sentences()[..2],
        [
            "SPY 5m is up to date: the vendor has no bar newer than 22:15Z.",
            "Silence in regular hours is judged by 60 sessions: the longest lasted 2 5-minute bars, so a hole of up to 4 \
             5-minute bars would not be noticed.",
        ]
    );
}

#[tokio::test]
async fn a_delisted_symbol_is_told_as_ended_and_nothing_of_it_is_stale() {
    let listing = Listing {
        state: ListingState::Renamed,
        ended_on: chrono::NaiveDate::from_ymd_opt(2026, 11, 16),
        renamed_to: Some("SPYX".parse().unwrap()),
        ..Listing::default()
    };
    let rows = vec![doubtful(CoverageState::Present, "2026-11-16T09:00:00Z", "2026-11-17T01:00:00Z")];
    let e = told("2026-11-17T01:00:00Z", rows, &profile(0), listing).await;
    assert_eq!((e.status, e.staleness_seconds, e.breached, e.next_run), (Tier::Ended, None, false, None));
    assert_eq!(e.blocker, Blocker { cause: Cause::Ended, since: None, by: None, detail: None });
    assert_eq!(e.split.as_ref().map(|split| split.staleness_ms), Some(0));
    let want = "SPY was renamed to SPYX on 16 Nov and is stored up to its last day; no more bars are expected.";
    assert_eq!(e.sentences(), [want]);
}

#[test]
fn every_beat_lies_after_now() {
    let every = Duration::from_mins(15);
    assert_eq!(super::super::next_beat(every, at("2026-11-20T22:30:00Z")), at("2026-11-20T22:45:00Z"));
    assert_eq!(super::super::next_beat(every, at("2026-11-20T22:44:59Z")), at("2026-11-20T22:45:00Z"));
}
