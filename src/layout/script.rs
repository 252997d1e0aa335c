//! The statements that make tables anew: a new table, all rows of the old one, then views, keys, rights and everything
//! else that the old one had.

use barkeep_market::Ts;

use crate::BY_SERIES;
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
/// With Citus a transaction that deletes bars of several nodes deletes their series as well.
const ORDER_SETTING: &str = "citus.multi_shard_modify_mode";

/// The statements between `BEGIN` and `COMMIT`.
pub(crate) fn rebuild(facts: &Facts, target: Target, now: Ts) -> Vec<Step> {
    let mut steps = Vec::new();
    for (table, of) in &facts.tables {
        let dropped = of.foreign.iter().map(|(name, _)| format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
        steps.extend(dropped.map(Step::quick));
    }
    for (table, of) in &facts.tables {
        steps.extend(make(table, of, target, now));
        let columns = of.columns.join(", ");
        let overriding = if of.numbered.is_some() { " OVERRIDING SYSTEM VALUE" } else { "" };
        steps.push(Step::long(
            format!("copying {table}"),
            format!("INSERT INTO {table} ({columns}){overriding} SELECT {columns} FROM {table}_before"),
        ));
        if let Some((column, _)) = &of.numbered {
            steps.push(Step::quick(format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), last_value, is_called) FROM {table}_before_numbers"
            )));
        }
    }
    if facts.drops_views && !facts.views.is_empty() {
        let names: Vec<&str> = facts.views.iter().map(|view| view.name.as_str()).collect();
        steps.push(Step::quick(format!("DROP VIEW {}", names.join(", "))));
    }
    for view in &facts.views {
        let query = view.query.trim().trim_end_matches(';');
        steps.push(Step::quick(format!("CREATE OR REPLACE VIEW {}{} AS {query}", view.name, view.options)));
        if facts.drops_views {
            steps.extend(view.own.iter().cloned().map(Step::quick));
        }
    }
    for (table, of) in &facts.tables {
        steps.push(Step::quick(format!("DROP TABLE {table}_before")));
        if !matches!(target, Target::Timescale { .. }) {
            steps.extend(of.keys.iter().map(|(name, key)| {
                let (says, key) = (format!("building the primary key of {table}"), key_there(table, key, target));
                let sql = format!("ALTER TABLE {table} ADD CONSTRAINT {name} {key}");
                if key.starts_with("PRIMARY") { Step::long(says, sql) } else { Step::quick(sql) }
            }));
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
    for (table, of) in &facts.tables {
        let added = of.foreign.iter().map(|(name, key)| format!("ALTER TABLE {table} ADD CONSTRAINT {name} {key}"));
        steps.extend(added.map(Step::quick));
    }
    if let Some(database) = &facts.own_database {
        steps.push(Step::quick(match target {
            Target::Plain => format!("ALTER DATABASE {database} RESET {PLAN_SETTING}"),
            _ => format!("ALTER DATABASE {database} SET {PLAN_SETTING} = 'force_custom_plan'"),
        }));
        if matches!(target, Target::Citus { .. }) {
            steps.push(Step::quick(format!("ALTER DATABASE {database} SET {ORDER_SETTING} = 'sequential'")));
        } else if facts.drops_views {
            steps.push(Step::quick(format!("ALTER DATABASE {database} RESET {ORDER_SETTING}")));
        }
    }
    steps
}

/// A key on Citus has the column that rows are distributed by.
fn key_there<'k>(table: &str, key: &'k str, target: Target) -> &'k str {
    match (table, key, target) {
        ("bar_revisions", "PRIMARY KEY (id)", Target::Citus { .. }) => "PRIMARY KEY (series_id, id)",
        ("bar_revisions", "PRIMARY KEY (series_id, id)", Target::Plain) => "PRIMARY KEY (id)",
        _ => key,
    }
}

fn key(table: &str) -> String {
    format!("ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (series_id, ts)")
}

/// The old table steps aside, and the new one is made empty.
fn make(table: &str, of: &TableFacts, target: Target, now: Ts) -> Vec<Step> {
    let like = format!(
        "CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS INCLUDING IDENTITY)"
    );
    let settings = if of.settings.is_empty() { String::new() } else { format!(" WITH ({})", of.settings.join(", ")) };
    let mut steps = vec![Step::quick(format!("ALTER TABLE {table} RENAME TO {table}_before"))];
    if let Some((_, sequence)) = &of.numbered {
        steps.push(Step::quick(format!("ALTER SEQUENCE {sequence} RENAME TO {table}_before_numbers")));
    }
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
        Target::Citus { shards } => {
            steps.push(Step::quick(format!("{like}{settings}")));
            let first = BY_SERIES[0];
            steps.push(Step::quick(if !BY_SERIES.contains(&table) {
                format!("SELECT create_reference_table('{table}')")
            } else if table == first {
                format!(
                    "SELECT create_distributed_table('{table}', 'series_id', colocate_with => 'none', shard_count => {shards})"
                )
            } else {
                format!("SELECT create_distributed_table('{table}', 'series_id', colocate_with => '{first}')")
            }));
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
