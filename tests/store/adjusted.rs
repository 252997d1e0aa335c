//! Prices in today's terms: dividends, factors, the hours of the exchange, and the view that people read.

use barkeep::market::calendar::Override;
use barkeep::market::dividend::PriceFactors;
use barkeep::market::split::Split;
use barkeep::market::testing;
use barkeep::market::ts::{HOUR, MINUTE};
use barkeep::market::{AssetClass, Bar, Calendar, Timeframe, Ts};
use barkeep::store::{Dialect, HolidayRow, SeriesId, StoredBar, SymbolRow, open};
use chrono::NaiveDate;

use crate::database::{Db, Raw};
use crate::sample::{T0, bar, commit, dividend, sym, symbol_row, write};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn midnight(day: &str) -> Ts {
    AssetClass::Stock.midnight(date(day))
}

/// A level bar: one price, and so many shares.
fn level(ts: Ts, price: f64, volume: f64) -> StoredBar {
    let bar_of = Bar { volume, vwap: Some(price), ..testing::bar(ts, price) };
    StoredBar { bar: bar_of, ..bar(0, price) }
}

async fn series(db: &Db, name: &str, timeframe: Timeframe) -> SeriesId {
    db.store.put_symbols(&[symbol_row(name, &[timeframe])]).await.unwrap();
    let all = db.store.series().await.unwrap();
    all.iter().find(|s| s.symbol == sym(name) && s.timeframe == timeframe).unwrap().id
}

async fn split(db: &Db, name: &str, day: &str, to: f64) {
    let row = Split { date: date(day), from: 1.0, to };
    db.store.put_splits(&[(sym(name), vec![row.into()])], Ts(T0)).await.unwrap();
}

/// A time as text in both dialects.
fn ms(db: &Db, column: &str) -> String {
    match db.dialect().unwrap() {
        Dialect::Sqlite => format!("CAST({column} AS TEXT)"),
        Dialect::Postgres => format!("CAST(CAST(extract(epoch FROM {column}) * 1000 AS BIGINT) AS TEXT)"),
    }
}

pub async fn dividends_are_kept_by_symbol(db: &Db) {
    let store = &db.store;
    let (spring, summer) = (dividend(date("2024-05-10"), 0.25), dividend(date("2024-08-12"), 0.25));
    let both = [(sym("AAPL"), vec![summer.clone(), spring.clone(), spring.clone()]), (sym("B"), vec![])];
    store.put_dividends(&both, Ts(T0)).await.unwrap();
    assert_eq!(store.dividends(&sym("AAPL")).await.unwrap(), [spring.clone(), summer.clone()]);
    assert_eq!(store.dividends_fetched_at().await.unwrap(), [(sym("AAPL"), Ts(T0)), (sym("B"), Ts(T0))]);
    assert_eq!(store.ex_dates(date("2024-06-01")).await.unwrap(), [(sym("AAPL"), summer.ex_date)]);
    store.put_dividends(&[(sym("AAPL"), vec![summer.clone()])], Ts(T0 + 5)).await.unwrap();
    assert_eq!(store.dividends(&sym("AAPL")).await.unwrap(), std::slice::from_ref(&summer));
    assert_eq!(store.dividends_fetched_at().await.unwrap()[0].1, Ts(T0 + 5));
    let nothing = barkeep::market::dividend::Dividend { cash_amount: 0.0, ..summer.clone() };
    assert!(store.put_dividends(&[(sym("AAPL"), vec![nothing])], Ts(T0)).await.is_err());
    assert_eq!(store.dividends(&sym("AAPL")).await.unwrap(), [summer]);
}

pub async fn factors_follow_splits_dividends_and_closes(db: &Db) {
    let store = &db.store;
    let days = series(db, "AAPL", Timeframe::D1).await;
    let foreign = barkeep::market::dividend::Dividend {
        currency: Some("CAD".into()),
        id: "other".into(),
        ..dividend(date("2024-05-10"), 9.0)
    };
    let rows = vec![dividend(date("2024-05-10"), 1.0), foreign];
    store.put_dividends(&[(sym("AAPL"), rows)], Ts(T0)).await.unwrap();
    let at = midnight("2024-05-10");
    let none = PriceFactors { at, split_from: 1.0, split_to: 1.0, dividend: 1.0 };
    assert_eq!(store.price_factors(&sym("AAPL")).await.unwrap(), [none], "no close is known");

    let marks = store.series_marks(&[days]).await.unwrap();
    commit(db, write(days, vec![level(midnight("2024-05-09"), 100.0, 1.0), level(at, 90.0, 1.0)])).await;
    store.refresh_price_factors(&[sym("AAPL")]).await.unwrap();
    assert_eq!(store.price_factors(&sym("AAPL")).await.unwrap(), [PriceFactors { dividend: 0.99, ..none }]);
    assert_ne!(store.series_marks(&[days]).await.unwrap(), marks);

    split(db, "AAPL", "2024-06-10", 4.0).await;
    let later = PriceFactors { at: midnight("2024-06-10"), split_from: 1.0, split_to: 4.0, dividend: 0.99 };
    assert_eq!(store.price_factors(&sym("AAPL")).await.unwrap(), [PriceFactors { dividend: 0.99, ..none }, later]);
}

pub async fn the_view_is_in_todays_terms(db: &Db) {
    let id = series(db, "AAPL", Timeframe::D1).await;
    let days = ["2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"];
    let prices = [(400.0, 100.0), (404.0, 100.0), (101.0, 400.0), (100.0, 400.0)];
    let bars = days.iter().zip(prices).map(|(day, (price, volume))| level(midnight(day), price, volume)).collect();
    commit(db, write(id, bars)).await;
    split(db, "AAPL", "2020-08-31", 4.0).await;
    db.store.put_dividends(&[(sym("AAPL"), vec![dividend(date("2020-09-01"), 1.01)])], Ts(T0)).await.unwrap();

    let mut raw = db.raw().await;
    let rows = raw
        .texts(
            "SELECT CAST(session_date AS TEXT) || ' ' || session || ' ' || CAST(ROUND(CAST(close AS NUMERIC), 2) AS TEXT)
                 || ' ' || CAST(ROUND(CAST(volume AS NUMERIC), 0) AS TEXT)
                 || ' ' || CAST(ROUND(CAST(split_factor AS NUMERIC), 2) AS TEXT)
                 || ' ' || CAST(ROUND(CAST(close_total_return AS NUMERIC), 2) AS TEXT)
             FROM market_data_adjusted WHERE symbol = 'AAPL' AND timeframe = '1d' ORDER BY time",
        )
        .await;
    let plain = |row: &String| {
        let numbers = |w: &str| w.parse::<f64>().map_or_else(|_| w.to_owned(), |x| x.to_string());
        row.split(' ').map(numbers).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        rows.iter().map(plain).collect::<Vec<_>>(),
        [
            "2020-08-27 regular 100 400 0.25 99",
            "2020-08-28 regular 101 400 0.25 99.99",
            "2020-08-31 regular 101 400 1 99.99",
            "2020-09-01 regular 100 400 1 100",
        ]
    );
    // The same columns as the raw view has, and some more.
    let columns = "SELECT COUNT(*) FROM market_data AS r JOIN market_data_adjusted AS a
         USING (symbol, timeframe, time, quality_score) WHERE r.sma_20 IS NULL AND a.sma_20 IS NULL";
    assert_eq!(raw.int(columns).await, 4);
}

/// SQLite knows no types of expressions, and `DuckDB` takes what has none for bytes.
pub async fn columns_of_the_view_have_types(db: &Db) {
    let mut raw = db.raw().await;
    let sql = match db.dialect().unwrap() {
        Dialect::Sqlite => "SELECT name || ' ' || type FROM pragma_table_info('market_data_adjusted')",
        Dialect::Postgres => {
            "SELECT column_name || ' ' || CASE data_type WHEN 'double precision' THEN 'REAL' WHEN 'text' THEN 'TEXT'
                 WHEN 'bigint' THEN 'INTEGER' ELSE data_type END
             FROM information_schema.columns WHERE table_name = 'market_data_adjusted' ORDER BY ordinal_position"
        }
    };
    let columns = raw.texts(sql).await;
    let typed =
        |name: &str, kind: &str| assert!(columns.contains(&format!("{name} {kind}")), "{name} {kind}: {columns:?}");
    for name in ["open", "high", "low", "close", "volume", "vwap", "split_factor", "close_total_return", "sma_20"] {
        typed(name, "REAL");
    }
    typed("session", "TEXT");
    typed("session_date", if db.dialect() == Some(Dialect::Sqlite) { "TEXT" } else { "date" });
    typed("trades", "INTEGER");
}

pub async fn a_week_with_a_split_is_made_of_its_days(db: &Db) {
    let id = series(db, "AAPL", Timeframe::W1).await;
    let sunday = midnight("2020-08-30");
    let mixed = Bar { open: 404.0, high: 404.0, low: 100.0, close: 100.0, ..level(sunday, 100.0, 500.0).bar };
    commit(db, write(id, vec![StoredBar { bar: mixed, ..level(sunday, 1.0, 1.0) }])).await;
    // Wednesday.
    split(db, "AAPL", "2020-09-02", 4.0).await;
    let days = Bar { open: 404.0, high: 408.0, low: 400.0, close: 400.0, volume: 200.0, ..mixed };
    db.store.put_split_weeks(id, &[days]).await.unwrap();
    let mut raw = db.raw().await;
    let right =
        "SELECT COUNT(*) FROM market_data_adjusted WHERE open = 101 AND high = 102 AND low = 100 AND close = 100
         AND volume = 800 AND split_factor = 0.25 AND CAST(session_date AS TEXT) = '2020-08-31'";
    assert_eq!(raw.int(right).await, 1);
    db.store.put_split_weeks(id, &[]).await.unwrap();
    assert_eq!(raw.int(right).await, 0);
}

/// A rule that changes in the code needs a migration: the table was written by one.
pub async fn the_table_of_sessions_is_the_calendar(db: &Db) {
    let mut raw = db.raw().await;
    let columns = ["pre_ts", "open_ts", "close_ts", "end_ts"].map(|c| ms(db, c)).join(" || ' ' || ");
    let table =
        raw.texts(&format!("SELECT CAST(date AS TEXT) || ' ' || {columns} FROM market_sessions ORDER BY date")).await;
    let line = |s: &barkeep::market::Session| {
        let eight = s.extended_open + 16 * HOUR;
        let times = [s.extended_open, s.open, s.close, eight].map(|t| t.ms().to_string());
        format!("{} {}", s.date, times.join(" "))
    };
    let sessions = Calendar::new().sessions(date("2003-01-01"), date("2040-12-31"));
    let wanted: Vec<String> = sessions.iter().map(line).collect();
    let differing = table.iter().zip(&wanted).find(|(a, b)| a != b);
    assert!(differing.is_none(), "{differing:?}");
    assert_eq!(table.len(), wanted.len());
}

pub async fn every_minute_belongs_to_the_session_the_calendar_says(db: &Db) {
    let stock = series(db, "AAPL", Timeframe::M1).await;
    let coin = SymbolRow { asset_class: AssetClass::Crypto, ..symbol_row("BTC", &[Timeframe::M1]) };
    db.store.put_symbols(&[coin]).await.unwrap();
    let coin = db.store.series().await.unwrap().into_iter().find(|s| s.symbol == sym("BTC")).unwrap().id;
    // Two years, and every minute beside a change of clocks, an early close and a long weekend.
    let (from, to) = (midnight("2024-01-01"), midnight("2026-01-01"));
    let mut stamps: Vec<Ts> = (0..(to - from) / (53 * MINUTE)).map(|n| from + n * 53 * MINUTE).collect();
    for day in
        ["2024-03-10", "2024-03-11", "2024-11-03", "2024-11-04", "2024-11-29", "2025-03-09", "2025-11-02", "2025-07-03"]
    {
        stamps.extend((0..25 * 60).map(|n| midnight(day) + n * MINUTE));
    }
    stamps.sort_unstable();
    stamps.dedup();
    for of in [stock, coin] {
        commit(db, write(of, stamps.iter().map(|t| level(*t, 1.0, 1.0)).collect())).await;
    }

    let calendar = Calendar::new().with_nights_from(Some(Ts(0)));
    let said = |t: Ts| {
        if let Some(s) = calendar.session(t.ny_date()).filter(|s| s.extended().contains(t)) {
            let part = if t < s.open {
                "pre"
            } else if t < s.close {
                "regular"
            } else {
                "post"
            };
            return Some((part, s.date));
        }
        calendar.night_before(t).map(|s| ("overnight", s.date))
    };
    let mut raw = db.raw().await;
    let time = ms(db, "time");
    let sql = |symbol: &str| {
        format!(
            "SELECT {time} || ' ' || session || ' ' || CAST(session_date AS TEXT) FROM market_data_adjusted
             WHERE symbol = '{symbol}' AND timeframe = '1m' ORDER BY time"
        )
    };
    let rows = raw.texts(&sql("AAPL")).await;
    assert_eq!(rows.len(), stamps.len());
    let (mut judged, mut nights, mut post_of_short_days) = (0, 0, 0);
    for (row, t) in rows.iter().zip(&stamps) {
        let Some((part, day)) = said(*t) else {
            // Weekends, and the evening of a short day.
            let short = calendar.session(t.ny_date()).filter(|s| s.early_close && *t >= s.extended_close);
            if short.is_some_and(|s| *t < s.extended_open + 16 * HOUR) {
                assert_eq!(*row, format!("{} post {}", t.ms(), t.ny_date()));
                post_of_short_days += 1;
            }
            continue;
        };
        assert_eq!(*row, format!("{} {part} {day}", t.ms()));
        judged += 1;
        nights += usize::from(part == "overnight");
    }
    assert!(judged > 12_000 && nights > 4_000 && post_of_short_days > 300, "{judged} {nights} {post_of_short_days}");

    let rows = raw.texts(&sql("BTC")).await;
    let all = rows.iter().zip(&stamps).all(|(row, t)| *row == format!("{} regular {}", t.ms(), t.utc_date()));
    assert!(all && rows.len() == stamps.len());
}

pub async fn an_announcement_changes_its_day(db: &Db) {
    let id = series(db, "AAPL", Timeframe::M1).await;
    let days = ["2025-02-05", "2025-02-06"];
    let noon = days.map(|day| midnight(day) + 15 * HOUR);
    commit(db, write(id, noon.iter().map(|t| level(*t, 1.0, 1.0)).collect())).await;
    let mut raw = db.raw().await;
    let sql = "SELECT session || ' ' || CAST(session_date AS TEXT) FROM market_data_adjusted ORDER BY time";
    assert_eq!(raw.texts(sql).await, ["regular 2025-02-05", "regular 2025-02-06"]);
    let row = |day: &str, close| HolidayRow { date: date(day), close, name: "?".into(), fetched_at: Ts(T0) };
    let early = midnight("2025-02-06") + 13 * HOUR;
    db.store.put_holidays(&[row(days[0], None), row(days[1], Some(early))]).await.unwrap();
    assert_eq!(raw.texts(sql).await, ["overnight 2025-02-06", "post 2025-02-06"]);
    // Given back to the rules.
    let close = Calendar::new().session(date(days[0])).unwrap().close;
    db.store.put_holidays(&[row(days[0], Some(close))]).await.unwrap();
    assert_eq!(raw.texts(sql).await, ["regular 2025-02-05", "post 2025-02-06"]);
    let told = Calendar::new().with_override(date(days[1]), Override::EarlyClose(early));
    assert_eq!(told.session(date(days[1])).unwrap().close, early);
}

pub async fn one_series_is_read_by_its_key(db: &Db) {
    let mut raw = db.raw().await;
    let partitioned = db.dialect() == Some(Dialect::Postgres)
        && raw.int("SELECT COUNT(*) FROM pg_partitioned_table WHERE partrelid = 'bars'::regclass").await > 0;
    // A partition in which each bar is wanted is read whole.
    let others: Vec<String> = (0..if partitioned { 40 } else { 0 }).map(|n| format!("S{n}")).collect();
    for name in ["AAPL", "MSFT", "KO"].into_iter().chain(others.iter().map(String::as_str)) {
        let id = series(db, name, Timeframe::M1).await;
        let from = midnight("2024-01-02");
        let bars = (0..if partitioned { 1_000 } else { 5_000 }).map(|n| level(from + n * MINUTE, 1.0, 1.0)).collect();
        commit(db, write(id, bars)).await;
        split(db, name, "2024-01-03", 2.0).await;
    }
    let select = "SELECT * FROM market_data_adjusted WHERE symbol = 'AAPL' AND timeframe = '1m'";
    let (explain, looked, walked) = match db.dialect().unwrap() {
        Dialect::Sqlite => (format!("EXPLAIN QUERY PLAN {select}"), "SEARCH b USING PRIMARY KEY", "SCAN"),
        Dialect::Postgres if partitioned => {
            (format!("EXPLAIN {select}"), "Cond: (series_id = s.id)", "Seq Scan on bars")
        }
        Dialect::Postgres => (format!("EXPLAIN {select}"), "bars_pkey", "Seq Scan on bars"),
    };
    let plan = match &mut raw {
        Raw::Sqlite(c) => {
            use sqlx::{Executor, Row};
            let rows = c.fetch_all(sqlx::AssertSqlSafe(explain)).await.unwrap();
            rows.iter().map(|r| r.get::<String, _>(3)).collect()
        }
        Raw::Postgres(_) => {
            raw.run("ANALYZE").await.unwrap();
            raw.texts(&explain).await
        }
    };
    let plan: Vec<String> = plan;
    // A compressed chunk has no key to look at: a series lies together in it.
    if plan.iter().any(|line| line.contains("ColumnarScan")) {
        return;
    }
    assert!(plan.iter().any(|line| line.contains(looked)), "{plan:#?}");
    // The partition of a year without bars is known to be empty.
    // `t` is the row that holds the time.
    let is_free = |line: &str| line.contains("CONSTANT") || line == "SCAN t" || line.contains("(cost=0.00..0.00 ");
    assert!(!plan.iter().any(|line| line.contains(walked) && !is_free(line)), "{plan:#?}");
}

pub async fn an_older_database_gets_the_view_with_its_splits(db: &Db) {
    let id = series(db, "AAPL", Timeframe::D1).await;
    commit(db, write(id, vec![level(midnight("2014-06-06"), 700.0, 1.0), level(midnight("2020-08-28"), 400.0, 1.0)]))
        .await;
    let two = [("2014-06-09", 7.0), ("2020-08-31", 4.0)].map(|(d, to)| Split { date: date(d), from: 1.0, to }.into());
    db.store.put_splits(&[(sym("AAPL"), two.to_vec())], Ts(T0)).await.unwrap();
    let closed = HolidayRow { date: date("2026-12-15"), close: None, name: "?".into(), fetched_at: Ts(T0) };
    db.store.put_holidays(&[closed]).await.unwrap();
    let factors = db.store.price_factors(&sym("AAPL")).await.unwrap();
    db.store.close().await;
    // As it was before the step that made it.
    let mut raw = db.raw().await;
    raw.run("DROP VIEW market_data_adjusted").await.unwrap();
    for table in ["dividends", "dividends_checked", "price_factors", "split_weeks", "market_sessions"] {
        raw.run(&format!("DROP TABLE {table}")).await.unwrap();
    }
    raw.run("DELETE FROM _sqlx_migrations WHERE version = 10").await.unwrap();
    drop(raw);

    let again = open(db.url(), false).await.unwrap();
    assert_eq!(again.price_factors(&sym("AAPL")).await.unwrap(), factors);
    assert_eq!(factors.len(), 2);
    let mut raw = db.raw().await;
    assert_eq!(raw.int("SELECT COUNT(*) FROM market_data_adjusted WHERE close IN (25, 100)").await, 2);
    assert_eq!(raw.int("SELECT COUNT(*) FROM market_sessions WHERE CAST(date AS TEXT) = '2026-12-15'").await, 0);
    assert_eq!(raw.int("SELECT COUNT(*) FROM market_sessions WHERE CAST(date AS TEXT) LIKE '2026-12-%'").await, 21);
    again.close().await;
}
