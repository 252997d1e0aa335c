//! Several writers in one process: the same rows and totals as with one, and the same end when one of them fails.

use sqlx::{Connection as _, Executor as _};

use super::{bench, drop_database};
use crate::support::bench::configure;
use barkeep::sim::SimConfig;

const RUN: [&str; 9] =
    ["AAPL", "MSFT", "SPY", "--timeframes", "1m,5m,1h,1d", "--from", "2024-03-01", "--to", "2024-03-28"];

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn four_writers_store_what_one_does() {
    let mut ends = Vec::new();
    for writers in [1, 4] {
        let (bench, name) = bench(SimConfig::default()).await;
        configure(
            &bench,
            &format!("database:\n  connections: 8\n  writers: {writers}\nvendor:\n  rate_limit: unlimited\n"),
        );
        let (code, summary) = bench.backfill(&RUN).await;
        assert_eq!(code, 0, "{summary}");
        let figures = ["requests", "bars_written", "gaps_left"].map(|key| summary[key].as_u64());
        let features = bench.count("SELECT count(*) FROM features").await;
        let statuses = bench.count("SELECT sum(records_inserted)::bigint FROM symbol_computation_status").await;
        ends.push((figures, bench.stored().await, features, statuses));
        drop_database(&name).await;
    }
    assert!(ends[0].1.len() > 10_000, "{}", ends[0].1.len());
    assert_eq!((ends[0].0, ends[0].2, ends[0].3), (ends[1].0, ends[1].2, ends[1].3));
    assert!(ends[0].1 == ends[1].1, "the rows differ");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_writer_that_fails_ends_the_run() {
    let mut codes = Vec::new();
    for writers in [1, 4] {
        let (bench, name) = bench(SimConfig::default()).await;
        configure(
            &bench,
            &format!("database:\n  connections: 8\n  writers: {writers}\nvendor:\n  rate_limit: unlimited\n"),
        );
        bench.run(&["symbols", "add", "AAPL", "MSFT", "SPY"]).await;
        let mut raw = sqlx::PgConnection::connect(&bench.database.url()).await.unwrap();
        raw.execute("ALTER TABLE bars ADD CONSTRAINT broken CHECK (close < 0)").await.unwrap();
        let (code, summary) = bench.backfill(&RUN).await;
        codes.push(code);
        assert_ne!(code, 0, "{summary}");
        assert_eq!(bench.count("SELECT count(*) FROM bars").await, 0);
        raw.close().await.unwrap();
        drop_database(&name).await;
    }
    assert_eq!(codes[0], codes[1]);
}
