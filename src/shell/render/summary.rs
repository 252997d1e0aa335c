//! What a run did, in words.

use std::fmt::Write as _;

use super::*;

/// The result of a run as text.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    let status = summary.status.name().replace('_', " ");
    let _ = writeln!(out, "{status} in {}", hms(summary.duration_seconds));
    let _ = writeln!(
        out,
        "  requests  {} ({} retries, {} rate-limited; lower bound {})",
        count(summary.requests),
        count(summary.retries),
        count(summary.rate_limited),
        count(summary.requests_needed)
    );
    let _ = writeln!(
        out,
        "  bars      {} written, {} unchanged, {} quarantined",
        count(summary.bars_written),
        count(summary.bars_unchanged),
        count(summary.quarantined)
    );
    let failed = match summary.features_failed {
        0 => String::new(),
        n => format!(", {n} series failed (see the log)"),
    };
    let _ = writeln!(out, "  features  {} written{failed}", count(summary.features_written));
    out.push_str(&changes(summary));
    let complete = summary.series_total - summary.series_failed.min(summary.series_total);
    let _ = writeln!(
        out,
        "  series    {complete} of {} answered, {} left{}",
        summary.series_total,
        plural(summary.gaps_left, "gap"),
        missing(&summary.doubts)
    );
    for begins in &summary.plan_starts {
        let market = if begins.continuous { " for crypto" } else { "" };
        let _ = writeln!(out, "  your plan starts at {}{market}; older history is not included", begins.starts_on);
    }
    for open in summary.unfinished.iter().take(MOST_LINES) {
        let _ = writeln!(
            out,
            "    {:<14} {}: {}",
            format!("{} {}", open.symbol, open.timeframe),
            plural(open.gaps, "gap"),
            open.reason
        );
    }
    let rest = summary.unfinished.len().saturating_sub(MOST_LINES);
    if rest > 0 {
        let _ = writeln!(out, "    … and {rest} more (--json shows all)");
    }
    for note in &summary.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    if summary.gaps_left > 0 {
        out.push_str("  run the same command again to fetch what is still missing\n");
    }
    if summary.quarantined > 0 {
        out.push_str("  review quarantined bars: barkeep quarantine list\n");
    }
    out
}

/// What came late and what changed; nothing when neither.
fn changes(summary: &Summary) -> String {
    let mut out = String::new();
    if summary.bars_late > 0 {
        let _ = writeln!(
            out,
            "  late      {} arrived after the vendor had answered without {}",
            plural(summary.bars_late, "bar"),
            if summary.bars_late == 1 { "it" } else { "them" }
        );
    }
    let restated = &summary.restated;
    if summary.bars_changed > 0 {
        let by = match (restated.mean_close_change_pct, restated.largest_change_pct) {
            (Some(mean), Some(most)) => format!(": close by {} on average, {} at most", percent(mean), percent(most)),
            _ => String::new(),
        };
        let _ = writeln!(out, "  changed   {} changed{by}", plural(summary.bars_changed, "bar"));
    } else if let Some(compared) = restated.bars_compared {
        let _ = writeln!(out, "  changed   none of {}", plural(compared, "compared bar"));
    }
    if let Some(vanished) = restated.bars_vanished.filter(|n| *n > 0) {
        let verb = if vanished == 1 { "is" } else { "are" };
        let _ =
            writeln!(out, "            {} {verb} no longer sent; nothing was deleted", plural(vanished, "stored bar"));
    }
    out
}

/// Two digits are enough, and none is lost of a small one.
fn percent(value: f64) -> String {
    match value {
        _ if value > 0.0 && value < 0.01 => "less than 0.01 %".to_owned(),
        _ if value < 0.1 => format!("{value:.2} %"),
        _ => format!("{value:.1} %"),
    }
}

/// What the vendor has not sent though it should have, as the end of a line.
fn missing(doubts: &Doubts) -> String {
    let mut parts = Vec::new();
    let sessions = &doubts.missing_sessions;
    if !sessions.is_empty() {
        parts.push(format!("{} missing at the vendor ({})", plural(sessions.len(), "session"), named(sessions)));
    } else if doubts.suspect + doubts.vendor_holes > 0 {
        parts.push(format!("{} at the vendor", plural(doubts.suspect + doubts.vendor_holes, "hole")));
    }
    let counted = [(doubts.late, "late"), (doubts.halted, "halted"), (doubts.unjudged, "not judged yet")];
    parts.extend(counted.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", plural(*n, "range"))));
    if parts.is_empty() { String::new() } else { format!(", {}", parts.join(", ")) }
}

/// `SPY 23 Nov, 24 Nov`; the first few.
fn named(sessions: &[MissingSession]) -> String {
    let mut out = String::new();
    let mut symbol = None;
    for one in sessions.iter().take(MOST_SESSIONS) {
        let date = one.date.format("%-d %b");
        if symbol == Some(&one.symbol) {
            let _ = write!(out, ", {date}");
        } else {
            let separator = if out.is_empty() { "" } else { "; " };
            let _ = write!(out, "{separator}{} {date}", one.symbol);
        }
        symbol = Some(&one.symbol);
    }
    let rest = sessions.len().saturating_sub(MOST_SESSIONS);
    if rest > 0 {
        let _ = write!(out, " and {rest} more");
    }
    out
}
