//! What stays on the terminal after the dashboard is gone: a few plain lines.

use std::fmt::Write as _;

use crate::draw::format::{count, plural, span};
use barkeep_market::Ts;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::Snapshot;

/// What was done since the start of the process, and how things app.
#[must_use]
pub fn farewell(snap: &Snapshot, now: Ts) -> String {
    let mut out = String::new();
    if let Some(process) = &snap.live.process {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "barkeep ran for {}: {}, {}, {} bars written",
            span(now - process.started_at),
            plural(process.executions_begun, "execution"),
            plural(process.requests_made, "request"),
            count(process.bars_written),
        );
    }
    let tiers = Tier::ALL
        .iter()
        .filter(|tier| snap.data.tiers.of(**tier) > 0)
        .map(|tier| format!("{} {tier}", count(snap.data.tiers.of(*tier))))
        .collect::<Vec<_>>()
        .join(", ");
    let breached: usize = snap.data.rpo.iter().map(|rpo| rpo.breached).sum();
    let late =
        if breached > 0 { format!("; {} later than allowed", plural(breached, "series")) } else { String::new() };
    let _ = writeln!(out, "{}: {tiers}{late}", plural(snap.data.series_total, "series"));
    let open = snap.data.open_alerts();
    if open > 0 {
        let _ = writeln!(out, "{} open", plural(open, "alert"));
    }
    out
}
