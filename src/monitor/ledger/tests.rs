use super::*;
use barkeep_base::process;
use barkeep_config::{Environment, Loaded, Overrides, load_from};
use barkeep_market::ts::{DAY, HOUR, MINUTE};
use barkeep_market::{AssetClass, Criticality, Symbol};
use barkeep_store::{Listing, ListingState, SeriesRow, testing};

/// Tuesday, 13:00 in New York.
fn now() -> Ts {
    Ts(chrono::DateTime::parse_from_rfc3339("2024-03-05T18:00:00Z").unwrap().timestamp_millis())
}

fn configured() -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("barkeep.yaml");
    std::fs::write(&path, format!("log:\n  dir: {0}\ndatabase:\n  url: sqlite:{0}/x.db\n", dir.path().display()))
        .unwrap();
    load_from(&Overrides { config: Some(path), ..Overrides::default() }, &Environment::default()).unwrap()
}

fn symbol(added_at: Ts) -> SymbolRow {
    SymbolRow {
        criticality: Criticality::Critical,
        added_at,
        ..testing::symbol("BTC", &[Timeframe::M5, Timeframe::H4, Timeframe::D1])
    }
}

fn series(newest: Option<Ts>, checked_at: Option<Ts>) -> SeriesRow {
    SeriesRow {
        id: SeriesId(1),
        symbol: "BTC".parse::<Symbol>().unwrap(),
        timeframe: Timeframe::M5,
        bar_count: i64::from(newest.is_some()),
        first_ts: newest,
        last_ts: newest,
        checked_at,
        verified_at: None,
        paused: false,
    }
}

fn assessed(symbol: SymbolRow, series: SeriesRow, ledger: &Ledger) -> Assessment {
    let Loaded { settings, policy, .. } = configured();
    let calendar = Calendar::new();
    let context = FreshnessContext { calendar: &calendar, settings: &settings, policy: &policy };
    let index = SeriesIndex::of(vec![symbol], vec![series], &[]);
    let mut assessor = Assessor::new(context, &index, ledger, now());
    let (row, known) = index.iter().next().unwrap();
    assessor.assess(row, known)
}

fn tier(symbol: SymbolRow, series: SeriesRow, ledger: &Ledger) -> Tier {
    assessed(symbol, series, ledger).judgement.tier
}

#[test]
fn a_first_backfill_is_no_breach_however_old_its_newest_bar() {
    let begun = Ledger { last_start: Some(now() - 17 * MINUTE), ..Ledger::default() };
    let added = symbol(now() - 18 * MINUTE);
    let half_way = series(Some(now() - 330 * DAY), None);
    let loading = assessed(added.clone(), half_way.clone(), &begun);
    assert_eq!((loading.judgement.tier, loading.judgement.behind, loading.breached), (Tier::Loading, None, false));
    // Once the vendor has answered for its newest end it has an age like any other.
    let asked = assessed(added.clone(), series(Some(now() - 330 * DAY), Some(now())), &begun);
    assert_eq!((asked.judgement.tier, asked.breached), (Tier::Stale, true));
    // A run is done with it and brought nothing newer: that is no first backfill any more.
    let key = (added.symbol.clone(), Timeframe::M5);
    let tried = Ledger { tried: HashSet::from([key]), ..begun };
    assert_eq!(tier(added.clone(), half_way, &tried), Tier::Stale);
    // Nobody has begun with it: unknown.
    assert_eq!(tier(added, series(None, None), &Ledger::default()), Tier::Unknown);
}

#[test]
fn loading_lasts_as_long_as_its_run_and_else_no_longer_than_its_criticality_allows() {
    let added = symbol(now() - 3 * HOUR);
    let begun = Ledger { last_start: Some(now() - 2 * HOUR), ..Ledger::default() };
    assert_eq!(tier(added.clone(), series(Some(now() - 330 * DAY), None), &begun), Tier::Stale, "critical: 1 h");
    let key = ("BTC".parse::<Symbol>().unwrap(), Timeframe::M5);
    let at_work = AtWork { since: now() - 2 * HOUR, has_begun: true };
    let running = Ledger { in_run: HashMap::from([(key, at_work)]), ..begun };
    assert_eq!(tier(added.clone(), series(Some(now() - 330 * DAY), None), &running), Tier::Loading);
    let mut inactive = added;
    inactive.active = false;
    assert_eq!(tier(inactive, series(None, None), &running), Tier::Unknown, "nobody loads it");
}

#[test]
fn a_delisted_symbol_ends_once_its_last_day_is_stored() {
    let delisted = |days_ago: i64| {
        let day = AssetClass::Stock.date_of(now() - days_ago * DAY);
        let listing = Listing { state: ListingState::Delisted, ended_on: Some(day), ..Listing::default() };
        SymbolRow { listing, ..symbol(Ts(0)) }
    };
    let ledger = Ledger::default();
    let over = now() - 30 * DAY;
    let asked_since = assessed(delisted(30), series(Some(over - DAY), Some(over + 5 * DAY)), &ledger);
    let want = (Tier::Ended, None, false);
    assert_eq!((asked_since.judgement.tier, asked_since.judgement.behind, asked_since.breached), want);
    let not_asked = series(Some(over - 3 * DAY), Some(over - 2 * DAY));
    assert_eq!(tier(delisted(30), not_asked, &ledger), Tier::Stale, "its last days are not stored");
    assert_eq!(tier(delisted(0), series(Some(now() - DAY), Some(now())), &ledger), Tier::Stale, "it trades today");
    // Tuesday's last bar of extended hours, asked a minute later and never again.
    let end = chrono::DateTime::parse_from_rfc3339("2024-02-07T01:00:00Z").unwrap().timestamp_millis();
    let stored = series(Some(Ts(end - 5 * MINUTE)), Some(Ts(end + MINUTE)));
    let tuesday = SymbolRow {
        listing: Listing {
            state: ListingState::Renamed,
            ended_on: chrono::NaiveDate::from_ymd_opt(2024, 2, 6),
            ..Listing::default()
        },
        ..symbol(Ts(0))
    };
    assert_eq!(tier(tuesday, stored, &ledger), Tier::Ended);
}

#[tokio::test]
async fn only_open_series_of_living_runs_are_in_a_run() {
    use barkeep_store::{ExecutionRow, ExecutionStatus};
    let dir = tempfile::tempdir().unwrap();
    let store = barkeep_store::open(&format!("sqlite:{}", dir.path().join("a.db").display()), false).await.unwrap();
    let execution =
        |owner: String| ExecutionRow { owner, ..testing::execution(uuid::Uuid::new_v4(), ExecutionStatus::Running) };
    let status = |execution_id, timeframe, status| testing::series_status(execution_id, "BTC", timeframe, status);
    let (alive, dead) = (execution(process::mark()), execution("nonsense".into()));
    for row in [&alive, &dead] {
        store.put_execution(row).await.unwrap();
    }
    let rows = [
        status(alive.execution_id, Timeframe::M5, SeriesRunState::Pending),
        status(alive.execution_id, Timeframe::H1, SeriesRunState::InProgress),
        status(alive.execution_id, Timeframe::D1, SeriesRunState::Completed),
        status(dead.execution_id, Timeframe::W1, SeriesRunState::InProgress),
    ];
    store.put_series_statuses(rows.to_vec()).await.unwrap();
    let found = running_series(store.as_ref()).await.unwrap().into_iter();
    let mut found: Vec<(Timeframe, Ts, bool)> = found.map(|(key, at)| (key.1, at.since, at.has_begun)).collect();
    found.sort_unstable();
    let begun = alive.started_at;
    assert_eq!(found, [(Timeframe::M5, begun, false), (Timeframe::H1, begun, true)]);
    store.close().await;
}
