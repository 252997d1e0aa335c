use super::*;

fn series(symbol: &str, timeframe: Timeframe, tier: Tier, behind: Option<i64>) -> SeriesView {
    SeriesView {
        symbol: symbol.parse().unwrap(),
        asset_class: if symbol == "BTC" { AssetClass::Crypto } else { AssetClass::Stock },
        criticality: Criticality::Standard,
        timeframe,
        tier,
        staleness_seconds: behind,
        breached: behind.is_some_and(|b| b > 4 * 3_600),
        tracked: true,
        paused: symbol == "IBM",
        bars: 1_000,
        first_bar: None,
        newest_bar: None,
        answered_until: None,
        checked_at: None,
    }
}

fn found(query: &str) -> Vec<String> {
    let all = [
        series("AAPL", Timeframe::M5, Tier::Fresh, Some(60)),
        series("AAPL", Timeframe::D1, Tier::Stale, Some(30_000)),
        series("BTC", Timeframe::H1, Tier::Aging, Some(7_300)),
        series("IBM", Timeframe::M5, Tier::Missing, None),
    ];
    let ibm = "IBM".parse().unwrap();
    let failing = Failing::from([(&ibm, Timeframe::M5)]);
    let query = Query::parse(query);
    assert_eq!(query.error, None);
    all.iter().filter(|s| query.fits(s, &failing)).map(|s| format!("{} {}", s.symbol, s.timeframe)).collect()
}

#[test]
fn terms_are_joined_words_are_alternatives_and_a_minus_turns_around() {
    assert_eq!(found("").len(), 4);
    assert_eq!(found("tier:stale,aging"), ["AAPL 1d", "BTC 1h"]);
    assert_eq!(found("aap tf:5m"), ["AAPL 5m"]);
    assert_eq!(found("-tier:fresh -class:crypto"), ["AAPL 1d", "IBM 5m"]);
    assert_eq!(found("behind>2h"), ["AAPL 1d", "BTC 1h", "IBM 5m"]);
    assert_eq!(found("behind<1.5m"), ["AAPL 5m"]);
    assert_eq!(found("failing:yes"), ["IBM 5m"]);
    assert_eq!(found("paused:no breached:yes"), ["AAPL 1d"]);
    assert_eq!(found("bars>1,000"), Vec::<String>::new());
    assert_eq!(found("tier:mis TF:5M"), ["IBM 5m"]);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, said) in [
        ("tier:stael", "'stael' is no tier; use fresh, aging, stale, missing, unknown"),
        (
            "tire:stale",
            "there is no 'tire'; use tier, class, rpo, tf, behind, bars, breached, paused, failing, tracked",
        ),
        ("fail:yes", "there is no 'fail'; did you mean failing?"),
        ("behind>2", "'2' is not a time; use 90s, 20m, 2h or 3d"),
        ("behind:2h", "behind takes > or <, as in behind>2h"),
        ("tier>stale", "tier takes a colon, as in tier:stale,missing"),
        ("paused:maybe", "paused is yes or no, not 'maybe'"),
        ("tf:", "tf: needs a word; use 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w"),
        ("tf:1", "'1' is no tf; use 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w"),
        ("bars>many", "'many' is not a number of bars"),
        ("-", "a minus needs a term after it, as in -tier:fresh"),
        (
            "\u{1b}[2J:x",
            "there is no '?[2j'; use tier, class, rpo, tf, behind, bars, breached, paused, failing, tracked",
        ),
    ] {
        let query = Query::parse(text);
        assert_eq!((query.error.as_deref(), query.is_empty()), (Some(said), true), "{text}");
    }
}

#[test]
fn every_term_of_the_help_is_understood() {
    for (_, example, _) in TERMS {
        assert_eq!(Query::parse(example).error, None, "{example}");
    }
}
