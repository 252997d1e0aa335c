//! Actions that choose a screen and what it shows.

use super::availability::{decide, explain, map, sought};
use super::{ActionId, ActionScope, Group, Spec, TABLES, Title, WITH_COLUMNS, view_action};
use crate::model::screen::Screen;
use crate::model::sort::SortBy;

const fn show(
    id: ActionId,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
) -> Spec {
    view_action(id, name, title, help, Group::View, keys)
}

/// Sorting by one column: `s` and a letter of its name.
const fn sort(
    by: SortBy,
    name: &'static str,
    title: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
) -> Spec {
    Spec { scope: TABLES, family: Some("sort by"), ..show(ActionId::SortBy(by), name, title, help, keys) }
}

pub(super) const SPECS: &[Spec] = &[
    show(ActionId::Go(Screen::Overview), "overview", "overview", "Freshness, vendor limit, running executions", &["1"]),
    show(ActionId::Go(Screen::Symbols), "symbols", "symbols", "All series in a table", &["2"]),
    show(ActionId::Go(Screen::Coverage), "coverage", "coverage", "Coverage by day", &["3"]),
    show(ActionId::Go(Screen::Detail), "detail", "detail", "One series: prices, age, gaps, attempts, requests", &["4"]),
    show(ActionId::Go(Screen::Executions), "executions", "executions", "Running and past executions", &["5"]),
    show(ActionId::Go(Screen::Vendor), "vendor", "vendor", "Rate limit, counters, latency, requests", &["6"]),
    show(
        ActionId::Go(Screen::Failures),
        "failures",
        "failures",
        "Failing series, quarantine, alerts, operator actions",
        &["7"],
    ),
    show(ActionId::Go(Screen::Log), "log", "log", "Engine log", &["8"]),
    Spec {
        footer: Some(50),
        ..show(
            ActionId::Filter,
            "filter",
            "filter",
            "Filter the list, as in `aapl tier:stale is:late behind>2h -class:crypto`",
            &["/"],
        )
    },
    Spec {
        footer: Some(55),
        ..sort(
            SortBy::Staleness,
            "sort-staleness",
            "staleness",
            "Sort by staleness, the worst first; the same again reverses the order",
            &["ss"],
        )
    },
    sort(SortBy::Symbol, "sort-symbol", "symbol", "Sort by symbol", &["sa"]),
    sort(SortBy::Class, "sort-class", "class", "Sort by asset class", &["sc"]),
    sort(SortBy::Criticality, "sort-criticality", "RPO", "Sort by criticality, which sets the RPO", &["sr"]),
    sort(SortBy::Timeframe, "sort-timeframe", "timeframe", "Sort by timeframe", &["st"]),
    sort(SortBy::Newest, "sort-newest", "newest bar", "Sort by the newest bar", &["sn"]),
    sort(SortBy::Bars, "sort-bars", "bars", "Sort by the number of bars", &["sb"]),
    sort(SortBy::Checked, "sort-checked", "checked", "Sort by when the vendor was last asked", &["sk"]),
    Spec { scope: TABLES, ..show(ActionId::Sort, "sort", "next column", "Sort by the next column", &[">"]) },
    Spec { scope: TABLES, ..show(ActionId::Reverse, "reverse", "reverse", "Reverse the sort order", &["o"]) },
    Spec {
        scope: ActionScope::On(&[Screen::Coverage]),
        enabled: map,
        footer: Some(40),
        ..show(
            ActionId::ZoomIn,
            "zoom-in",
            "zoom in",
            "Unfold a symbol, then zoom in: weeks, days, one session",
            &["+", "="],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Coverage]),
        footer: Some(41),
        ..show(ActionId::ZoomOut, "zoom-out", "zoom out", "Zoom out: one session, fold the symbol, days, weeks", &["-"])
    },
    Spec {
        enabled: explain,
        footer: Some(21),
        ..show(
            ActionId::Explain,
            "explain",
            "why",
            "Say everything about the selected row: why it is so, what comes next, what helps",
            &["d"],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Log]),
        enabled: sought,
        ..show(ActionId::NextMatch, "next-match", "next match", "Next line that fits the last filter", &["n"])
    },
    Spec {
        scope: ActionScope::On(&[Screen::Log]),
        enabled: sought,
        ..show(
            ActionId::PreviousMatch,
            "previous-match",
            "previous match",
            "Previous line that fits the last filter",
            &["N"],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail]),
        footer: Some(35),
        ..show(
            ActionId::Overlay,
            "indicators",
            "indicators",
            "Change the lines over the chart: averages, Bollinger bands, none",
            &["i"],
        )
    },
    Spec {
        scope: ActionScope::On(&[Screen::Detail, Screen::Failures]),
        enabled: decide,
        footer: Some(34),
        ..show(ActionId::Compare, "compare", "compare", "Compare the quarantined bar with its neighbors", &["v"])
    },
    Spec {
        scope: ActionScope::On(&[Screen::Log]),
        footer: Some(10),
        ..show(ActionId::LogLevel, "log-level", "level", "Change the log level: error, warn, info, debug", &["L"])
    },
    Spec {
        scope: ActionScope::On(&[Screen::Log]),
        footer: Some(11),
        title: Title::Either(|model| model.log.follow, "stop following", "follow"),
        ..show(ActionId::Follow, "follow", "", "Follow the newest line, or stop following", &["F"])
    },
    Spec {
        scope: WITH_COLUMNS,
        footer: Some(62),
        title: Title::Either(|model| model.wide.is_some(), "fewer columns", "all columns"),
        ..show(
            ActionId::Wide,
            "wide",
            "",
            "Show every column, over the whole width, or only those that fit; left and right scroll",
            &["w"],
        )
    },
    Spec {
        footer: Some(60),
        title: Title::Either(|model| model.frozen.is_some(), "unfreeze", "freeze"),
        ..show(ActionId::Freeze, "freeze", "", "Freeze the view; the engine keeps running", &["f"])
    },
    Spec {
        scope: ActionScope::On(&[Screen::Overview, Screen::Vendor]),
        title: Title::Either(|model| model.maximized, "restore", "maximize"),
        ..show(ActionId::Maximize, "maximize", "", "Fill the screen with the panel in focus, or restore it", &["e"])
    },
    show(ActionId::Refresh, "refresh", "refresh", "Reload the details on this screen", &["ctrl-r", "f5"]),
];
