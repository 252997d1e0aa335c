//! What the integration tests share.
#![allow(dead_code, unused_macros, unused_imports, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helper functions too"
)]
#![allow(clippy::disallowed_methods, reason = "tests are told by the environment where data and databases are")]

pub mod api;
pub mod bench;
pub mod desk;
pub mod http;
pub mod postgres;
pub mod pty;
pub mod recorded;
pub mod rig;
pub mod scripted;

use std::path::{Path, PathBuf};

use bench::Bench;

/// Makes retries and staggered starts quick, so that a failing vendor is given up within a second.
pub fn quick_retries(bench: &Bench) {
    let settings = "vendor:\n  backoff_base: 10ms\n  backoff_cap: 1s\n  read_timeout: 1s\n  total_timeout: 5s\n\
                    backfill:\n  stagger: 20ms\n  group_pause: 30ms\n";
    configure(bench, settings);
}

/// Writes the settings file that this bench's binary finds.
pub fn configure(bench: &Bench, settings: &str) {
    let dir = bench.dir.path().join("config").join("barkeep");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("barkeep.yaml"), settings).unwrap();
}

/// Where the recorded data are; `None`, said aloud, when they are not there and not required.
pub fn test_data(what: &str) -> Option<PathBuf> {
    let named = std::env::var_os("BARKEEP_TEST_DATA").map(PathBuf::from);
    let dir = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if dir.join("real").is_dir() {
        return Some(dir);
    }
    let required = std::env::var_os("BARKEEP_REQUIRE_DATA").is_some_and(|v| v == "1");
    assert!(!required, "{what}: no recorded data in {}", dir.display());
    eprintln!("LEFT OUT: {what} (no {})", dir.display());
    None
}

/// One test on SQLite and the same on PostgreSQL.
macro_rules! on_both {
    ($case:ident, $config:expr) => {
        mod $case {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$case($crate::support::bench::Bench::sqlite($config).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let Some(cluster) = $crate::support::postgres::shared() else { return };
                let name = cluster.create_database().await;
                let database = $crate::support::bench::Database::Postgres(cluster.url(&name));
                super::$case($crate::support::bench::Bench::on($config, database).await).await;
                cluster.drop_database(&name).await;
            }
        }
    };
}
pub(crate) use on_both;

/// The same, with the recorded data; `$config` makes a vendor's configuration from their directory.
macro_rules! on_both_with_data {
    ($case:ident, $config:expr) => {
        mod $case {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                let Some(data) = $crate::support::test_data(stringify!($case)) else { return };
                super::$case($crate::support::bench::Bench::sqlite($config(&data)).await, data).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let Some(data) = $crate::support::test_data(stringify!($case)) else { return };
                let Some(cluster) = $crate::support::postgres::shared() else { return };
                let name = cluster.create_database().await;
                let database = $crate::support::bench::Database::Postgres(cluster.url(&name));
                super::$case($crate::support::bench::Bench::on($config(&data), database).await, data).await;
                cluster.drop_database(&name).await;
            }
        }
    };
}
pub(crate) use on_both_with_data;
