//! The truth, and what the vendor had of it.

use super::*;

fn wanted(timeframe: Timeframe, from: &str, to: &str) -> WantedBars {
    WantedBars::new("AAPL", timeframe, at(from), at(to))
}

#[tokio::test]
async fn without_a_script_the_truth_is_what_is_served() {
    let sim = Clocked::start("").await;
    for (timeframe, span) in [(Timeframe::M5, "5/minute"), (Timeframe::H1, "1/hour"), (Timeframe::D1, "1/day")] {
        let rows = sim.rows("2025-06-18T00:00:00Z", &range("AAPL", span, "2025-06-09", "2025-06-13", 50_000)).await;
        let wanted = wanted(timeframe, "2025-06-09T04:00:00Z", "2025-06-14T04:00:00Z");
        let truth = sim.sim.truth(&wanted).unwrap();
        assert_eq!(truth.len(), rows.len());
        for (bar, row) in truth.iter().zip(&rows) {
            let bar_values = (bar.bar.at.ms(), bar.bar.open, bar.bar.close, bar.bar.volume, bar.bar.trades);
            let x = |key: &str| row[key].as_f64().unwrap();
            assert_eq!(bar_values, (row["t"].as_i64().unwrap(), x("o"), x("c"), x("v"), row["n"].as_i64()));
            let published = bar.published_at.unwrap();
            assert!(published > bar.bar.at && published <= bar.bar.at + timeframe.width(), "{bar:?}");
        }
        assert_eq!(sim.sim.had(&wanted, at("2025-06-18T00:00:00Z")).unwrap().len(), rows.len());
    }
}

/// The vendor has a bar at the moment the truth says and not a millisecond earlier.
#[tokio::test]
async fn bars_are_there_from_the_moment_they_are_published() {
    let sim = Clocked::start(
        "
- {kind: late, ticker: AAPL, delay: 3h, from: 2025-06-10, to: 2025-06-10}
- {kind: late_until, ticker: AAPL, bars_from: 2025-06-12, published_at: 2025-06-16T10:00:00Z}
- {kind: hole, ticker: AAPL, from: 2025-06-11T15:00:00Z, to: 2025-06-11T17:00:00Z, filled_at: 2025-06-15}
- {kind: hole, ticker: AAPL, from: 2025-06-09, to: 2025-06-09}
- {kind: halt, from: 2025-06-11T18:00:00Z, to: 2025-06-11T19:00:00Z}
- {kind: correction, ticker: AAPL, from: 2025-06-11, to: 2025-06-11, at: 2025-06-17, change: {price: 2}}
- {kind: extra, ticker: AAPL, from: 2025-06-11T07:00:00Z, to: 2025-06-11T07:30:00Z, family: minute}",
    )
    .await;
    let plain = Clocked::start("").await;
    for timeframe in [Timeframe::M1, Timeframe::M15, Timeframe::H1, Timeframe::D1] {
        let wanted = wanted(timeframe, "2025-06-09T04:00:00Z", "2025-06-14T04:00:00Z");
        let truth = sim.sim.truth(&wanted).unwrap();
        let mut never = 0;
        for bar in &truth {
            let Some(published) = bar.published_at else {
                never += 1;
                assert_eq!(bar.bar.at.ny_date().to_string(), "2025-06-09");
                continue;
            };
            let slot = WantedBars { from: bar.bar.at, to: bar.bar.at + 1, ..wanted.clone() };
            let has = |at| sim.sim.had(&slot, at).unwrap().iter().any(|had| had.at == bar.bar.at);
            assert!(has(published) && !has(published - 1), "{timeframe} {bar:?}");
            assert!(bar.was_published_by(published) && !bar.was_published_by(published - 1));
        }
        assert!(never > 0);
        // The final values; what never traded is not among them, what stood still neither.
        let all = plain.sim.truth(&wanted).unwrap();
        let halt = at("2025-06-11T18:00:00Z")..at("2025-06-11T19:00:00Z");
        let times = |bars: &[TruthBar]| bars.iter().map(|bar| bar.bar.at).collect::<Vec<_>>();
        let mut left = times(&all);
        if timeframe.width() <= HOUR {
            left.retain(|t| !halt.contains(t));
        }
        assert_eq!(times(&truth), left);
        let noon = |bars: &[TruthBar]| {
            let found = bars.iter().find(|bar| bar.bar.at >= at("2025-06-11T04:00:00Z")).unwrap();
            found.bar.open
        };
        assert_eq!(noon(&truth), noon(&all) * 2.0);
    }
    let bars = sim.sim.truth(&wanted(Timeframe::D1, "2025-06-09T04:00:00Z", "2025-06-14T04:00:00Z")).unwrap();
    let published: Vec<String> =
        bars.iter().map(|bar| bar.published_at.map_or("never".into(), |at| at.to_string())).collect();
    assert_eq!(
        published,
        ["never", "2025-06-10T16:31:00Z", "2025-06-11T13:31:00Z", "2025-06-16T10:00:00Z", "2025-06-16T10:00:00Z"]
    );
}

#[tokio::test]
async fn the_truth_is_told_over_http() {
    let sim = Clocked::start("[{kind: late, ticker: AAPL, delay: 1h}]").await;
    let target = "truth?ticker=AAPL&timeframe=1h&from=2025-06-12&to=2025-06-12";
    let rows = control(&sim.sim, "GET", target, "").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 16);
    assert_eq!(rows[6]["at"], "2025-06-12T14:00:00Z");
    assert_eq!(rows[6]["published_at"], "2025-06-12T15:01:00Z");
    let had = control(&sim.sim, "GET", &format!("{target}&at=2025-06-12T15:00:00Z"), "").await.json();
    assert_eq!(had.as_array().unwrap().len(), 6);
    for (bad, words) in [
        ("truth?ticker=AAPL", "timeframe"),
        ("truth?ticker=AAPL&timeframe=9m&from=2025-06-12&to=2025-06-12", "9m"),
        ("truth?ticker=AAPL&timeframe=1h&from=noon&to=2025-06-12", "`noon` is not a time"),
    ] {
        let got = control(&sim.sim, "GET", bad, "").await;
        assert!(got.status == 400 && got.text().contains(words), "{}", got.text());
    }
}

/// Whatever happens, the server serves what it says it had, nothing it says it has not published, and in the end the
/// truth but for what it never publishes.
#[tokio::test]
async fn what_is_served_is_what_the_vendor_had() {
    use crate::data::random::mix;
    let sim = Clocked::start("").await;
    let hour = |k: u64| at("2025-06-09T08:00:00Z") + k as i64 * HOUR;
    let days = [Timeframe::M5, Timeframe::H1, Timeframe::D1];
    for seed in 0..25u64 {
        let dice = |k: u64, sides: u64| mix(mix(seed, 0xd1ce), k) % sides;
        let events = (0..=dice(0, 4)).map(|k| {
            let dice = |n: u64, sides: u64| dice(10 * (k + 1) + n, sides);
            let from = hour(dice(1, 100));
            let to = from + (1 + dice(2, 30) as i64) * HOUR;
            let then = to + dice(3, 60) as i64 * HOUR;
            match dice(0, 5) {
                0 => ScriptEvent::late("AAPL", Duration::from_mins(dice(1, 3_000))),
                1 => ScriptEvent::late_until("AAPL", from, then),
                2 => ScriptEvent::hole("*", from, to, (dice(4, 3) > 0).then_some(then.into())),
                3 => ScriptEvent::halt(from, to),
                _ => ScriptEvent::correction("AAPL", from, to, then, Change::prices(1.25)),
            }
        });
        sim.sim.set_script(events.collect::<Vec<_>>()).unwrap();
        let wanted = wanted(days[dice(1, 3) as usize], "2025-06-09T04:00:00Z", "2025-06-14T04:00:00Z");
        let (multiplier, span) = wanted.timeframe.vendor_span();
        let target = range("AAPL", &format!("{multiplier}/{span}"), "2025-06-09", "2025-06-13", 50_000);
        let truth = sim.sim.truth(&wanted).unwrap();
        for now in [hour(30 + dice(2, 90)), hour(130 + dice(3, 60)), hour(10_000)] {
            let served = sim.times(&now.to_string(), &target).await;
            let had: Vec<Ts> = sim.sim.had(&wanted, now).unwrap().iter().map(|bar| bar.at).collect();
            assert_eq!(served, had, "{:?}", sim.sim.script());
            let published: Vec<Ts> =
                truth.iter().filter(|bar| bar.was_published_by(now)).map(|bar| bar.bar.at).collect();
            assert_eq!(served, published, "{now} {:?}", sim.sim.script());
        }
    }
}
