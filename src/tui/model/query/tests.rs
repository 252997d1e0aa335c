use super::*;
use barkeep_monitor::holes::HoleCounts;

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
        holes: HoleCounts::default(),
        gaps: None,
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
    assert_eq!(found("is:paused,fresh"), ["AAPL 5m", "IBM 5m"]);
    assert_eq!(found("is:late"), ["AAPL 1d"]);
    assert_eq!(found("-is:failing is:tracked behind:>2h"), ["AAPL 1d", "BTC 1h"]);
    assert_eq!(found("bars:<1,001").len(), 4);
}

#[test]
fn an_invalid_term_is_answered_with_the_valid_ones() {
    for (text, said) in [
        ("tier:stael", "tier: unknown value 'stael'; use fresh, aging, stale, missing, unknown, loading, ended"),
        (
            "tire:stale",
            "unknown term 'tire'; use tier, class, rpo, tf, behind, bars, breached, paused, failing, tracked, is",
        ),
        ("fail:yes", "unknown term 'fail'; did you mean failing?"),
        ("behind>2", "'2' is not a time; use 90s, 20m, 2h or 3d"),
        ("behind:2h", "behind needs > or <, as in behind>2h"),
        ("behind:>", "'' is not a time; use 90s, 20m, 2h or 3d"),
        (
            "is:lat,x",
            "is: unknown value 'x'; use late, paused, failing, tracked, fresh, aging, stale, missing, unknown, loading, ended",
        ),
        ("tier>stale", "tier needs a colon, as in tier:stale,missing"),
        ("paused:maybe", "paused is yes or no, not 'maybe'"),
        ("tf:", "tf: needs a value; use 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w"),
        ("tf:1", "tf: unknown value '1'; use 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w"),
        ("bars>many", "'many' is not a number of bars"),
        ("-", "'-' needs a term, as in -tier:fresh"),
        (
            "\u{1b}[2J:x",
            "unknown term '?[2j'; use tier, class, rpo, tf, behind, bars, breached, paused, failing, tracked, is",
        ),
    ] {
        let query = Query::parse(text);
        assert_eq!((query.error.as_deref(), query.is_empty()), (Some(said), true), "{text}");
    }
}

/// The filters among the examples in backquotes of a text, without its blocks of code.
fn examples(text: &str) -> Vec<String> {
    let mut in_block = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    });
    let prose = lines.collect::<Vec<_>>().join(" ");
    let is_term = |word: &str| {
        let word = word.trim_start_matches('-');
        TERMS.iter().any(|(term, ..)| word.starts_with(term) && word.len() > term.len())
    };
    let quoted = prose.split('`').skip(1).step_by(2);
    quoted.filter(|code| code.split_whitespace().any(is_term)).map(str::to_owned).collect()
}

#[test]
fn every_example_in_help_and_readme_is_a_filter() {
    for (term, example, _) in TERMS {
        assert_eq!(Query::parse(example).error, None, "{example}");
        assert!(FIELDS.split(' ').any(|field| field == *term), "{term} is missing in the line under the filter");
    }
    let help = crate::actions::spec(crate::actions::ActionId::Filter).map(|spec| spec.help).unwrap_or_default();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let pages = docs.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    let printed: Vec<String> = pages.flat_map(|path| examples(&std::fs::read_to_string(path).unwrap())).collect();
    let explained = examples(help);
    assert!(!explained.is_empty() && !printed.is_empty(), "no example: {explained:?} {printed:?}");
    for example in explained.iter().chain(&printed) {
        assert_eq!(Query::parse(example).error, None, "{example}");
    }
}
