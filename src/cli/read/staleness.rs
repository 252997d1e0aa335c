//! `barkeep staleness`: how stale every series is, and which ones are past their RPO.

use std::fmt::Write as _;

use clap::Args;

use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::{print, print_json};
use crate::render;
use barkeep_base::clock::{Clock, SystemClock};
use barkeep_base::format::{plural, rough, table};
use barkeep_base::ts::SECOND;
use barkeep_config::Loaded;
use barkeep_monitor::freshness_report::{SeriesAge, StalenessReport};
use barkeep_monitor::snapshot::FreshnessContext;

/// Show how stale every series is, stalest first, and which ones are past their RPO
#[derive(Args, Clone, Debug)]
pub struct StalenessArgs {
    /// Series to show per tier; the counts include all series
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub limit: u32,
}

pub(crate) fn run(args: &StalenessArgs, globals: &Globals) -> Result<(), CliError> {
    let session = globals.start()?;
    block_on(async {
        let store = session.open_store(true).await?;
        let calendar = barkeep_pipeline::calendar(store.as_ref()).await?;
        let Loaded { settings, policy, .. } = &session.loaded;
        let context = FreshnessContext { calendar: &calendar, settings, policy };
        let limit = args.limit as usize;
        let now = SystemClock.now();
        let report = StalenessReport::read(store.as_ref(), context, limit, now).await?;
        store.close().await;
        if session.json { print_json(&report) } else { print(&text(&report)) }
    })
}

fn text(report: &StalenessReport) -> String {
    let mut out = String::new();
    let s = &report.summary;
    let _ = writeln!(out, "{}  at {}", plural(report.total, "series"), report.generated_at);
    let _ = writeln!(
        out,
        "fresh {}  aging {}  stale {}  missing {}  unknown {}{}",
        s.fresh_count,
        s.aging_count,
        s.stale_count,
        s.missing_count,
        s.unknown_count,
        render::outside(s.loading_count, s.ended_count)
    );
    out.push_str(&render::doubts(report.holes));
    for rpo in &report.rpo {
        let allowed = i64::try_from(rpo.acceptable_staleness_seconds).unwrap_or(i64::MAX);
        let allowed = rough(allowed.saturating_mul(SECOND));
        let _ = writeln!(
            out,
            "{:<9} {} of {} past the RPO of {allowed}, {} without data",
            rpo.criticality, rpo.breached, rpo.series, rpo.without_data
        );
    }
    let by = &report.by_status;
    let all = [&by.stale, &by.aging, &by.missing, &by.unknown, &by.loading, &by.fresh, &by.ended].into_iter().flatten();
    let rows: Vec<_> = all.map(cells).collect();
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table(["SYMBOL", "TF", "RPO", "STATUS", "BEHIND", "NEWEST BAR", "CHECKED UNTIL", "NOTE"], &rows));
    }
    out
}

fn cells(row: &SeriesAge) -> [String; 8] {
    let time = |t: Option<barkeep_market::Ts>| t.map_or_else(|| "-".to_owned(), |t| t.to_string());
    let notes = [(row.breached, "breach"), (row.paused, "paused"), (!row.tracked, "not tracked")];
    let mut notes: Vec<&str> = notes.into_iter().filter(|(applies, _)| *applies).map(|(_, word)| word).collect();
    let doubts = render::doubt_words(row.holes);
    notes.extend(doubts.iter().map(String::as_str));
    [
        row.symbol.to_string(),
        row.timeframe.to_string(),
        row.criticality.to_string(),
        row.status.to_string(),
        row.staleness_seconds.map_or_else(|| "-".to_owned(), |s| rough(s * SECOND)),
        time(row.newest_bar),
        time(row.answered_until),
        notes.join(", "),
    ]
}
