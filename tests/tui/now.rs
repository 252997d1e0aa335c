//! The five lines on top of the overview: what they say in each situation, and that nothing looks good in any of them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use barkeep::config::policy::Severity;
use barkeep::market::freshness::Tier;
use barkeep::market::ts::{HOUR, MINUTE, SECOND};
use barkeep::market::{Criticality, Timeframe};
use barkeep::monitor::snapshot::{Data, SeriesView, Snapshot};
use barkeep::plan::budget::{Budget, Deadline, Purchase};
use barkeep::runtime::console::{
    AlertRow, EnginePause, Execution, ExecutionStatus, Link, OpenAlertCount, SeriesName, SeriesRunState, SeriesStatus,
};
use barkeep::service::activity::VendorSilence;
use barkeep::service::handle::{EngineState, Live};
use barkeep::service::progress::{ItemState, RunView};
use barkeep::tui::draw::context::DrawContext;
use barkeep::tui::draw::hits::HitMap;
use barkeep::tui::draw::theme::Role;
use barkeep::tui::model::Model;
use barkeep::tui::now::conditions::{Condition, ConditionLevel as Bad, HoleTotals, conditions, severity};
use barkeep::tui::now::reasons::Reasons;
use barkeep::tui::now::wording;
use barkeep::tui::view;
use barkeep::tui::view::phrase;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::support::screens::{self, answered, at_rest, empty, now, opened, running};

/// A day on which everything is as it should be, changed.
fn with(change: impl FnOnce(&mut Live, &mut Data)) -> Snapshot {
    let calm = calm();
    let (mut live, mut data) = ((*calm.live).clone(), (*calm.data).clone());
    change(&mut live, &mut data);
    Snapshot { live: Arc::new(live), data: Arc::new(data), ..calm }
}

fn calm() -> Snapshot {
    let rest = at_rest();
    let mut data = (*rest.data).clone();
    (data.quarantine_pending, data.feature_failures_open) = (0, 0);
    for row in &mut data.series {
        row.checked_at = row.checked_at.or(Some(now() - MINUTE));
        row.bars = row.bars.max(1);
    }
    Snapshot { data: Arc::new(data), ..rest }
}

fn row<'a>(data: &'a mut Data, symbol: &str, timeframe: Timeframe) -> &'a mut SeriesView {
    data.series.iter_mut().find(|row| row.symbol.as_str() == symbol && row.timeframe == timeframe).unwrap()
}

fn late(data: &mut Data, symbol: &str, timeframe: Timeframe, behind: i64) {
    let row = row(data, symbol, timeframe);
    (row.tier, row.breached, row.staleness_seconds) = (Tier::Stale, true, Some(behind));
    let criticality = row.criticality as usize;
    data.rpo[criticality].breached += 1;
}

fn fails(data: &mut Data, symbol: &str, timeframe: Timeframe, message: &str) {
    data.failing.push(screens::status(symbol, timeframe, 3, SeriesRunState::Failed, 20 * MINUTE, Some(message)));
    data.failing_total = data.failing.len();
}

fn due(data: &mut Data, requests: u64) {
    let next = Purchase { requests, critical: 4, standard: 6, ..Purchase::default() };
    data.budget = Some(Budget { feasible: true, next, ..Budget::default() });
}

fn pause() -> EnginePause {
    EnginePause { by: "tui:ana".into(), since: now() - 12 * MINUTE, reason: None }
}

fn deadline(symbol: &str, timeframe: Timeframe, criticality: Criticality, after: i64) -> Deadline {
    Deadline { at: now() + after, criticality, symbol: symbol.parse().unwrap(), timeframe }
}

fn alert(kind: &str, message: &str) -> (AlertRow, OpenAlertCount) {
    let row = AlertRow {
        id: 91,
        kind: kind.into(),
        severity: Severity::Warning,
        subject: None,
        message: message.into(),
        raised_at: now() - MINUTE,
        resolved_at: None,
    };
    (row, OpenAlertCount { kind: kind.into(), severity: Severity::Warning, open: 1 })
}

/// A situation and what makes it.
type Situation = (&'static str, fn() -> Model);

fn seen(snap: Snapshot) -> Model {
    answered(snap, 160, 45)
}

const SITUATIONS: [Situation; 22] = [
    ("everything is fine", || seen(calm())),
    ("no symbols", || opened(empty(), 160, 45)),
    ("symbols were added and nothing has run", || {
        seen(with(|_, data| {
            for timeframe in [Timeframe::M5, Timeframe::D1] {
                let row = row(data, "SPY", timeframe);
                (row.tier, row.staleness_seconds, row.bars, row.checked_at) = (Tier::Unknown, None, 0, None);
            }
            due(data, 6);
        }))
    }),
    ("the first backfill is under way", || {
        seen(with(|live, data| {
            for row in &mut data.series {
                (row.breached, row.checked_at) = (true, None);
            }
            (live.state, live.runs) = (EngineState::Running, screens::live().runs);
        }))
    }),
    ("a run is under way and nothing is wrong", || {
        seen(with(|live, _| (live.state, live.runs) = (EngineState::Running, screens::live().runs)))
    }),
    ("paused with everything fresh", || {
        seen(with(|live, _| (live.state, live.paused) = (EngineState::Paused, Some(pause()))))
    }),
    ("paused with late series", || {
        seen(with(|live, data| {
            (live.state, live.paused) = (EngineState::Paused, Some(pause()));
            late(data, "BTC", Timeframe::M5, 2 * 3_600);
            due(data, 47);
        }))
    }),
    ("pausing while requests are on the wire", || {
        seen(with(|live, _| {
            (live.state, live.paused, live.runs) = (EngineState::Pausing, Some(pause()), screens::live().runs);
        }))
    }),
    ("the key is refused", || {
        seen(with(|live, _| {
            live.state = EngineState::Failed;
            let said = "the vendor refused the key: the vendor refused the key (401): Unknown API Key";
            (live.reason, live.key_refused) = (Some(said.into()), Some(said.into()));
            live.paused = Some(EnginePause { by: "barkeep".into(), since: now() - MINUTE, reason: None });
        }))
    }),
    ("the engine failed because the database is gone", || {
        seen(with(|live, _| {
            live.state = EngineState::Failed;
            live.reason = Some("the database does not answer: no server".into());
        }))
    }),
    ("another process has locked the database", || {
        seen(with(|live, _| {
            (live.state, live.runs) = (EngineState::Running, screens::live().runs);
            live.write_waits_since = Some(now() - 12 * SECOND);
        }))
    }),
    ("the vendor cannot be reached", || {
        seen(with(|live, _| {
            let error = "cannot connect to the vendor: connection refused".into();
            live.vendor_silent = Some(VendorSilence { since: now() - 4 * MINUTE, attempts: 18, error });
        }))
    }),
    ("the engine elsewhere says nothing", || {
        let mut model = seen(calm());
        let (url, since) = ("http://bars:8000".into(), now() - 8 * SECOND);
        model.link = Link::Lost { url, since, error: "it has sent nothing for 5 s".into() };
        model
    }),
    ("critical series fail and will be late", || {
        seen(with(|_, data| {
            fails(data, "BTC", Timeframe::M5, "1 gap left: transient: the vendor failed (503): an HTML page");
            fails(data, "SOL", Timeframe::M5, "1 gap left: plan_window: the vendor's plan does not include this (403)");
            row(data, "SOL", Timeframe::M5).paused = false;
            let mut budget = data.budget.clone().unwrap();
            budget.deadlines = vec![deadline("BTC", Timeframe::M5, Criticality::Critical, 5 * MINUTE)];
            data.budget = Some(budget);
        }))
    }),
    ("series are late and being fetched", || seen(running())),
    ("a thousand series are late", || {
        let mut snap = screens::big(200);
        let mut data = (*snap.data).clone();
        for row in &mut data.series {
            (row.tier, row.breached, row.paused) = (Tier::Stale, row.tracked, false);
            row.staleness_seconds = Some(9 * 24 * 3_600);
            row.checked_at = Some(now() - HOUR);
        }
        (snap.data, snap.live) = (Arc::new(data), Arc::clone(&calm().live));
        opened(snap, 160, 45)
    }),
    ("a critical series is paused", || seen(with(|_, data| row(data, "BTC", Timeframe::M15).paused = true))),
    ("the limit is too low", || seen(with(|_, data| data.budget.clone_from(&running().data.budget)))),
    ("bars are quarantined", || seen(with(|_, data| data.quarantine_pending = 3))),
    ("features fail", || seen(with(|_, data| data.feature_failures_open = 2))),
    ("an alert is open", || {
        seen(with(|_, data| {
            let (row, count) = alert("features_missing", "features are missing for 12 of 125 series (9.6 %)");
            data.alerts.insert(0, row);
            data.open_alerts.push(count);
        }))
    }),
    ("a symbol has no bars at all", || {
        seen(with(|_, data| {
            let row = row(data, "ASML", Timeframe::H4);
            (row.tier, row.staleness_seconds, row.bars) = (Tier::Missing, None, 0);
        }))
    }),
];

fn five(model: &Model) -> Vec<(String, String)> {
    let (facts, conditions) = (model.facts(), model.conditions());
    let lines = wording::lines(&facts, &conditions, |id| model.key_now(id));
    lines.into_iter().map(|line| (line.label.to_owned(), line.text.to_string())).collect()
}

#[test]
fn what_the_five_lines_say() {
    let mut all = String::new();
    for (name, model) in SITUATIONS {
        let model = model();
        let (facts, conditions) = (model.facts(), model.conditions());
        let worst = severity(&conditions).map_or("calm".to_owned(), |severity| format!("{severity:?}").to_lowercase());
        let _ = writeln!(all, "== {name}\n   frame    {worst}: {}", wording::headline(&facts, &conditions));
        for (label, text) in five(&model) {
            let _ = writeln!(all, "   {label:<8} {text}");
        }
        all.push('\n');
    }
    insta::assert_snapshot!("now_in_each_situation", all);
}

/// Which of the conditions a made-up snapshot is given.
fn made_up(flags: u32) -> Snapshot {
    let on = |bit: u32| flags & (1 << bit) != 0;
    with(|live, data| {
        if on(0) {
            (live.state, live.paused) = (EngineState::Paused, Some(pause()));
        }
        if on(1) {
            (live.state, live.reason) = (EngineState::Failed, Some("the database does not answer".into()));
        }
        if on(2) {
            (live.state, live.key_refused) = (EngineState::Failed, Some("Unknown API Key".into()));
        }
        if on(3) {
            live.write_waits_since = Some(now() - 30 * SECOND);
        }
        if on(4) {
            let error = "connection refused".into();
            live.vendor_silent = Some(VendorSilence { since: now() - MINUTE, attempts: 4, error });
        }
        if on(5) {
            late(data, "BTC", Timeframe::M5, 2 * 3_600);
        }
        if on(6) {
            fails(data, "AAPL", Timeframe::M5, "1 gap left: transient: the vendor failed (503)");
        }
        if on(7) {
            row(data, "ETH", Timeframe::H1).paused = true;
        }
        if on(8) {
            data.budget.clone_from(&running().data.budget);
        }
        if on(9) {
            let row = row(data, "V", Timeframe::D1);
            (row.tier, row.staleness_seconds, row.bars) = (Tier::Missing, None, 0);
        }
        if on(10) {
            data.quarantine_pending = 2;
        }
        if on(11) {
            data.feature_failures_open = 1;
        }
        if on(12) {
            let (row, count) = alert("stale_features", "70 of 125 series are stale (56.0 %)");
            data.alerts.insert(0, row);
            data.open_alerts.push(count);
        }
        if on(13) {
            let row = row(data, "DIA", Timeframe::M5);
            (row.tier, row.staleness_seconds, row.bars, row.checked_at) = (Tier::Unknown, None, 0, None);
        }
        if on(14) {
            live.runs = screens::live().runs;
            if live.state == EngineState::Idle {
                live.state = EngineState::Running;
            }
        }
        if on(15) {
            let mut budget = data.budget.clone().unwrap();
            budget.deadlines = vec![deadline("SPY", Timeframe::M5, Criticality::Critical, 2 * MINUTE)];
            data.budget = Some(budget);
        }
    })
}

/// Whether a text names a time of day.
fn names_a_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(6).any(|w| w[2] == b':' && w[5] == b'Z' && [0, 1, 3, 4].iter().all(|k| w[*k].is_ascii_digit()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn while_anything_is_wrong_nothing_on_the_overview_looks_good(
        flags in 1_u32..(1 << 16), lost in any::<bool>(), size in 0_usize..6,
    ) {
        let mut model = answered(made_up(flags), 120, 40);
        if lost {
            let (url, since) = ("http://bars".into(), now() - 9 * SECOND);
            model.link = Link::Lost { url, since, error: "timeout".into() };
        }
        let conditions = model.conditions();
        prop_assume!(!conditions.is_empty());
        let (width, height) = [(160, 45), (120, 40), (100, 30), (80, 24), (60, 20), (40, 12)][size];
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let context = DrawContext::of(&model);
        view::screen(&model, &context, area, &mut buf, &mut HitMap::default());
        let good = context.theme.style(Role::Good).fg;
        let green = buf.content.iter().position(|cell| Some(cell.fg) == good && cell.symbol() != " ");
        prop_assert!(green.is_none(), "{green:?} is green at {width}x{height} with {conditions:?}");
        for (label, text) in five(&model) {
            prop_assert!(!text.trim().is_empty(), "{label} says nothing with {conditions:?}");
        }
    }

    #[test]
    fn paused_and_failed_name_no_time(flags in 0_u32..(1 << 16), state in 0_u32..3) {
        let model = answered(made_up(flags | 1 << state), 120, 40);
        let lines = five(&model);
        for (label, text) in &lines {
            // Since when it is so may be told.
            let told = text.replace(" since 15:10Z", "").replace(" since 15:21Z", "");
            prop_assert!(label == "wrong" || !names_a_time(&told), "{label} names a time: {text}");
        }
        prop_assert!(lines[3].1.starts_with("not "), "{}", lines[3].1);
    }
}

#[test]
fn why_counts_every_late_series() {
    let (_, model) = SITUATIONS.into_iter().find(|(name, _)| name.starts_with("a thousand")).unwrap();
    let model = model();
    let late = model.digest.late.len();
    assert!(late > 900, "{late}");
    let why = wording::because(&model.facts()).to_string();
    let told: usize =
        why.split(" × ").filter_map(|part| part.rsplit(", ").next()?.replace(',', "").parse::<usize>().ok()).sum();
    assert_eq!(told, late, "{why}");
}

#[test]
fn holes_are_told_once_somebody_counts_them() {
    let model = seen(calm());
    let mut facts = model.facts();
    assert!(conditions(&facts).is_empty());
    facts.holes = HoleTotals { late: 2, suspect: 3 };
    let all = conditions(&facts);
    assert_eq!(all, [Condition::Holes(facts.holes)]);
    assert_eq!(severity(&all), Some(Bad::Warn));
    let wrong = &wording::lines(&facts, &all, |_| None)[0].text;
    assert_eq!(wrong.to_string(), "2 series without newest bars, 3 holes");
}

#[test]
fn a_long_write_is_a_condition_after_five_seconds_and_redraws_then() {
    let mut model = seen(with(|live, _| {
        live.write_waits_since = Some(now() - 3 * SECOND);
        live.limit.held.clear();
    }));
    assert!(model.conditions().is_empty());
    let area = Rect::new(0, 0, 120, 40);
    let (mut buf, mut hits) = (Buffer::empty(area), HitMap::default());
    view::screen(&model, &DrawContext::of(&model), area, &mut buf, &mut hits);
    assert_eq!(hits.changes_at, Some(now() + 2 * SECOND));
    model.now.wall = now() + 2 * SECOND;
    model.now.since_start += Duration::from_secs(2);
    assert!(matches!(model.conditions()[..], [Condition::NotWriting { .. }]));
}

#[test]
fn what_is_fetched_in_time_will_not_be_late() {
    let at = |after| {
        with(|_, data| {
            let mut budget = data.budget.clone().unwrap();
            budget.deadlines = vec![deadline("SPY", Timeframe::M5, Criticality::Critical, after)];
            data.budget = Some(budget);
        })
    };
    // The next check of critical symbols is at 15:30:00, in 7:46.
    assert!(seen(at(8 * MINUTE)).conditions().is_empty());
    assert!(matches!(seen(at(7 * MINUTE)).conditions()[..], [Condition::WillBeLate { count: 1, .. }]));
}

#[test]
fn a_run_without_a_plan_promises_no_number() {
    let run = screens::live().runs.swap_remove(0);
    let shown = |change: &dyn Fn(&mut RunView)| {
        let mut run = run.clone();
        change(&mut run);
        let mut model = seen(with(|live, _| (live.state, live.runs) = (EngineState::Running, vec![run])));
        crate::hands::show(&mut model).join("\n")
    };
    let planning = shown(&|run| {
        run.items.clear();
        (run.requests_planned, run.requests_answered, run.requests_left, run.not_before) = (0, 0, 0, None);
    });
    assert!(planning.contains("planning") && planning.contains("soon: it is being planned"), "{planning}");
    assert!(!planning.contains("of at most 0") && !planning.contains("0 requests left"), "{planning}");
    let storing = shown(&|run| (run.requests_left, run.not_before) = (0, None));
    assert!(storing.contains("soon: all requests are answered"), "{storing}");
}

/// What a process that died was at stays noted as it was.
#[test]
fn a_series_of_a_run_that_died_is_not_in_progress() {
    let snap = with(|live, data| {
        live.runs.clear();
        data.executions.truncate(2);
        data.executions[0].status = ExecutionStatus::Running;
        (data.executions[1].status, data.executions[1].crashed) = (ExecutionStatus::Running, true);
    });
    let [lives, died] = [0, 1].map(|k| snap.data.executions[k].clone());
    let word = |execution_id, started_at, state| {
        let row = SeriesStatus {
            started_at: Some(started_at),
            ..crate::support::rows::series_status(execution_id, "SPY", Timeframe::M5, state)
        };
        phrase::series_state(&snap, &row).1
    };
    let of = |run: &Execution, state| word(run.execution_id, run.started_at, state);
    assert_eq!(of(&lives, SeriesRunState::InProgress), "in progress");
    assert_eq!(of(&lives, SeriesRunState::Pending), "pending");
    assert_eq!(of(&died, SeriesRunState::InProgress), "interrupted");
    assert_eq!(of(&died, SeriesRunState::Pending), "not started");
    assert_eq!(of(&died, SeriesRunState::Completed), "completed");
    // One that is not listed is long over, unless it is newer than all that are.
    let unlisted = uuid::Uuid::from_u128(9);
    assert_eq!(word(unlisted, died.started_at - HOUR, SeriesRunState::InProgress), "interrupted");
    assert_eq!(word(unlisted, lives.started_at + SECOND, SeriesRunState::InProgress), "in progress");
}

/// Another execution has the series that a run wants, perhaps for hours.
#[test]
fn a_run_whose_turn_has_not_come_is_not_being_planned() {
    let run = screens::live().runs.swap_remove(0);
    let why = "waits for execution 52ae7c24-d879-4a10-9b8e-966799d74e34, which has SPY";
    let waiting = RunView {
        execution_id: uuid::Uuid::from_u128(7),
        queued: Some(why.to_owned()),
        items: Vec::new(),
        requests_planned: 0,
        requests_answered: 0,
        requests_left: 0,
        not_before: None,
        ..run.clone()
    };
    let shown = |runs: Vec<RunView>| {
        let mut model = seen(with(|live, _| (live.state, live.runs) = (EngineState::Running, runs)));
        crate::hands::show(&mut model).join("\n")
    };
    let alone = shown(vec![waiting.clone()]);
    assert!(alone.contains("waits for run 52ae7c24, which has SPY"), "{alone}");
    assert!(alone.contains("not known yet: it waits for run 52ae7c24"), "{alone}");
    assert!(alone.contains("waiting for another run"), "{alone}");
    assert!(!alone.contains("planning") && !alone.contains("planned") && !alone.contains("0/0 items"), "{alone}");
    // Of two the one that works is what is being done, though the other was there first.
    let both = shown(vec![waiting, run.clone()]);
    let doing = both.lines().find(|line| line.contains("doing")).unwrap();
    assert!(doing.contains(&run.execution_id.to_string()[..8]) && doing.contains("and 1 more run"), "{both}");
    assert!(both.contains("waits for run 52ae7c24, which has SPY"), "{both}");
    assert!(!both.contains("0/0 items"), "{both}");
}

#[test]
fn what_is_tried_again_or_was_called_off_has_not_failed() {
    let running = running();
    let item = running.live.runs[0].items.iter().find(|item| matches!(item.state, ItemState::Waiting { .. })).unwrap();
    let tried = (item.info.symbol.clone().unwrap(), item.info.timeframe.unwrap());
    let before = Reasons::of(&running);
    let at_rest =
        |row: &&SeriesView| row.tracked && !row.paused && !before.is_under_way(row) && !before.has_failed(row);
    let mut rest = running.data.series.iter().filter(at_rest).map(|row| (row.symbol.clone(), row.timeframe));
    let (called_off, failed) = (rest.next().unwrap(), rest.next().unwrap());
    let mut data = (*running.data).clone();
    fails(&mut data, tried.0.as_str(), tried.1, "1 gap left: transient: the vendor failed (503): a page");
    fails(&mut data, called_off.0.as_str(), called_off.1, "1 gap left: cancelled before it was requested");
    fails(&mut data, failed.0.as_str(), failed.1, "1 gap left: transient: the vendor failed (503): a page");
    let mut again = data.clone();
    let snap = Snapshot { data: Arc::new(data), ..running.clone() };
    let reasons = Reasons::of(&snap);
    let of = |name: &SeriesName| {
        let mut rows = snap.data.series.iter();
        rows.find(|row| row.symbol == name.0 && row.timeframe == name.1).unwrap()
    };
    let row = of(&tried);
    assert!(reasons.is_under_way(row) && !reasons.has_failed(row), "{}", reasons.why(row));
    assert!(!reasons.has_failed(of(&called_off)), "it was called off");
    assert!(reasons.has_failed(of(&failed)));
    // The list of what fails agrees with the column and with the figure in the header.
    let is_called_off = |status: &&SeriesStatus| (&status.symbol, status.timeframe) == (&called_off.0, called_off.1);
    again.failing.retain(|status| is_called_off(&status));
    let model = opened(Snapshot { data: Arc::new(again), ..running.clone() }, 120, 40);
    assert_eq!(model.snap.data.failing.len(), 1);
    assert!(!model.failing_series().iter().any(is_called_off));
}

#[test]
fn an_action_that_started_something_is_no_refusal() {
    assert_eq!(phrase::result("started 36685").1, Role::Text);
    assert_eq!(phrase::result("ok").1, Role::Good);
    assert_eq!(phrase::result("refused: paused").1, Role::Bad);
}
