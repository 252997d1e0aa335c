//! `barkeep status`: all series, how fresh they are, and how much of the limit is used.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::admin::symbols::find;
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::lists::{Names, flat, known_names};
use crate::output::{print, print_json};
use crate::render;
use crate::service::connect::{START, Served, of_database};
use barkeep_base::clock::{Moment, SystemClock};
use barkeep_config::Loaded;
use barkeep_market::{Symbol, Timeframe};
use barkeep_monitor::snapshot::{FreshnessContext, Snapshot};
use barkeep_pipeline::backfill::gaps;
use barkeep_service::instance::RunningService;
use barkeep_service::radar;

/// With more series shown than this their gaps are not counted: that takes all of their coverage, and a glance at fifty
/// thousand series must stay one.
const MOST_COUNTED: usize = 5_000;

/// Show all series: how fresh they are and how many bars they have
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Only these symbols, @FILE or - for a list [default: all]
    #[arg(value_name = "SYMBOL", value_parser = known_names)]
    pub symbols: Vec<Names>,
}

pub(crate) fn run(args: &StatusArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let known = store.symbols().await?;
        let asked = flat(&args.symbols);
        let named = asked.iter().map(|symbol| Ok(find(&known, symbol)?.symbol.clone()));
        let named = named.collect::<Result<Vec<Symbol>, CliError>>()?;
        let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
        let now = Moment::now(&SystemClock);
        let Loaded { settings, policy, .. } = &session.loaded;
        let context = FreshnessContext { calendar: &calendar, settings, policy };
        let mut snapshot = Snapshot::read(store.as_ref(), context, now).await?;
        let data = Arc::make_mut(&mut snapshot.data);
        let shown = |symbol: &Symbol| named.is_empty() || named.contains(symbol);
        data.series.retain(|row| shown(&row.symbol));
        if data.series.len() <= MOST_COUNTED {
            let rows: Vec<_> = known.into_iter().filter(|row| shown(&row.symbol)).collect();
            let gaps = gaps(store.as_ref(), &calendar, settings, &rows, now.at).await?;
            for row in &mut data.series {
                row.gaps = gaps.get(&(row.symbol.clone(), row.timeframe)).copied();
            }
        }
        let daily = data.series.iter().filter(|row| row.timeframe == Timeframe::D1 && row.tracked && !row.paused);
        let checked = radar::period(&settings.backfill, settings.vendor.rate_limit, daily.count());
        store.close().await;
        let service = of_database(settings);
        if session.json {
            let service = match service {
                Served::By(RunningService { holder, url }) => Some(json!({ "holder": holder, "url": url })),
                Served::ByNobody => Some(serde_json::Value::Null),
                Served::Unknown => None,
            };
            return print_json(&Status { schema: 1, snapshot: &snapshot, service });
        }
        let none_runs =
            matches!(service, Served::ByNobody).then(|| format!("no service runs on this database; {START}\n"));
        print(&(render::snapshot(&snapshot, checked) + &none_runs.unwrap_or_default()))
    })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Status<'a> {
    schema: u32,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
    /// `{holder, url}`; `null` when none runs, absent for PostgreSQL, where that cannot be told from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<serde_json::Value>,
}
