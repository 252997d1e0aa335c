//! `barkeep symbols merge`: symbols that are tracked under two names become one.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::record;
use crate::exit::CliError;
use crate::globals::Session;
use crate::output::{print, print_json};
use barkeep_base::format::{plural, table};
use barkeep_market::Symbol;
use barkeep_market::Ts;
use barkeep_pipeline::names::doubles;
use barkeep_store::{MergedSeries, Store, SymbolRow};

/// One double, and what uniting it moves.
#[derive(Serialize)]
struct Union<'a> {
    double: &'a Symbol,
    kept: &'a Symbol,
    vendor_ticker: &'a str,
    series: Vec<MergedSeries>,
}

/// Shows what would be done, or does it.
pub(super) async fn merge(
    rows: &[SymbolRow],
    apply: bool,
    session: &Session,
    store: &dyn Store,
    now: Ts,
) -> Result<(), CliError> {
    let mut all = Vec::new();
    for (double, kept) in doubles(rows) {
        let series = store.merge_symbol(&double.symbol, &kept.symbol, apply, now).await?;
        if apply {
            record("merge_symbol", format!("{} into {}", double.symbol, kept.symbol), now, store).await?;
        }
        let (double, vendor_ticker) = (&double.symbol, double.vendor_ticker.as_str());
        all.push(Union { double, kept: &kept.symbol, vendor_ticker, series });
    }
    if session.json {
        return print_json(&json!({ "applied": apply, "doubles": all }));
    }
    print(&shown(&all, apply))
}

fn shown(all: &[Union<'_>], applied: bool) -> String {
    if all.is_empty() {
        return "every symbol is tracked under one name; there is nothing to merge\n".to_owned();
    }
    let mut out = String::new();
    for Union { double, kept, vendor_ticker, series } in all {
        let _ = writeln!(out, "{double} is {kept} ({vendor_ticker})");
        let cells = |one: &MergedSeries| {
            [format!("  {}", one.timeframe), one.moved.to_string(), one.equal.to_string(), one.differing.to_string()]
        };
        let cells: Vec<_> = series.iter().map(cells).collect();
        if !cells.is_empty() {
            out.push_str(&table(["  TIMEFRAME", "MOVED", "EQUAL", "DIFFERING"], &cells));
        }
    }
    let symbols = plural(all.len(), "symbol");
    let _ = if applied {
        writeln!(out, "merged {symbols}; the bars that differed are revisions of the kept symbol")
    } else {
        writeln!(
            out,
            "nothing was changed; bars that differ would become revisions of the kept symbol\n\
             to merge {symbols}: barkeep symbols merge --yes"
        )
    };
    out
}
