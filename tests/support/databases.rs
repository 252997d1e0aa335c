//! One test, every database: each case becomes a `sqlite`, a `postgres` and a `citus` test. What a machine lacks is ignored, as
//! `build.rs` found it.

/// One test on SQLite and the same on PostgreSQL, plain and with Citus.
macro_rules! on_both {
    ($case:ident, $config:expr) => {
        mod $case {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$case($crate::support::bench::Bench::sqlite($config).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[cfg_attr(
                without_postgres,
                ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL"
            )]
            async fn postgres() {
                let cluster = $crate::support::postgres::shared();
                let name = cluster.create_database().await;
                let database = $crate::support::bench::Database::Postgres(cluster.url(&name));
                super::$case($crate::support::bench::Bench::on($config, database).await).await;
                cluster.drop_database(&name).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[cfg_attr(without_citus, ignore = "needs Citus: set BARKEEP_TEST_CITUS_URL")]
            async fn citus() {
                let cluster = $crate::support::postgres::citus();
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
            #[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
            async fn sqlite() {
                let data = $crate::support::recorded::dir();
                super::$case($crate::support::bench::Bench::sqlite($config(&data)).await, data).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
            #[cfg_attr(
                all(without_postgres, not(without_data)),
                ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL"
            )]
            async fn postgres() {
                let data = $crate::support::recorded::dir();
                let cluster = $crate::support::postgres::shared();
                let name = cluster.create_database().await;
                let database = $crate::support::bench::Database::Postgres(cluster.url(&name));
                super::$case($crate::support::bench::Bench::on($config(&data), database).await, data).await;
                cluster.drop_database(&name).await;
            }
        }
    };
}
pub(crate) use on_both_with_data;
