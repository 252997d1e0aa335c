//! Targets and drills as tables.

use std::fmt::Write as _;

use super::definition::Definition;
use super::outcome::{DrillOutcome, DrillReport};

/// The targets as text.
#[must_use]
pub fn definition_text(all: &Definition) -> String {
    let mut out = String::new();
    let file = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or_else(|| "built-in defaults".to_owned(), |p| p.display().to_string())
    };
    let _ = writeln!(out, "settings {}, policy {}", file(&all.settings_file), file(&all.policy_file));

    out.push_str("\nRTO: how long a failure may last\n");
    let rows = all.rto_by_failure_type.iter();
    let rows = rows.map(|r| [r.failure.to_owned(), span(r.target_seconds), r.recovery.clone(), r.source.clone()]);
    table(&mut out, ["FAILURE", "TARGET", "RECOVERY", "SOURCE"], rows);

    out.push_str("\nRPO: how old data may become\n");
    let rows = all.rpo_by_symbol_criticality.iter().map(|r| {
        let symbols: Vec<&str> = r.symbols.iter().map(barkeep_market::Symbol::as_str).collect();
        let symbols = if symbols.is_empty() { "all others".to_owned() } else { symbols.join(" ") };
        let age = span(r.acceptable_staleness_seconds);
        [r.criticality.name().to_owned(), age, span(r.refresh_every_seconds), symbols, r.source.clone()]
    });
    table(&mut out, ["TIER", "AGE", "EVERY", "SYMBOLS", "SOURCE"], rows);

    out.push_str("\nStaleness\n");
    let rows = all.staleness_thresholds.iter().map(|r| {
        let until = r.until_seconds.map_or_else(|| "-".to_owned(), span);
        let alert = r.alert.map_or("-", barkeep_config::policy::Severity::name);
        [r.tier.to_owned(), until, alert.to_owned(), r.action.clone(), r.source.clone()]
    });
    table(&mut out, ["TIER", "UNTIL", "ALERT", "ACTION", "SOURCE"], rows);

    out.push_str("\nAlerts\n");
    let rows = all.monitoring_thresholds.iter().map(|r| {
        let when = match (r.after_seconds, r.above_percent) {
            (Some(after), _) => format!("after {}", span(after)),
            (None, Some(percent)) => format!("above {percent} %"),
            (None, None) => "-".to_owned(),
        };
        [r.condition.to_owned(), when, r.severity.name().to_owned(), r.source.clone()]
    });
    table(&mut out, ["CONDITION", "WHEN", "SEVERITY", "SOURCE"], rows);

    out.push_str("\nSettings of recovery\n");
    let rows = all.recovery.iter().map(|r| {
        let value = match &r.value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        [r.name.to_owned(), value, r.source.clone()]
    });
    table(&mut out, ["SETTING", "VALUE", "SOURCE"], rows);
    out
}

/// The results as text.
#[must_use]
pub fn drill_text(all: &DrillReport) -> String {
    let mut out = format!("drills on {}\n\n", all.environment);
    let rows = all.outcomes.iter().map(|o| {
        let measured = o.measured_seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.2} s"));
        [o.failure.name().to_owned(), span(o.target_seconds), measured, verdict(o).to_owned()]
    });
    table(&mut out, ["FAILURE", "TARGET", "MEASURED", "MET"], rows);
    for outcome in &all.outcomes {
        let _ = writeln!(out, "\n{}", outcome.failure.name());
        for line in &outcome.evidence {
            let _ = writeln!(out, "  {line}");
        }
    }
    let untried = all.outcomes.iter().filter(|o| o.met.is_none()).count();
    if untried > 0 {
        let _ = writeln!(out, "\n{untried} of {} not tried", all.outcomes.len());
    }
    out
}

const fn verdict(outcome: &DrillOutcome) -> &'static str {
    match outcome.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not tried",
    }
}

/// `90 s`, `5 min`, `4 h`: the largest unit that goes without a remainder.
fn span(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let fits = units.into_iter().find(|(size, _)| seconds >= *size && seconds % size == 0.0);
    fits.map_or_else(|| format!("{seconds} s"), |(size, unit)| format!("{} {unit}", seconds / size))
}

/// Rows under a heading, indented.
fn table<const N: usize>(out: &mut String, heading: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    for line in barkeep_base::format::table(heading, &rows.collect::<Vec<_>>()).lines() {
        let _ = writeln!(out, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rto_rpo::FailureType;
    use barkeep_market::Ts;

    #[test]
    fn spans_read_well() {
        for (seconds, text) in [(1.0, "1 s"), (0.6, "0.6 s"), (30.0, "30 s"), (90.0, "90 s"), (300.0, "5 min")] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!((span(3_600.0), span(86_400.0)), ("1 h".to_owned(), "1 d".to_owned()));
    }

    #[test]
    fn what_was_not_tried_is_not_passed() {
        let outcome = |met| DrillOutcome {
            failure: FailureType::SchedulerCrash,
            target_seconds: 1.0,
            measured_seconds: None,
            met,
            evidence: vec!["why".to_owned()],
        };
        let outcomes = vec![outcome(None), outcome(Some(false))];
        let text =
            drill_text(&DrillReport { generated_at: Ts(0), version: "", environment: "", outcomes, passed: false });
        assert!(text.contains("not tried") && text.contains("NO") && text.contains("1 of 2 not tried"), "{text}");
        assert!(!text.contains("yes"), "{text}");
    }
}
