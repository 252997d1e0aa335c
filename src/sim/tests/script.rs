//! Events: what is served before, while and after they hold.

use std::fmt::Write;

use super::*;

/// What a server without a script serves at that time.
async fn plain(time: &str, target: &str) -> Vec<Value> {
    Clocked::start("").await.rows(time, target).await
}

fn minutes(date: &str) -> String {
    range("AAPL", "1/minute", date, date, 50_000)
}

fn days(from: &str, to: &str) -> String {
    range("AAPL", "1/day", from, to, 50_000)
}

fn before(rows: &[Value], time: &str) -> Vec<Value> {
    rows.iter().filter(|row| row["t"].as_i64().unwrap() < at(time).ms()).cloned().collect()
}

#[tokio::test]
async fn an_empty_script_changes_no_byte() {
    let targets = [
        minutes("2025-06-17"),
        days("2020-01-01", "2025-06-18"),
        range("X:BTCUSD", "1/hour", "2025-06-01", "2025-06-18", 500),
        "/v2/aggs/ticker/AAPL/range/1/day/2020-01-01/2025-06-18?adjusted=true".to_owned(),
        "/v2/aggs/grouped/locale/us/market/stocks/2025-06-17?adjusted=false".to_owned(),
        "/v2/aggs/ticker/SPY/prev".to_owned(),
        "/stocks/v1/splits?limit=20".to_owned(),
        "/v3/reference/tickers?market=stocks&limit=30".to_owned(),
        "/v3/reference/tickers/AAPL".to_owned(),
        "/v3/reference/tickers/NOSUCH".to_owned(),
        "/v1/marketstatus/now".to_owned(),
    ];
    // An event of another ticker leaves these alone, too.
    let (none, other) = (Clocked::start("").await, Clocked::start("[{kind: late, ticker: ZQX, delay: 3h}]").await);
    let ever = start(SimConfig::default()).await;
    let host = |text: &str, sim: &Sim| text.replace(&sim.addr.to_string(), "host");
    for target in &targets {
        let got = [ask(&none.sim, target).await, ask(&other.sim, target).await, ask(&ever, target).await];
        let texts = [host(&got[0].text(), &none.sim), host(&got[1].text(), &other.sim), host(&got[2].text(), &ever)];
        assert!(texts[0] == texts[1] && texts[0] == texts[2], "{target}");
        assert_eq!(host(&got[0].head, &none.sim), host(&got[1].head, &other.sim));
    }
}

#[tokio::test]
async fn the_same_script_gives_the_same_bytes() {
    let script = "[{kind: late, ticker: '*', delay: 20m}, {kind: reused, ticker: AAPL, on: 2025-06-16},
        {kind: hole, ticker: AAPL, from: 2025-06-17T15:00:00Z, to: 2025-06-17T16:00:00Z}]";
    let (a, b) = (Clocked::start(script).await, Clocked::start(script).await);
    for target in [minutes("2025-06-17"), days("2025-06-01", "2025-06-18")] {
        let (a, b) = (a.ask("2025-06-18T16:00:00Z", &target).await, b.ask("2025-06-18T16:00:00Z", &target).await);
        assert!(a.body == b.body && !a.rows().is_empty());
    }
}

#[tokio::test]
async fn late_bars_come_after_their_delay() {
    let sim = Clocked::start("[{kind: late, ticker: AAPL, delay: 2h, until: 2025-06-17T23:00:00Z}]").await;
    let all = plain("2025-06-17T20:00:00Z", &minutes("2025-06-17")).await;
    // At 20:00 what ended by 18:00 is there: the answer ends early, without an error.
    let now = "2025-06-17T20:00:00Z";
    assert_eq!(sim.rows(now, &minutes("2025-06-17")).await, before(&all, "2025-06-17T18:00:00Z"));
    let growing = sim.rows(now, &days("2025-06-16", "2025-06-17")).await;
    assert_eq!(growing, plain("2025-06-17T18:00:00Z", &days("2025-06-16", "2025-06-17")).await);
    assert_ne!(growing, plain(now, &days("2025-06-16", "2025-06-17")).await);
    assert_eq!(sim.rows("2025-06-17T22:00:00Z", &minutes("2025-06-17")).await, all);
    // Afterwards the vendor is on time again.
    let end = "2025-06-17T23:00:00Z";
    assert_eq!(sim.rows(end, &minutes("2025-06-17")).await, plain(end, &minutes("2025-06-17")).await);
    let msft = range("MSFT", "1/minute", "2025-06-17", "2025-06-17", 50_000);
    assert_eq!(sim.rows(now, &msft).await, plain(now, &msft).await);
}

#[tokio::test]
async fn sessions_appear_when_they_are_published() {
    let sim =
        Clocked::start("[{kind: late_until, ticker: '*', bars_from: 2025-06-12, published_at: 2025-06-18T10:00:00Z}]")
            .await;
    let (week, hours) = (days("2025-06-09", "2025-06-17"), range("AAPL", "1/hour", "2025-06-09", "2025-06-17", 50_000));
    let early = "2025-06-18T09:59:59Z";
    assert_eq!(sim.rows(early, &week).await.len(), 3);
    assert_eq!(sim.rows(early, &hours).await, before(&plain(early, &hours).await, "2025-06-12T04:00:00Z"));
    let grouped = "/v2/aggs/grouped/locale/us/market/stocks/2025-06-12?adjusted=false";
    assert!(sim.rows(early, grouped).await.is_empty());
    let now = "2025-06-18T10:00:00Z";
    for target in [&week, &hours] {
        assert!(sim.rows(now, target).await == plain(now, target).await);
    }
    assert!(sim.rows(now, grouped).await.len() > 200);
}

#[tokio::test]
async fn holes_are_missing_until_they_are_filled() {
    let sim = Clocked::start(
        "
- {kind: hole, ticker: AAPL, from: 2025-06-12T15:00:00Z, to: 2025-06-12T17:00:00Z, filled_at: 2025-06-15}
- {kind: hole, ticker: AAPL, from: 2025-06-10, to: 2025-06-11}
- {kind: hole, ticker: AAPL, from: 2025-06-13, to: 2025-06-13, family: day, filled_at: 2025-06-16T12:00:00Z}
- {kind: hole, ticker: AAPL, from: 2025-06-16, to: 2025-06-16, family: minute, since: 2025-06-18}",
    )
    .await;
    let missing = async |time: &str, target: &str| {
        let (all, got) = (plain(time, target).await, sim.times(time, target).await);
        let times = all.iter().map(|row| Ts(row["t"].as_i64().unwrap()));
        times.filter(|t| !got.contains(t)).map(|t| t.to_string()).collect::<Vec<_>>()
    };
    let fives = range("AAPL", "5/minute", "2025-06-12", "2025-06-12", 50_000);
    let early = missing("2025-06-15T03:59:59Z", &fives).await;
    assert_eq!((early.len(), early[0].as_str()), (24, "2025-06-12T15:00:00Z"));
    assert!(missing("2025-06-15T04:00:00Z", &fives).await.is_empty());
    // Two hours of a session leave its day bar; two whole sessions are gone in both families, for ever.
    let week = days("2025-06-09", "2025-06-13");
    let dates = async |time| missing(time, &week).await.iter().map(|t| t[8..10].to_owned()).collect::<Vec<_>>();
    assert_eq!(dates("2025-06-15T00:00:00Z").await, ["10", "11", "13"]);
    assert_eq!(dates("2025-06-16T12:00:00Z").await, ["10", "11"]);
    assert_eq!(dates("2025-12-01T12:00:00Z").await, ["10", "11"]);
    assert!(sim.rows("2025-12-01T12:00:00Z", &minutes("2025-06-11")).await.is_empty());
    assert!(missing("2025-06-15T00:00:00Z", &minutes("2025-06-13")).await.is_empty());
    // Bars that were there can vanish.
    assert!(missing("2025-06-18T03:00:00Z", &minutes("2025-06-16")).await.is_empty());
    assert!(sim.rows("2025-06-18T04:00:00Z", &minutes("2025-06-16")).await.is_empty());
    assert!(missing("2025-06-18T04:00:00Z", &days("2025-06-16", "2025-06-16")).await.is_empty());
}

#[tokio::test]
async fn corrections_change_values_at_a_moment() {
    let sim = Clocked::start(
        "
- kind: correction
  ticker: AAPL
  from: 2025-06-12T15:00:00Z
  to: 2025-06-12T15:05:00Z
  at: 2025-06-14T00:00:00Z
  change: {price: 1.5, volume: 3, n: 7}
- {kind: correction, ticker: AAPL, from: 2025-06-13, to: 2025-06-13, at: 2025-06-16, change: {c: 42.5}, family: day}
- {kind: wrong, ticker: AAPL, from: 2025-06-13T15:00:00Z, to: 2025-06-13T15:01:00Z, change: {price: 100, vw: 0},
   until: 2025-06-17T00:00:00Z}",
    )
    .await;
    let five = range("AAPL", "5/minute", "2025-06-12", "2025-06-12", 50_000);
    let (old, new) = (sim.rows("2025-06-13T23:59:59Z", &five).await, sim.rows("2025-06-14T00:00:00Z", &five).await);
    assert_eq!(old, plain("2025-06-14T00:00:00Z", &five).await);
    let differ: Vec<_> = old.iter().zip(&new).filter(|(a, b)| a != b).collect();
    let [(a, b)] = differ.as_slice() else { panic!("one bar: {differ:?}") };
    assert_eq!(a["t"].as_i64(), Some(at("2025-06-12T15:00:00Z").ms()));
    let ratio = |key: &str| b[key].as_f64().unwrap() / a[key].as_f64().unwrap();
    assert!(["o", "h", "l", "c"].iter().all(|key| (ratio(key) - 1.5).abs() < 1e-6), "{a} {b}");
    assert!((ratio("v"), b["n"].as_i64()) == (3.0, Some(35)), "{a} {b}");
    let friday = days("2025-06-13", "2025-06-13");
    assert_ne!(sim.rows("2025-06-15T00:00:00Z", &friday).await[0]["c"], 42.5);
    assert_eq!(sim.rows("2025-06-16T04:00:00Z", &friday).await[0]["c"], 42.5);
    let wrong = sim.rows("2025-06-16T23:59:59Z", &minutes("2025-06-13")).await;
    assert_eq!(wrong.iter().filter(|row| row["vw"] == 0).count(), 1);
    let right = sim.rows("2025-06-17T00:00:00Z", &minutes("2025-06-13")).await;
    assert_eq!(right, plain("2025-06-17T00:00:00Z", &minutes("2025-06-13")).await);
}

#[tokio::test]
async fn bars_of_no_trade_are_served_while_the_event_holds() {
    let sim = Clocked::start(
        "
- {kind: extra, ticker: AAPL, from: 2025-06-12T07:00:00Z, to: 2025-06-12T07:10:00Z, family: minute,
   until: 2025-06-17T00:00:00Z}
- {kind: extra, ticker: AAPL, from: 2025-06-14, to: 2025-06-14, family: day, price: 12.5}",
    )
    .await;
    let now = "2025-06-16T23:59:59Z";
    let fives = range("AAPL", "5/minute", "2025-06-12", "2025-06-12", 50_000);
    let (got, all) = (sim.rows(now, &fives).await, plain(now, &fives).await);
    // 03:00 New York.
    assert_eq!((got.len(), got[0]["t"].as_i64()), (all.len() + 2, Some(at("2025-06-12T07:00:00Z").ms())));
    assert_eq!(got[2..], all);
    let close = &plain(now, &days("2025-06-11", "2025-06-11")).await[0]["c"];
    assert_eq!(&got[0]["c"], close);
    assert_eq!(sim.rows("2025-06-17T00:00:00Z", &fives).await, all);
    let saturday = sim.rows(now, &days("2025-06-13", "2025-06-16")).await;
    assert_eq!((saturday.len(), &saturday[1]["o"]), (3, &Value::from(12.5)));
}

#[tokio::test]
async fn a_halt_stops_a_market() {
    let sim = Clocked::start("[{kind: halt, from: 2025-06-12T15:00:00Z, to: 2025-06-12T17:00:00Z}]").await;
    let now = "2025-06-18T00:00:00Z";
    for ticker in ["AAPL", "MSFT", "SPY"] {
        let target = range(ticker, "1/minute", "2025-06-12", "2025-06-12", 50_000);
        let halt = at("2025-06-12T15:00:00Z").ms()..at("2025-06-12T17:00:00Z").ms();
        let mut left = plain(now, &target).await;
        left.retain(|row| !halt.contains(&row["t"].as_i64().unwrap()));
        let got = sim.rows(now, &target).await;
        assert_eq!(got, left);
        // The day bar is made of what traded.
        let day = &sim.rows(now, &range(ticker, "1/day", "2025-06-12", "2025-06-12", 10)).await[0];
        let volume: f64 = left.iter().map(|row| row["v"].as_f64().unwrap()).sum();
        assert_eq!(day["v"].as_f64(), Some(volume));
    }
    let coin = range("X:BTCUSD", "1/minute", "2025-06-12", "2025-06-12", 50_000);
    assert_eq!(sim.rows(now, &coin).await, plain(now, &coin).await);
}

#[tokio::test]
async fn splits_are_in_the_prices_whatever_is_listed() {
    let sim = Clocked::start(
        "
- {kind: split, ticker: AAPL, date: 2025-06-12, from: 1, to: 4, listed_at: 2025-06-16T12:00:00Z, duplicate: true,
   also_on: 2025-06-13, contradicting: [1, 5]}
- {kind: split, ticker: MSFT, date: 2025-06-12, from: 1, to: 2, in_prices: false}",
    )
    .await;
    let (early, late) = ("2025-06-16T11:59:59Z", "2025-06-16T12:00:00Z");
    let week = days("2025-06-10", "2025-06-13");
    let (all, got) = (plain(early, &week).await, sim.rows(early, &week).await);
    for ((old, new), factor) in all.iter().zip(&got).zip([4.0, 4.0, 1.0, 1.0]) {
        let ratio = new["c"].as_f64().unwrap() / old["c"].as_f64().unwrap();
        assert!((ratio - factor).abs() < 1e-6 && new["v"].as_f64().unwrap() * factor == old["v"].as_f64().unwrap());
    }
    assert_eq!(sim.rows(late, &week).await, got, "a listing changes no raw price");
    let adjusted = week.replace("adjusted=false", "adjusted=true");
    assert_eq!(sim.rows(early, &adjusted).await[0]["c"], got[0]["c"]);
    assert_eq!(sim.rows(late, &adjusted).await[0]["c"], all[0]["c"]);
    let listed = async |time, ticker: &str| {
        let rows = sim.rows(time, &format!("/stocks/v1/splits?ticker={ticker}&execution_date.gte=2025-01-01")).await;
        let text = |row: &Value| format!("{} {}", row["execution_date"].as_str().unwrap(), row["split_to"]);
        rows.iter().map(text).collect::<Vec<_>>()
    };
    assert!(listed(early, "AAPL").await.is_empty());
    assert_eq!(listed(late, "AAPL").await, ["2025-06-13 4", "2025-06-12 5", "2025-06-12 4", "2025-06-12 4"]);
    // Listed, but it never happened.
    let msft = range("MSFT", "1/day", "2025-06-10", "2025-06-13", 10);
    assert_eq!(listed(early, "MSFT").await, ["2025-06-12 2"]);
    assert_eq!(sim.rows(late, &msft).await, plain(late, &msft).await);
}

#[tokio::test]
async fn the_date_header_is_the_vendors_clock() {
    let sim = Clocked::start("[{kind: skew, seconds: -150, since: 2025-06-18T00:00:00Z}]").await;
    let date = async |time| sim.ask(time, &minutes("2025-06-17")).await.header("date").unwrap().to_owned();
    assert_eq!(date("2025-06-17T23:59:59Z").await, "Tue, 17 Jun 2025 23:59:59 GMT");
    assert_eq!(date("2025-06-18T15:02:30Z").await, "Wed, 18 Jun 2025 15:00:00 GMT");
    // Its bars end where its clock is.
    let last = *sim.times("2025-06-18T15:02:30Z", &minutes("2025-06-18")).await.last().unwrap();
    assert_eq!(last.to_string(), "2025-06-18T14:59:00Z");
    let status = sim.ask("2025-06-18T15:02:30Z", "/v1/marketstatus/now").await.json();
    assert_eq!(status["serverTime"], "2025-06-18T11:00:00-04:00");
    let refused = send(&sim.sim, "GET", &minutes("2025-06-17"), "", "").await.unwrap();
    assert_eq!((refused.status, refused.header("date")), (401, Some("Wed, 18 Jun 2025 15:00:00 GMT")));
}

#[tokio::test]
async fn closures_are_announced_and_taken_back() {
    let sim = Clocked::start("[{kind: closure, on: 2025-06-25, since: 2025-06-17, until: 2025-06-18T15:00:00Z}]").await;
    let announced = async |time| {
        let days = sim.ask(time, "/v1/marketstatus/upcoming").await.json();
        let rows = days.as_array().unwrap().iter();
        rows.filter(|row| row["date"] == "2025-06-25" && row["status"] == "closed").count()
    };
    let times = ["2025-06-17T03:59:59Z", "2025-06-17T04:00:00Z", "2025-06-18T14:59:59Z", "2025-06-18T15:00:00Z"];
    let mut rows = Vec::new();
    for time in times {
        rows.push(announced(time).await);
    }
    assert_eq!(rows, [0, 3, 3, 0]);
    assert_eq!(
        sim.rows("2025-06-26T12:00:00Z", &days("2025-06-25", "2025-06-25")).await.len(),
        1,
        "it traded all the same"
    );
}

#[tokio::test]
async fn dates_are_read_in_another_zone() {
    let sim = Clocked::start("[{kind: zone, ticker: '*', offset: '+09:00', until: 2025-06-19}]").await;
    let now = "2025-06-18T15:00:00Z";
    // Of the day before a part belongs to it, of the day itself the end does not.
    let got = sim.times(now, &minutes("2025-06-12")).await;
    assert_eq!((got[0], *got.last().unwrap()), (at("2025-06-11T15:00:00Z"), at("2025-06-12T14:59:00Z")));
    let days: Vec<String> =
        sim.times(now, &days("2025-06-12", "2025-06-12")).await.iter().map(|t| t.ny_date().to_string()).collect();
    assert_eq!(days, ["2025-06-11", "2025-06-12"]);
    let late = "2025-06-20T04:00:00Z";
    assert!(sim.rows(late, &minutes("2025-06-12")).await == plain(late, &minutes("2025-06-12")).await);
}

#[tokio::test]
async fn plans_hold_back_what_is_old_or_new() {
    let sim = Clocked::start(
        "
- {kind: plan, history_days: 30, delay: end_of_day, until: 2025-06-18T15:00:00Z}
- {kind: plan, history_days: 30, older: refused, since: 2025-06-18T15:00:00Z, until: 2025-06-18T16:00:00Z}
- {kind: plan, history_days: 30, older: cut_off, since: 2025-06-18T16:00:00Z}",
    )
    .await;
    let (old, partly, new) =
        (days("2025-01-02", "2025-02-03"), days("2025-01-02", "2025-06-17"), minutes("2025-06-18"));
    let status = async |time, target: &str| sim.ask(time, target).await.status;
    let (seen, refused, cut) = ("2025-06-18T14:59:59Z", "2025-06-18T15:30:00Z", "2025-06-18T16:30:00Z");
    let of = async |time| [status(time, &old).await, status(time, &partly).await, status(time, &new).await];
    assert_eq!(of(seen).await, [403, 200, 403]);
    assert_eq!(of(refused).await, [403, 403, 200]);
    assert_eq!(of(cut).await, [200, 200, 200]);
    assert!(sim.rows(cut, &old).await.is_empty());
    assert_eq!(sim.ask(refused, &partly).await.json()["status"], "NOT_AUTHORIZED");
    for time in [seen, cut] {
        assert_eq!(sim.times(time, &partly).await[0].ny_date().to_string(), "2025-05-19");
    }
    // The history moves with the clock.
    assert_eq!(sim.times("2025-06-20T16:00:00Z", &partly).await[0].ny_date().to_string(), "2025-05-21");
}

/// Recorded bars take events, too.
#[tokio::test]
async fn recordings_are_scripted() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, rows: &[(&str, f64)]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = "t_ms_utc,open,high,low,close,volume\n".to_owned();
        for (time, price) in rows {
            writeln!(text, "{},{price},{price},{price},{price},100", at(time).ms()).unwrap();
        }
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, text.as_bytes()).unwrap();
        std::fs::write(path, gz.finish().unwrap()).unwrap();
    };
    let times = ["2025-06-12T15:00:00Z", "2025-06-12T15:05:00Z", "2025-06-12T15:10:00Z"];
    file("us_5m/OLD.x.csv.gz", &times.map(|time| (time, 10.0)));
    file("us_5m/NEW.x.csv.gz", &times.map(|time| (time, 70.0)));
    file("us_1d/OLD.x.csv.gz", &[("2025-06-11T04:00:00Z", 9.0), ("2025-06-12T04:00:00Z", 10.0)]);
    file("us_1d/NEW.x.csv.gz", &[("2025-06-11T04:00:00Z", 69.0), ("2025-06-12T04:00:00Z", 70.0)]);
    let sim = start(SimConfig { replay: Some(dir.path().to_owned()), ..SimConfig::default() }).await;
    let closes = async |span| {
        let rows = ask(&sim, &range("OLD", span, "2025-06-11", "2025-06-12", 50_000)).await.rows();
        rows.iter().map(|row| row["c"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((closes("5/minute").await, closes("1/day").await), (vec![10.0; 3], vec![9.0, 10.0]));
    let on = "2025-06-12".parse().unwrap();
    let reused = ScriptEvent::Reused { ticker: "OLD".into(), on, company: Some("NEW".into()) };
    let hole = ScriptEvent::hole("OLD", at(times[1]), at(times[2]), None);
    sim.set_script(vec![reused, hole]).unwrap();
    assert_eq!((closes("5/minute").await, closes("1/day").await), (vec![70.0; 2], vec![9.0, 70.0]));
}

#[tokio::test]
async fn scripts_are_set_over_http() {
    let sim = start(SimConfig::default()).await;
    let target = days("2025-06-09", "2025-06-13");
    let script =
        "events: [{kind: delisted, ticker: AAPL, on: 2025-06-11}]\nfaults: [{kind: html_403, path_contains: MSFT}]";
    assert_eq!(control(&sim, "POST", "script", script).await.status, 204);
    assert_eq!(ask(&sim, &target).await.rows().len(), 3);
    assert_eq!(ask(&sim, &target.replace("AAPL", "MSFT")).await.status, 403);
    let got = control(&sim, "GET", "script", "").await;
    // What is read back can be set again.
    assert_eq!(control(&sim, "POST", "script", &got.text()).await.status, 204);
    assert_eq!(got.json()["events"][0]["on"], "2025-06-11");
    let bad = control(&sim, "POST", "script", "[{kind: delisted, ticker: '*', on: 2025-06-11}]").await;
    assert_eq!(
        (bad.status, bad.text().contains("script:1: this happens to one `ticker`")),
        (400, true),
        "{}",
        bad.text()
    );
    assert_eq!(ask(&sim, &target).await.rows().len(), 3, "a bad script leaves the one in force");
    assert_eq!(control(&sim, "DELETE", "script", "").await.status, 204);
    assert_eq!(ask(&sim, &target).await.rows().len(), 5);
    assert_eq!(ask(&sim, &target.replace("AAPL", "MSFT")).await.status, 200);
}
