//! The dashboard without a screen: one line for each thing that changes, for screen readers, pipes and logs.
//!
//! Nothing is overwritten, nothing blinks, nothing but text. What the overview shows is printed once and then whenever it
//! changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::run::Ended;
use super::view::phrase;
use crate::draw::format::{clock, count, percent, plural, span};
use crate::terminal::signals::SignalEvent;
use barkeep_market::freshness::Tier;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{Console, Link};
use barkeep_service::handle::EngineState;
use barkeep_service::progress::ItemState;

/// Progress is reported in quarters.
const STEPS: u32 = 4;

/// What has been reported, so that nothing is reported twice.
#[derive(Debug, Default)]
pub struct PlainReporter {
    state: Option<(EngineState, Option<String>)>,
    tiers: String,
    alerts: Option<BTreeSet<i64>>,
    runs: BTreeMap<Uuid, u32>,
    failed: BTreeSet<u64>,
    quarantine: usize,
    link: bool,
}

impl PlainReporter {
    /// The lines about what is new in a snapshot.
    pub fn lines(&mut self, snap: &Snapshot, link: &Link) -> Vec<String> {
        let mut lines = Vec::new();
        let mut report = |text: String| lines.push(format!("{} {text}", clock(snap.live.at)));
        let lost = matches!(link, Link::Lost { .. });
        if lost != self.link {
            match link {
                Link::Lost { url, error, .. } => report(format!("connection to {url} lost: {error}")),
                _ => report("connection is back".to_owned()),
            }
            self.link = lost;
        }
        let live = &snap.live;
        let reason = live.reason.clone().or_else(|| live.key_refused.clone());
        let by = live.paused.as_ref().map(|pause| format!(" by {}", pause.by)).unwrap_or_default();
        let state = (live.state, reason.clone());
        if self.state.as_ref() != Some(&state) {
            let why = reason.map(|why| format!(": {why}")).unwrap_or_default();
            report(format!("engine {}{by}{why}", live.state.name()));
            self.state = Some(state);
        }
        self.runs(snap, &mut report);
        self.alerts(snap, &mut report);
        if snap.data.quarantine_pending != self.quarantine {
            self.quarantine = snap.data.quarantine_pending;
            report(format!("quarantine: {} to review", plural(self.quarantine, "bar")));
        }
        let tiers = tiers(snap);
        if tiers != self.tiers && (self.tiers.is_empty() || live.runs.is_empty()) {
            report(format!("series: {tiers}"));
            self.tiers = tiers;
        }
        lines
    }

    fn runs(&mut self, snap: &Snapshot, report: &mut impl FnMut(String)) {
        for run in &snap.live.runs {
            let id = phrase::id(run.execution_id);
            let progress = phrase::progress(run);
            let step = (progress * f64::from(STEPS)) as u32;
            match self.runs.insert(run.execution_id, step) {
                None => report(format!(
                    "execution {id} started by {}: {}, at least {}",
                    run.trigger.name(),
                    plural(run.requests_planned, "request"),
                    count(run.lower_bound)
                )),
                Some(before) if before < step => report(format!(
                    "execution {id} {}: {} of {} requests, {} bars",
                    percent(progress).trim(),
                    count(run.requests_answered),
                    count(run.requests_planned),
                    count(run.rows)
                )),
                Some(_) => {}
            }
            for item in &run.items {
                if let ItemState::Failed { reason } = &item.state
                    && self.failed.insert(item.number)
                {
                    report(format!("{} failed: {reason}", item.label));
                }
            }
        }
        let running: BTreeSet<Uuid> = snap.live.runs.iter().map(|run| run.execution_id).collect();
        let ended = |row: &&_| -> bool {
            let row: &barkeep_runtime::console::Execution = row;
            row.completed_at.is_some() && self.runs.contains_key(&row.execution_id)
        };
        let over: Vec<_> = snap.data.executions.iter().filter(ended).collect();
        for row in over {
            if running.contains(&row.execution_id) {
                continue;
            }
            self.runs.remove(&row.execution_id);
            let took = row.duration_seconds.map(|s| format!(" in {}", span((s * 1000.0) as i64))).unwrap_or_default();
            report(format!(
                "execution {} {}{took}: {} symbols, {} requests",
                phrase::id(row.execution_id),
                phrase::execution(row.status).1,
                phrase::symbols_done(row),
                count(row.requests)
            ));
        }
    }

    fn alerts(&mut self, snap: &Snapshot, report: &mut impl FnMut(String)) {
        let open: BTreeSet<i64> =
            snap.data.alerts.iter().filter(|alert| alert.resolved_at.is_none()).map(|alert| alert.id).collect();
        let before = self.alerts.replace(open.clone()).unwrap_or_default();
        for alert in snap.data.alerts.iter().rev() {
            if open.contains(&alert.id) && !before.contains(&alert.id) {
                report(format!("alert: {}", alert.message));
            } else if alert.resolved_at.is_some() && before.contains(&alert.id) {
                report(format!("alert resolved: {}", alert.message));
            }
        }
    }
}

fn tiers(snap: &Snapshot) -> String {
    let counts: Vec<String> = Tier::ALL
        .iter()
        .filter(|tier| snap.data.tiers.of(**tier) > 0)
        .map(|tier| format!("{} {tier}", count(snap.data.tiers.of(*tier))))
        .collect();
    let breached: usize = snap.data.rpo.iter().map(|rpo| rpo.breached).sum();
    let late = if breached > 0 { format!(", {} later than allowed", count(breached)) } else { String::new() };
    if counts.is_empty() { "no symbols yet".to_owned() } else { format!("{}{late}", counts.join(", ")) }
}

/// Reports until a signal comes, the reader goes away, or the engine ends.
pub async fn run(
    console: Arc<dyn Console>,
    out: &mut impl Write,
    signals: &mut mpsc::Receiver<SignalEvent>,
    drain: CancellationToken,
    drained: CancellationToken,
) -> Ended {
    let (mut snapshots, mut link) = (console.watch(), console.link());
    let mut reporter = PlainReporter::default();
    snapshots.mark_changed();
    let mut quitting = false;
    loop {
        tokio::select! {
            biased;
            event = signals.recv() => match event {
                Some(SignalEvent::Quit) if quitting => return Ended::AtOnce,
                Some(SignalEvent::Quit) => {
                    quitting = true;
                    drain.cancel();
                }
                Some(SignalEvent::Gone) | None => return Ended::Gone,
                Some(SignalEvent::Suspend | SignalEvent::Continued) => {}
            },
            Ok(()) = snapshots.changed() => {}
            Ok(()) = link.changed() => {}
            () = drained.cancelled() => return Ended::Drained,
        }
        let snap = Arc::clone(&snapshots.borrow_and_update());
        let lines = reporter.lines(&snap, &link.borrow_and_update());
        if write(out, &lines).is_err() {
            return Ended::Gone;
        }
    }
}

fn write(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}
