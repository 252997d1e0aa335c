//! The bars: complete, repeatable, lifelike.

use super::*;

#[tokio::test]
async fn pages_join_to_the_one_page_answer() {
    let small = start(SimConfig { base_limit: 5_000, ..SimConfig::default() }).await;
    let large = start(SimConfig { base_limit: 1_000_000, ..SimConfig::default() }).await;
    let (from, to) = ("2024-06-17", "2025-06-17");
    let (one, pages) = chain(&large, &range("AAPL", "5/minute", from, to, 1_000_000)).await;
    assert_eq!(pages, 1);
    assert!(one.len() > 40_000, "{}", one.len());
    let (many, pages) = chain(&small, &range("AAPL", "5/minute", from, to, 50_000)).await;
    assert!((35..60).contains(&pages), "{pages}");
    assert!(one == many);
    // The log tells the pages of the chain apart.
    assert_eq!(small.log().iter().map(|r| r.page as usize).collect::<Vec<_>>(), (1..=pages).collect::<Vec<_>>());
}

/// The volume-weighted mean of the rows in each step, from their own means.
fn means(rows: &[Value], step: i64) -> Vec<f64> {
    let mut out: Vec<(i64, f64, f64)> = Vec::new();
    for row in rows {
        let (t, v, vw) = (row["t"].as_i64().unwrap(), row["v"].as_f64().unwrap(), row["vw"].as_f64().unwrap());
        match out.last_mut() {
            Some((at, volume, money)) if *at == t - t.rem_euclid(step) => {
                (*volume, *money) = (*volume + v, *money + v * vw);
            }
            _ => out.push((t - t.rem_euclid(step), v, v * vw)),
        }
    }
    out.iter().map(|(_, volume, money)| money / volume).collect()
}

/// Rolls up JSON rows on the epoch grid.
fn rolled(rows: &[Value], step: i64) -> Vec<(i64, [f64; 5], i64)> {
    let mut out: Vec<(i64, [f64; 5], i64)> = Vec::new();
    for row in rows {
        let x = |key: &str| row[key].as_f64().unwrap();
        let t = row["t"].as_i64().unwrap();
        let (start, n) = (t - t.rem_euclid(step), row["n"].as_i64().unwrap());
        match out.last_mut() {
            Some((at, [_, h, l, c, v], m)) if *at == start => {
                (*h, *l, *c, *v, *m) = (h.max(x("h")), l.min(x("l")), x("c"), *v + x("v"), *m + n);
            }
            _ => out.push((start, [x("o"), x("h"), x("l"), x("c"), x("v")], n)),
        }
    }
    out
}

#[tokio::test]
async fn wider_bars_are_sums_of_narrower_ones() {
    let sim = start(SimConfig::default()).await;
    for ticker in ["AAPL", "X:BTCUSD", "X:ADAUSD"] {
        let (minutes, _) = chain(&sim, &range(ticker, "1/minute", "2025-03-03", "2025-03-16", 50_000)).await;
        let (fives, _) = chain(&sim, &range(ticker, "5/minute", "2025-03-03", "2025-03-16", 50_000)).await;
        for (span, step) in
            [("5/minute", 5 * MINUTE), ("15/minute", 15 * MINUTE), ("1/hour", HOUR), ("4/hour", 4 * HOUR)]
        {
            let (wide, _) = chain(&sim, &range(ticker, span, "2025-03-03", "2025-03-16", 50_000)).await;
            // Bit for bit, fractional volume included, from minutes and from five-minute bars.
            assert_eq!(rolled(&wide, step), rolled(&minutes, step), "{ticker} {span}");
            assert_eq!(rolled(&wide, step), rolled(&fives, step), "{ticker} {span}");
            assert!(wide.iter().all(|row| row["t"].as_i64().unwrap() % step == 0));
            for (row, mean) in wide.iter().zip(means(&fives, step)) {
                assert!((row["vw"].as_f64().unwrap() / mean - 1.0).abs() < 1e-6, "{row} {mean}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bars_wherever_one_starts() {
    let (a, b) = (start(SimConfig::default()).await, start(SimConfig::default()).await);
    let other = start(SimConfig { seed: 2, ..SimConfig::default() }).await;
    let week = range("MSFT", "1/minute", "2025-03-03", "2025-03-07", 50_000);
    let rows = ask(&a, &week).await.rows();
    assert!(rows.len() > 3_500);
    assert_eq!(rows, ask(&b, &week).await.rows());
    assert_ne!(rows, ask(&other, &week).await.rows());
    let one = range("MSFT", "1/minute", "2025-03-05", "2025-03-05", 50_000);
    let day: Vec<Value> =
        rows.iter().filter(|r| Ts(r["t"].as_i64().unwrap()).ny_date().to_string() == "2025-03-05").cloned().collect();
    assert_eq!(ask(&b, &one).await.rows(), day);
}

#[tokio::test]
async fn the_market_looks_real() {
    let sim = start(SimConfig::default()).await;
    let rows = ask(&sim, &range("AAPL", "1/minute", "2025-03-04", "2025-03-04", 50_000)).await.rows();
    let (open, close) = (at("2025-03-04T14:30:00Z").ms(), at("2025-03-04T21:00:00Z").ms());
    let t = |row: &Value| row["t"].as_i64().unwrap();
    let (regular, extended): (Vec<_>, Vec<_>) = rows.iter().partition(|row| (open..close).contains(&t(row)));
    assert!((380..=390).contains(&regular.len()), "{}", regular.len());
    assert!((300..380).contains(&extended.len()), "{}", extended.len());
    assert!(t(&rows[0]) >= open - 330 * MINUTE && t(rows.last().unwrap()) < close + 4 * HOUR);
    let volume = |rows: &[&Value]| rows.iter().map(|r| r["v"].as_f64().unwrap()).sum::<f64>() / rows.len() as f64;
    assert!(volume(&regular) > 10.0 * volume(&extended));
    assert!(volume(&regular[..30]) > 1.5 * volume(&regular[180..210]));
    for row in &rows {
        let x = |key: &str| row[key].as_f64().unwrap();
        assert!(x("l") > 0.0 && x("l") <= x("o").min(x("c")) && x("h") >= x("o").max(x("c")) && x("v") > 0.0, "{row}");
        assert!((x("vw") / x("c") - 1.0).abs() < 0.02);
    }
    let outside = |row: &&Value| row["vw"].as_f64() > row["h"].as_f64();
    assert!(rows.iter().filter(outside).count() > 0, "vw now and then lies outside");

    // A thin share: a few bars a day.
    let thin = (0..200)
        .map(|k| format!("T{k}"))
        .find(|name| crate::data::profile::Profile::of(1, name).unwrap().regular < 0.02)
        .unwrap();
    let bars = ask(&sim, &range(&thin, "1/minute", "2025-03-03", "2025-03-07", 50_000)).await.rows().len();
    assert!((5..70).contains(&bars), "{bars}");

    // The day: prices of regular hours, volume of all of them.
    let day = &ask(&sim, &range("AAPL", "1/day", "2025-03-04", "2025-03-04", 50_000)).await.rows()[0];
    assert_eq!(t(day), at("2025-03-04T05:00:00Z").ms());
    assert_eq!((&day["o"], &day["c"]), (&regular[0]["o"], &regular.last().unwrap()["c"]));
    let high = regular.iter().map(|r| r["h"].as_f64().unwrap()).fold(0.0, f64::max);
    assert_eq!(day["h"].as_f64().unwrap(), high);
    assert_eq!(day["v"].as_f64().unwrap(), rows.iter().map(|r| r["v"].as_f64().unwrap()).sum::<f64>());
}

#[tokio::test]
async fn sessions_follow_the_calendar() {
    let sim = start(SimConfig::default()).await;
    for (date, first, last) in [
        // Before and after the change to summer time, and back.
        ("2024-03-08", "09:00", "01:00"),
        ("2024-03-11", "08:00", "00:00"),
        ("2024-11-01", "08:00", "00:00"),
        ("2024-11-04", "09:00", "01:00"),
        // The day after Thanksgiving ends at 17:00 New York.
        ("2024-11-29", "09:00", "22:00"),
    ] {
        let rows = ask(&sim, &range("SPY", "1/minute", date, date, 50_000)).await.rows();
        let day = at(&format!("{date}T{first}:00Z")).ms();
        let end = at(&format!("{date}T{last}:00Z")).ms() + if last < first { DAY } else { 0 };
        let (head, tail) = (rows[0]["t"].as_i64().unwrap(), rows.last().unwrap()["t"].as_i64().unwrap());
        assert!((day..day + 20 * MINUTE).contains(&head), "{date}: {}", Ts(head));
        assert!((end - 20 * MINUTE..end).contains(&tail), "{date}: {}", Ts(tail));
    }
    // Weekends and holidays have none; coins trade on.
    for date in ["2025-03-08", "2024-12-25"] {
        assert!(ask(&sim, &range("SPY", "1/minute", date, date, 50_000)).await.rows().is_empty());
        assert!(ask(&sim, &range("SPY", "1/day", date, date, 50_000)).await.rows().is_empty());
        assert!(ask(&sim, &range("X:ETHUSD", "1/minute", date, date, 50_000)).await.rows().len() > 1_400);
    }
    let days = ask(&sim, &range("X:ETHUSD", "1/day", "2025-03-01", "2025-03-31", 50_000)).await.rows();
    assert_eq!((days.len(), days[0]["t"].as_i64()), (31, Some(at("2025-03-01T00:00:00Z").ms())));
    let weeks = ask(&sim, &range("SPY", "1/week", "2025-03-03", "2025-03-14", 50_000)).await.rows();
    assert_eq!((weeks.len(), weeks[0]["t"].as_i64()), (2, Some(at("2025-03-02T05:00:00Z").ms())));
}
