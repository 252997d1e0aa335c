//! Commands to the engine.

use super::availability::{
    cancel, cancel_series, decide, gap, is_series_paused, is_symbol_paused, pause, pause_symbol, retry, series, stale,
};
use super::{ActionId, ActionScope, Confirmation, NOT_LOG, Spec, Title, WITH_SERIES, command};
use crate::model::screen::Screen;

pub(super) const SPECS: &[Spec] = &[
    Spec {
        scope: WITH_SERIES,
        enabled: series,
        footer: Some(12),
        ..command(
            ActionId::Trigger,
            "trigger",
            "trigger",
            "Backfill the marked series or the selected one",
            &["t"],
            Confirmation::Cost,
        )
    },
    Spec {
        enabled: stale,
        footer: Some(13),
        ..command(
            ActionId::TriggerStale,
            "trigger-stale",
            "trigger stale",
            "Backfill every series that is not fresh",
            &["T"],
            Confirmation::Cost,
        )
    },
    command(
        ActionId::TriggerTier,
        "trigger-tier",
        "trigger tier",
        "Choose a tier and backfill its symbols",
        &["B"],
        Confirmation::None,
    ),
    command(
        ActionId::TriggerCritical,
        "trigger-critical",
        "tier critical",
        "Backfill the critical symbols",
        &[],
        Confirmation::Cost,
    ),
    command(
        ActionId::TriggerStandard,
        "trigger-standard",
        "tier standard",
        "Backfill the standard symbols",
        &[],
        Confirmation::Cost,
    ),
    command(ActionId::TriggerLow, "trigger-low", "tier low", "Backfill the low symbols", &[], Confirmation::Cost),
    Spec {
        scope: ActionScope::On(&[Screen::Coverage, Screen::Detail]),
        enabled: gap,
        footer: Some(30),
        ..command(
            ActionId::TriggerGap,
            "trigger-gap",
            "trigger gap",
            "Backfill the selected gap, or the selected day",
            &["b"],
            Confirmation::Cost,
        )
    },
    Spec {
        scope: NOT_LOG,
        footer: Some(50),
        ..command(
            ActionId::AddSymbols,
            "add",
            "add symbols",
            "Add symbols and fetch them: SPY QQQ BTC, with a search in the vendor's tickers",
            &["n"],
            Confirmation::Cost,
        )
    },
    command(
        ActionId::RemoveSymbols,
        "remove",
        "remove symbols",
        "Stop tracking symbols; their bars stay, unless --purge says otherwise",
        &[],
        Confirmation::Confirm,
    ),
    command(
        ActionId::SetTier,
        "set-tier",
        "change tier",
        "Change the criticality of symbols: AAPL critical",
        &[],
        Confirmation::None,
    ),
    command(
        ActionId::SetSince,
        "set-since",
        "history since",
        "Change where the history of symbols begins: AAPL 2024-01-31",
        &[],
        Confirmation::Cost,
    ),
    command(
        ActionId::BackfillRange,
        "backfill",
        "backfill",
        "Fetch what is missing of symbols: AAPL 2024, AAPL 2024-01-01 2024-03-31",
        &[],
        Confirmation::Cost,
    ),
    Spec {
        enabled: pause,
        footer: Some(14),
        title: Title::Either(|model| model.snap.live.paused.is_some(), "resume", "pause"),
        ..command(
            ActionId::Pause,
            "pause",
            "",
            "Pause or resume the engine; requests under way are finished and stored",
            &["p"],
            Confirmation::WhenBusy,
        )
    },
    Spec {
        scope: WITH_SERIES,
        enabled: pause_symbol,
        title: Title::Either(is_symbol_paused, "resume symbol", "pause symbol"),
        ..command(
            ActionId::PauseSymbol,
            "pause-symbol",
            "",
            "Pause or resume the marked symbols or the selected one",
            &["P"],
            Confirmation::WhenSeveral,
        )
    },
    Spec {
        scope: WITH_SERIES,
        enabled: series,
        title: Title::Either(is_series_paused, "resume series", "pause series"),
        ..command(
            ActionId::PauseSeries,
            "pause-series",
            "",
            "Pause or resume the marked series or the selected one, not the whole symbol",
            &["z"],
            Confirmation::WhenSeveral,
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Overview, Screen::Executions]),
        enabled: cancel,
        footer: Some(15),
        ..command(
            ActionId::Cancel,
            "cancel",
            "cancel",
            "Cancel a running execution; committed bars are kept",
            &["c"],
            Confirmation::Confirm,
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Overview]),
        enabled: cancel_series,
        ..command(
            ActionId::CancelSeries,
            "cancel-series",
            "cancel series",
            "Remove the selected series from its running execution",
            &["C"],
            Confirmation::Confirm,
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Overview, Screen::Executions, Screen::Failures]),
        enabled: retry,
        footer: Some(16),
        ..command(
            ActionId::Retry,
            "retry",
            "retry failed",
            "Retry the failed series of an execution",
            &["r"],
            Confirmation::Confirm,
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        footer: Some(31),
        ..command(
            ActionId::Accept,
            "accept",
            "accept",
            "Accept the quarantined bar: store it as the vendor sent it",
            &["a"],
            Confirmation::Confirm,
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        footer: Some(32),
        ..command(
            ActionId::Reject,
            "reject",
            "reject",
            "Reject the quarantined bar: never store it",
            &["x"],
            Confirmation::Confirm,
        )
    },
];
