//! What must hold between the tables, asked of the database row by row.

use serde::Serialize;

use super::Upkeep;
use crate::Result;
use crate::conn::{Sql, statements};
use crate::field::collect;
use barkeep_base::format::plural;
use barkeep_market::{Symbol, Timeframe, Ts};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// The pages of the file can be read.
    Pages,
    /// A series knows how many bars it has, the first and the last.
    Counts,
    /// Features belong to a bar.
    FeaturesHaveBars,
    /// Features are there up to where they are said to be.
    BarsHaveFeatures,
    /// Where there is a bar, the vendor has answered.
    BarsAreCovered,
    /// The answers of a series do not overlap.
    CoverageIsOrdered,
    /// Low, open, close and high are in order and positive.
    BarsArePossible,
    /// A bar starts where its timeframe has a bar.
    BarsOnGrid,
    /// Every row belongs to something that exists.
    NoOrphans,
    /// `feature_freshness` counts the features there are.
    Freshness,
    /// A session is stored where it is said to be, when the symbol trades in each.
    Sessions,
}

/// Something that does not hold, for one series or for none in particular.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckFinding {
    pub invariant: Invariant,
    pub symbol: Option<Symbol>,
    pub timeframe: Option<Timeframe>,
    pub what: String,
    /// How many rows are concerned.
    pub rows: i64,
    pub first: Option<Ts>,
    pub last: Option<Ts>,
}

/// Ends a statement over single rows `r` that break something: one row a series.
macro_rules! by_series {
    () => {
        " GROUP BY s.symbol, s.timeframe ORDER BY s.symbol, s.timeframe"
    };
}

/// Bars `b` of series `s` that break something, by series.
macro_rules! found {
    ($condition:expr) => {
        concat!(
            "SELECT s.symbol, s.timeframe, COUNT(*), MIN(b.ts), MAX(b.ts) FROM bars AS b JOIN series AS s
                 ON s.id = b.series_id WHERE ",
            $condition,
            by_series!()
        )
    };
}

/// Whether the start `$ms` of a bar is none of its timeframe. Days of the exchange start at 00:00 in New York.
/// Not `CASE s.timeframe WHEN`: of that, in a `DELETE`, Citus makes another statement, which fails.
macro_rules! off_grid {
    ($ms:literal) => {
        concat!(
            "CASE WHEN s.timeframe = '1m' THEN ",
            $ms,
            " % 60000 <> 0 WHEN s.timeframe = '5m' THEN ",
            $ms,
            " % 300000 <> 0
                 WHEN s.timeframe = '15m' THEN ",
            $ms,
            " % 900000 <> 0 WHEN s.timeframe = '30m' THEN ",
            $ms,
            " % 1800000 <> 0
                 WHEN s.timeframe = '1h' THEN ",
            $ms,
            " % 3600000 <> 0 WHEN s.timeframe = '4h' THEN ",
            $ms,
            " % 14400000 <> 0
                 ELSE CASE WHEN (SELECT y.asset_class FROM symbols AS y WHERE y.symbol = s.symbol) = 'crypto'
                     THEN ",
            $ms,
            " % 86400000 <> 0
                     ELSE ",
            $ms,
            " % 86400000 NOT IN (14400000, 18000000, -72000000, -68400000) END END"
        )
    };
}
pub(super) use off_grid;

/// What an operator accepted is his.
macro_rules! impossible {
    () => {
        "(b.low <= 0 OR b.high < b.low OR b.open > b.high OR b.open < b.low OR b.close > b.high OR b.close < b.low
             OR b.volume < 0)
             AND NOT EXISTS (SELECT 1 FROM bar_quarantine AS q WHERE q.series_id = b.series_id AND q.ts = b.ts
                 AND q.status = 'accepted')"
    };
}
pub(super) use impossible;

macro_rules! without_features {
    ($of_bar:expr, $key:expr) => {
        concat!(
            "SELECT s.symbol, s.timeframe, COUNT(*), MIN(b.ts), MAX(b.ts) FROM bars AS b JOIN series AS s
                 ON s.id = b.series_id JOIN feature_progress AS p ON p.series_id = b.series_id
             LEFT JOIN feature_values AS f ON ",
            $of_bar,
            " WHERE ",
            $key,
            " IS NULL
                 AND (p.stale_from IS NULL OR b.ts < p.stale_from)
                 AND NOT EXISTS (SELECT 1 FROM feature_computation_failures AS e
                     WHERE e.symbol = s.symbol AND e.timeframe = s.timeframe AND NOT e.resolved)",
            by_series!()
        )
    };
}

macro_rules! orphans {
    ($features:expr) => {
        concat!(
            "SELECT what, CAST(NULL AS TEXT), n, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT) FROM (
             SELECT 'bars' AS what, COUNT(*) AS n FROM bars WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'bar_revisions', COUNT(*) FROM bar_revisions
                 WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'bar_quarantine', COUNT(*) FROM bar_quarantine
                 WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'coverage', COUNT(*) FROM coverage WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'profiles', COUNT(*) FROM profiles WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'features', COUNT(*) FROM ",
            $features,
            " NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'feature_progress', COUNT(*) FROM feature_progress
                 WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'feature_states', COUNT(*) FROM feature_states
                 WHERE series_id NOT IN (SELECT id FROM series)
             UNION ALL SELECT 'series', COUNT(*) FROM series WHERE symbol NOT IN (SELECT symbol FROM symbols)
             UNION ALL SELECT 'symbol_computation_status', COUNT(*) FROM symbol_computation_status
                 WHERE execution_id NOT IN (SELECT execution_id FROM scheduler_execution_log)
             UNION ALL SELECT 'feature_freshness', COUNT(*) FROM feature_freshness
                 WHERE symbol NOT IN (SELECT symbol FROM symbols)) AS found
         WHERE n > 0"
        )
    };
}

statements! {
    /// Columns of each: symbol, timeframe, rows concerned, first, last.
    COUNTS = Sql::same(
        "SELECT s.symbol, s.timeframe, COALESCE(b.n, 0) - s.bar_count, b.first_ts, b.last_ts
         FROM series AS s LEFT JOIN (SELECT series_id, COUNT(*) AS n, MIN(ts) AS first_ts, MAX(ts) AS last_ts
             FROM bars GROUP BY series_id) AS b ON b.series_id = s.id
         WHERE s.bar_count <> COALESCE(b.n, 0) OR s.first_ts IS DISTINCT FROM b.first_ts
             OR s.last_ts IS DISTINCT FROM b.last_ts
         ORDER BY s.symbol, s.timeframe");
    FEATURES_WITHOUT_BARS = Sql::same(concat!(
        "SELECT s.symbol, s.timeframe, COUNT(*), MIN(f.ts), MAX(f.ts) FROM features AS f JOIN series AS s
             ON s.id = f.series_id LEFT JOIN bars AS b ON b.series_id = f.series_id AND b.ts = f.ts
         WHERE b.ts IS NULL", by_series!()));
    /// Features that are yet to be computed are none that are lost, and a series that fails has its own note.
    BARS_WITHOUT_FEATURES = Sql::two(
        without_features!("f.id = b.series_id * 549755813888 + b.ts / 1000 + 62135596800", "f.id"),
        without_features!("f.series_id = b.series_id AND f.ts = b.ts", "f.ts"));
    /// A provisional bar is requested again, so nothing vouches for it yet.
    UNCOVERED = Sql::same(concat!(
        "SELECT s.symbol, s.timeframe, COUNT(*), MIN(b.ts), MAX(b.ts) FROM bars AS b JOIN series AS s
             ON s.id = b.series_id
         WHERE NOT b.provisional AND COALESCE((SELECT c.end_ts FROM coverage AS c WHERE c.series_id = b.series_id AND c.start_ts <= b.ts
             ORDER BY c.start_ts DESC LIMIT 1) <= b.ts, TRUE)", by_series!()));
    OVERLAPS = Sql::same(concat!(
        "SELECT s.symbol, s.timeframe, COUNT(*), MIN(c.start_ts), MAX(c.end_ts) FROM coverage AS c JOIN series AS s
             ON s.id = c.series_id
         WHERE EXISTS (SELECT 1 FROM coverage AS n WHERE n.series_id = c.series_id AND n.start_ts > c.start_ts
             AND n.start_ts < c.end_ts)", by_series!()));
    IMPOSSIBLE = Sql::same(found!(impossible!()));
    OFF_GRID = Sql::two(
        found!(off_grid!("b.ts")), found!(off_grid!("CAST(EXTRACT(EPOCH FROM b.ts) * 1000 AS BIGINT)")));
    ORPHANS = Sql::two(
        orphans!("feature_values WHERE id / 549755813888"), orphans!("feature_values WHERE series_id"));
    FRESHNESS = Sql::same(
        "SELECT s.symbol, s.timeframe, COALESCE(c.n, 0) - f.data_point_count, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)
         FROM feature_freshness AS f JOIN series AS s ON s.symbol = f.symbol AND s.timeframe = f.timeframe
         JOIN feature_progress AS p ON p.series_id = s.id AND p.stale_from IS NULL
         LEFT JOIN (SELECT series_id, COUNT(*) AS n FROM features GROUP BY series_id) AS c ON c.series_id = p.series_id
         WHERE f.data_point_count <> COALESCE(c.n, 0)
         ORDER BY s.symbol, s.timeframe");
}

/// What is asked, what is counted, and how a finding reads; `{}` stands for the count.
const QUESTIONS: [(Invariant, Sql, &str, &str); 8] = [
    (
        Invariant::Counts,
        COUNTS,
        "bar",
        "the bar count kept for the series is off by {}, or its first or last bar is wrong",
    ),
    (Invariant::FeaturesHaveBars, FEATURES_WITHOUT_BARS, "bar", "{} missing although their features are stored"),
    (Invariant::BarsHaveFeatures, BARS_WITHOUT_FEATURES, "bar", "{} without features, although they count as computed"),
    (Invariant::BarsAreCovered, UNCOVERED, "bar", "{} outside the coverage"),
    (Invariant::CoverageIsOrdered, OVERLAPS, "interval", "{} of coverage overlapping the next"),
    (Invariant::BarsArePossible, IMPOSSIBLE, "bar", "{} with impossible values"),
    (Invariant::BarsOnGrid, OFF_GRID, "bar", "{} off the grid of the timeframe"),
    (Invariant::Freshness, FRESHNESS, "feature", "feature_freshness is off by {}"),
];

impl Upkeep {
    /// Everything that does not hold. Each invariant is one statement over whole tables; `begun` hears which is asked.
    ///
    /// # Errors
    /// When the database cannot be read. What is damaged is a finding.
    pub async fn findings(&mut self, mut begun: impl FnMut(Invariant) + Send) -> Result<Vec<CheckFinding>> {
        let mut all = Vec::new();
        for (invariant, sql, noun, text) in QUESTIONS {
            begun(invariant);
            let rows = match self.conn().rows(sql, &[]).await {
                Ok(rows) => rows,
                Err(crate::StoreError::Unusable(why)) => {
                    all.push(CheckFinding::of_database(Invariant::Pages, why));
                    continue;
                }
                Err(error) => return Err(error),
            };
            all.extend(collect(&rows, |f| {
                let (symbol, timeframe, rows): (Symbol, Timeframe, i64) = (f.next()?, f.next()?, f.next()?);
                let (first, last) = match invariant {
                    Invariant::Freshness => (None, None),
                    _ => (f.next()?, f.next()?),
                };
                let what = text.replace("{}", &plural(rows.unsigned_abs(), noun));
                let (symbol, timeframe) = (Some(symbol), Some(timeframe));
                Ok(CheckFinding { invariant, symbol, timeframe, what, rows: rows.abs(), first, last })
            })?);
        }
        begun(Invariant::NoOrphans);
        let orphans = collect(&self.conn().rows(ORPHANS, &[]).await?, |f| {
            let (table, _, rows) = (f.next::<String>()?, f.next::<Option<String>>()?, f.next::<i64>()?);
            let what = format!("{} of {table} without a series or execution", plural(rows, "row"));
            Ok(CheckFinding { rows, ..CheckFinding::of_database(Invariant::NoOrphans, what) })
        })?;
        all.extend(orphans);
        Ok(all)
    }
}

impl CheckFinding {
    /// One that is about no series in particular.
    #[must_use]
    pub const fn of_database(invariant: Invariant, what: String) -> Self {
        Self { invariant, symbol: None, timeframe: None, what, rows: 1, first: None, last: None }
    }
}
