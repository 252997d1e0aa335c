use super::*;
use crate::model::completion::complete;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::SeriesView;

fn series(symbol: &str, asset_class: AssetClass, tracked: bool) -> SeriesView {
    SeriesView {
        symbol: symbol.parse().unwrap(),
        asset_class,
        criticality: Criticality::Standard,
        timeframe: Timeframe::D1,
        tier: Tier::Fresh,
        staleness_seconds: None,
        breached: false,
        tracked,
        paused: false,
        bars: 10,
        first_bar: None,
        newest_bar: None,
        answered_until: None,
        checked_at: None,
        holes: barkeep_monitor::holes::HoleCounts::default(),
        gaps: None,
    }
}

fn all() -> Vec<SeriesView> {
    vec![
        series("AAPL", AssetClass::Stock, true),
        series("AMZN", AssetClass::Stock, true),
        series("BTC", AssetClass::Crypto, true),
        series("OLD", AssetClass::Stock, false),
    ]
}

fn read(line: &str) -> Result<Order, Wrong> {
    parse(line, Tracked(&all()), day("2026-11-18"))
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn names(all: &[&str]) -> Vec<Symbol> {
    all.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn an_add_takes_symbols_and_options() {
    assert_eq!(
        read("add spy QQQ  spy "),
        Ok(Order::Add { symbols: names(&["SPY", "QQQ"]), wanted: Wanted::default() })
    );
    let wanted = Wanted {
        class: Some(AssetClass::Crypto),
        criticality: Some(Criticality::Low),
        timeframes: vec![Timeframe::M5, Timeframe::D1],
        history_from: Some(day("2024-01-01")),
        vendor: None,
    };
    let line = "add ETH-EUR --class crypto --criticality=low --since 2024-01-01 --timeframes 5m,1d";
    assert_eq!(read(line), Ok(Order::Add { symbols: names(&["ETH-EUR"]), wanted }));
    // What was tracked once is tracked again.
    assert!(matches!(read("add OLD"), Ok(Order::Add { .. })));
}

#[test]
fn a_time_is_a_year_a_month_a_day_or_two_of_them() {
    for (line, from, to) in [
        ("backfill AAPL", None, None),
        ("backfill AAPL 2024", Some("2024-01-01"), Some("2024-12-31")),
        ("backfill AAPL 2024-02", Some("2024-02-01"), Some("2024-02-29")),
        ("backfill AAPL 2024-02-05", Some("2024-02-05"), Some("2024-02-05")),
        ("backfill AAPL 2023 2024-02", Some("2023-01-01"), Some("2024-02-29")),
        // Until now is without an end.
        ("backfill AAPL 2026", Some("2026-01-01"), None),
    ] {
        let (from, to) = (from.map(day), to.map(day));
        assert_eq!(read(line), Ok(Order::Backfill { symbols: names(&["AAPL"]), from, to }), "{line}");
    }
}

#[test]
fn tiers_first_days_and_removals_are_of_tracked_symbols_in_any_spelling() {
    let symbols = names(&["BTC", "AAPL"]);
    let critical = Order::Tier { symbols: symbols.clone(), criticality: Criticality::Critical };
    assert_eq!(read("tier btc-usd aapl critical"), Ok(critical));
    assert_eq!(read("tier low"), Ok(Order::FetchTier(Criticality::Low)));
    let since = Order::Since { symbols: symbols.clone(), date: Some(day("2024-01-01")) };
    assert_eq!(read("since BTC AAPL 2024-01-01"), Ok(since));
    assert_eq!(read("since BTC none"), Ok(Order::Since { symbols: names(&["BTC"]), date: None }));
    assert_eq!(read("rm BTC AAPL"), Ok(Order::Remove { symbols, purge: false }));
    assert_eq!(read("remove OLD --purge"), Ok(Order::Remove { symbols: names(&["OLD"]), purge: true }));
}

#[test]
fn it_says_what_is_wrong_and_what_is_only_missing() {
    for (line, what) in [
        ("add AAPL", "AAPL is already tracked"),
        ("add BTC/USD", "BTC is already tracked"),
        ("add X --clas crypto", "options: --class"),
        ("add X --what", "there is no option --what"),
        ("add X --class bond", "bond is not a class"),
        ("add X --tier high", "high is not a tier"),
        ("add X --timeframes 7m", "7m"),
        ("add X --since 2031-01-01", "2031-01-01 is in the future"),
        ("add I:SPX", "an index"),
        ("rm SPX", "SPX is not tracked; `add SPX` adds it"),
        ("rm OLD", "--purge deletes its bars"),
        ("tier AAPL hot", "HOT is not tracked"),
        ("since AAPL 2024-13-01", "not a day"),
        ("since AAPL 2024-01-01 BTC", "nothing may follow"),
        ("backfill AAPL 2024-13", "not a time"),
        ("backfill AAPL 2024-02 2023", "2024-02-01 is after 2023-12-31"),
        ("backfill AAPL 2031", "in the future"),
        ("backfill AAPL 2024 BTC", "symbols come before"),
        ("sort colour", "staleness, symbol, class"),
        ("sort bars down", "one column, then reversed"),
    ] {
        let wrong = read(line).unwrap_err();
        let (Wrong::Mistake(text) | Wrong::Missing(text)) = &wrong;
        assert!(text.contains(what), "{line}: {text}");
        assert!(matches!(wrong, Wrong::Mistake(_)) || line.contains("--clas "), "{line}");
    }
    for line in
        ["add ", "add X --class", "rm ", "tier ", "tier AAPL ", "tier AAPL crit", "since AAPL ", "since AAPL 2024-"]
    {
        assert!(matches!(read(line), Err(Wrong::Missing(_))), "{line}: {:?}", read(line));
    }
}

#[test]
fn tab_completes_symbols_options_and_values() {
    let rows = all();
    for (line, completed) in [
        ("rm a", "rm A"),
        ("rm A", "rm A"),
        ("rm aap", "rm AAPL "),
        ("tier AAPL c", "tier AAPL critical "),
        ("add X --cr", "add X --criticality "),
        ("add X --class cry", "add X --class crypto "),
        ("since AAPL n", "since AAPL none "),
        ("backfill b", "backfill BTC "),
        ("add SP", "add SP"),
        ("sort n", "sort newest "),
        ("sort c", "sort c"),
        ("sort bars r", "sort bars reversed "),
    ] {
        assert_eq!(complete(line, Tracked(&rows)), completed, "{line}");
    }
}

#[test]
fn a_column_to_sort_by_is_named_by_its_beginning() {
    let by = |by, reversed| Ok(Order::Sort(Sort { by, reversed }));
    assert_eq!(read("sort b"), by(SortBy::Bars, false));
    assert_eq!(read("sort Newest reversed"), by(SortBy::Newest, true));
    assert_eq!(read("sort bars rev"), Err(Wrong::Missing("then reversed, or nothing".to_owned())));
}
