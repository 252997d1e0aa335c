//! The statements that make the large tables anew: a new table, all rows of the old one, then views, key, rights and
//! everything else that the old one had.

use barkeep_market::Ts;

use crate::facts::{Facts, TableFacts};
use crate::kind::{Partitions, Target};

/// One statement, and what a person hears before it when it may take long.
pub(crate) struct Step {
    pub(crate) says: Option<String>,
    pub(crate) sql: String,
}

impl Step {
    pub(crate) fn quick(sql: impl Into<String>) -> Self {
        Self { says: None, sql: sql.into() }
    }

    pub(crate) fn long(says: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { says: Some(says.into()), sql: sql.into() }
    }
}

/// The first year with a partition of its own; the vendor's history begins in it.
const FIRST_YEAR: i32 = 2003;
/// Years ahead that have one from the beginning. A writer that opens the database makes more.
const YEARS_AHEAD: i32 = 5;

/// Plans are made for the values that are asked for: then only the partitions are looked at that hold them.
const PLAN_SETTING: &str = "plan_cache_mode";

/// The statements between `BEGIN` and `COMMIT`.
pub(crate) fn rebuild(facts: &Facts, target: Target, now: Ts) -> Vec<Step> {
    let mut steps = Vec::new();
    for (table, of) in &facts.tables {
        steps.extend(make(table, of, target, now));
        let columns = of.columns.join(", ");
        steps.push(Step::long(
            format!("copying {table}"),
            format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}_before"),
        ));
    }
    steps.extend(facts.views.iter().map(|view| {
        let query = view.query.trim().trim_end_matches(';');
        Step::quick(format!("CREATE OR REPLACE VIEW {}{} AS {query}", view.name, view.options))
    }));
    for (table, of) in &facts.tables {
        steps.push(Step::quick(format!("DROP TABLE {table}_before")));
        if !matches!(target, Target::Timescale { .. }) {
            steps.push(Step::long(format!("building the primary key of {table}"), key(table)));
        }
        steps.extend(of.indexes.iter().map(|index| Step::long("building an index", index.clone())));
        steps.extend(of.grants.iter().map(|grant| Step::quick(grant.clone())));
        if let Target::Timescale { compress_after_days: Some(days), .. } = target {
            steps.push(Step::quick(format!(
                "ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'ts')"
            )));
            steps.push(Step::quick(format!("SELECT add_compression_policy('{table}', INTERVAL '{days} days')")));
        }
        steps.push(Step::long(format!("analyzing {table}"), format!("ANALYZE {table}")));
    }
    if let Some(database) = &facts.own_database {
        steps.push(Step::quick(match target {
            Target::Plain => format!("ALTER DATABASE {database} RESET {PLAN_SETTING}"),
            _ => format!("ALTER DATABASE {database} SET {PLAN_SETTING} = 'force_custom_plan'"),
        }));
    }
    steps
}

fn key(table: &str) -> String {
    format!("ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (series_id, ts)")
}

/// The old table steps aside, and the new one is made empty.
fn make(table: &str, of: &TableFacts, target: Target, now: Ts) -> Vec<Step> {
    let like = format!(
        "CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS)"
    );
    let settings = if of.settings.is_empty() { String::new() } else { format!(" WITH ({})", of.settings.join(", ")) };
    let mut steps = vec![Step::quick(format!("ALTER TABLE {table} RENAME TO {table}_before"))];
    let mut parts = Vec::new();
    let mut part = |name: String, values: String| {
        parts.push(format!("CREATE TABLE {name} PARTITION OF {table} {values}{settings}"));
    };
    match target {
        Target::Partitions(Partitions::Hash(n)) => {
            (0..n).for_each(|k| part(format!("{table}_{k}"), format!("FOR VALUES WITH (MODULUS {n}, REMAINDER {k})")));
            steps.push(Step::quick(format!("{like} PARTITION BY HASH (series_id)")));
        }
        Target::Partitions(Partitions::Years) => {
            let last = year_of(now) + YEARS_AHEAD;
            part(format!("{table}_early"), format!("FOR VALUES FROM (MINVALUE) TO ('{}')", first_of(FIRST_YEAR)));
            for year in FIRST_YEAR..=last {
                let (from, to) = (first_of(year), first_of(year + 1));
                part(format!("{table}_{year}"), format!("FOR VALUES FROM ('{from}') TO ('{to}')"));
            }
            part(format!("{table}_later"), "DEFAULT".to_owned());
            steps.push(Step::quick(format!("{like} PARTITION BY RANGE (ts)")));
        }
        Target::Timescale { chunk_days, .. } => {
            steps.push(Step::quick(format!(
                "ALTER TABLE {table}_before RENAME CONSTRAINT {table}_pkey TO {table}_before_pkey"
            )));
            steps.push(Step::quick(format!("{like}{settings}")));
            steps.push(Step::quick(key(table)));
            steps.push(Step::quick(format!(
                "SELECT create_hypertable('{table}', 'ts', chunk_time_interval => INTERVAL '{chunk_days} days', create_default_indexes => false)"
            )));
        }
        Target::Plain => steps.push(Step::quick(format!("{like}{settings}"))),
    }
    steps.extend(parts.iter().cloned().map(Step::quick));
    if let Some(owner) = &of.owner {
        steps.push(Step::quick(format!("ALTER TABLE {table} OWNER TO {owner}")));
        let names = parts.iter().filter_map(|sql| sql.split_whitespace().nth(2));
        steps.extend(names.map(|name| Step::quick(format!("ALTER TABLE {name} OWNER TO {owner}"))));
    }
    steps
}

fn first_of(year: i32) -> String {
    format!("{year:04}-01-01 00:00:00+00")
}

fn year_of(now: Ts) -> i32 {
    use chrono::Datelike as _;
    now.to_utc().year()
}
