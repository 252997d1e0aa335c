//! `barkeep explain`: why a series is stale.

use std::fmt::Write as _;

use clap::Args;

use crate::args::symbol;
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use barkeep_base::clock::{Moment, SystemClock};
use barkeep_base::format::rough;
use barkeep_base::text::{printable, sentence as whole};
use barkeep_base::ts::SECOND;
use barkeep_config::Loaded;
use barkeep_market::{Symbol, Timeframe};
use barkeep_monitor::explain::{self, Blocker, Explanation};
use barkeep_monitor::snapshot::FreshnessContext;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_pipeline::names;

/// Explain why a series is stale: the time since its newest bar, split by cause
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Symbol
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbol: Symbol,

    /// Timeframe [default: all timeframes of the symbol]
    #[arg(value_name = "TF")]
    pub timeframe: Option<Timeframe>,
}

pub(crate) fn run(args: &ExplainArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
        let Loaded { settings, policy, .. } = &session.loaded;
        let context = FreshnessContext { calendar: &calendar, settings, policy };
        let now = Moment::now(&SystemClock);
        let index = SeriesIndex::read(store.as_ref(), now.at).await?;
        let symbol = names::find(&index.symbols, &args.symbol).map_or(&args.symbol, |row| &row.symbol);
        let all = explain::explain(store.as_ref(), &index, context, symbol, args.timeframe, now).await;
        store.close().await;
        let all = all.map_err(|e| {
            CliError::from(e).usage_hint("`barkeep symbols list` shows the symbols and their timeframes")
        })?;
        if session.json { print_json(&all) } else { print(&all.iter().map(text).collect::<String>()) }
    })
}

fn text(e: &Explanation) -> String {
    let mut out = String::new();
    let behind = e.staleness_seconds.map_or_else(String::new, |s| format!(", {} behind", rough(s * SECOND)));
    let limit = i64::try_from(e.acceptable_staleness_seconds).unwrap_or(i64::MAX);
    let breach = if e.breached { "; BREACHED" } else { "" };
    let _ = writeln!(
        out,
        "{} {}  {}{behind}  ({} allows {}{breach})",
        e.symbol,
        e.timeframe,
        e.status,
        e.criticality,
        rough(limit.saturating_mul(SECOND))
    );
    for sentence in e.sentences() {
        let _ = writeln!(out, "  {}", whole(&sentence));
    }
    let _ = writeln!(out, "  expected  {}", e.expected);
    let stored = e.stored.map_or_else(|| "no bar".to_owned(), |bar| bar.to_string());
    let _ = writeln!(out, "  stored    {stored}");
    if let Some(until) = e.answered_until {
        let _ = writeln!(out, "  checked   until {until}");
    }
    let _ = writeln!(out, "  reason    {}", describe(&e.blocker));
    let Some(split) = &e.split else { return out };
    for share in &split.causes {
        let percent = share.ms as f64 * 100.0 / split.age_ms.max(1) as f64;
        let stale = if share.stale_ms == share.ms {
            ""
        } else if share.stale_ms == 0 {
            ", not stale"
        } else {
            ", partly stale"
        };
        let _ = writeln!(out, "  {:>9}  {percent:5.1} %  {}{stale}", rough(share.ms), describe(&share.blocker));
    }
    let _ = writeln!(out, "  {:>9}  in total, {} of it stale", rough(split.age_ms), rough(split.staleness_ms));
    out
}

fn describe(blocker: &Blocker) -> String {
    let mut out = blocker.cause.words().to_owned();
    if let Some(by) = &blocker.by {
        let _ = write!(out, " by {}", printable(by));
    }
    if let Some(since) = blocker.since {
        let _ = write!(out, " since {}", since.floor(SECOND));
    }
    if let Some(detail) = &blocker.detail {
        let _ = write!(out, " ({})", printable(detail));
    }
    out
}
