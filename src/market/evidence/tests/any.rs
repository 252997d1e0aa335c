//! Whatever is asked, the answer makes sense.

use proptest::prelude::*;

use super::*;

fn known_sets() -> impl Strategy<Value = IntervalSet> {
    let start = ny("2024-02-26 00:00");
    let hours = 24 * 60_i64;
    proptest::collection::vec((0..hours, 1..200_i64), 1..8).prop_map(move |parts| {
        parts.into_iter().map(|(at, long)| Interval::new(start + at * HOUR, start + (at + long) * HOUR)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn runs_hold_no_bar_and_profiles_add_up(
        known in known_sets(), which in 0_usize..8, is_crypto in any::<bool>(), seed in any::<u64>(),
        quiet in 0.0..1.0_f64, followed in any::<bool>(),
    ) {
        let class = if is_crypto { AssetClass::Crypto } else { AssetClass::Stock };
        let timeframe = Timeframe::ALL[which].max(Timeframe::M5);
        let known: IntervalSet = known.iter().map(|i| timeframe.snap_out(class, i)).collect();
        let mut symbol = Symbol::liquid(class, timeframe, "2024-02-01", "2024-04-30");
        let mut random = clusters::Random(seed);
        symbol.bars.retain(|_| !random.happens(quiet * quiet));
        let bars: Vec<Bar> = symbol.bars.iter().filter(|b| known.contains(b.ts)).copied().collect();
        let hull = known.hull().unwrap();
        let mut twice = symbol.clone();
        let runs = symbol.ask_about(hull, &known, &bars, followed);
        for run in &runs {
            let holds_bar = bars.iter().any(|b| run.range.contains(b.ts));
            prop_assert!(!holds_bar || run.verdict == SilenceVerdict::Unjudged, "{run:?}");
            let is_tail = matches!(run.verdict, SilenceVerdict::Late | SilenceVerdict::Open);
            prop_assert!(!is_tail || !followed && run.range.end == hull.end, "{run:?}");
            prop_assert!(run.surprise.is_none() == (run.verdict == SilenceVerdict::Unjudged), "{run:?}");
            prop_assert!(run.slots > 0 && run.surprise.is_none_or(|sum| sum >= 0.0 && sum.is_finite()), "{run:?}");
        }
        for part in Part::ALL.into_iter().filter_map(|part| symbol.profile.part(part)) {
            prop_assert!(part.sessions().windows(2).all(|w| w[0].date < w[1].date));
            for s in part.sessions() {
                prop_assert!(s.slots.iter().zip(&s.traded).all(|(all, traded)| traded <= all), "{s:?}");
            }
            let text = serde_json::to_string(part).unwrap();
            prop_assert!(&serde_json::from_str::<PartProfile>(&text).unwrap() == part);
        }
        prop_assert!(runs == twice.ask_about(hull, &known, &bars, followed), "not the same twice");
        prop_assert!(symbol.profile == twice.profile);
    }
}
