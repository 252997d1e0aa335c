//! Which details are requested: those that the open screen shows, when it shows them, and again once the data have
//! changed. Never the same request twice at a time, and not while the view is frozen, unless there is nothing to show.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use crate::model::answers::{self, CoverageCache, SeriesState};
use crate::model::layer::Layer;
use crate::model::msg::{Effects, Redraw};
use crate::model::screen::{ListId, Screen};
use crate::model::{Model, Zoom};
use crate::view::{description, tells_row};
use barkeep_market::Ts;
use barkeep_market::ts::DAY;
use barkeep_monitor::snapshot::SeriesView;
use barkeep_runtime::console::{ConsoleRequest, ConsoleResponse, ReadError, SeriesName};

/// The same request is not repeated sooner.
const REPEAT_AFTER: Duration = Duration::from_secs(2);
/// After an error.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// The coverage of a series is not requested again sooner, unless it was written since.
const COVERAGE_AFTER: Duration = Duration::from_secs(10);
/// Series in one request for coverage: few, so that the first ones come soon.
const COVERAGE_BATCH: usize = 16;
/// Days of the strips, and of the map.
const STRIP_DAYS: i64 = 45;
const MAP_DAYS: i64 = 365;

impl Model {
    /// The requests of the open screen.
    fn needed_requests(&self) -> Vec<ConsoleRequest> {
        let mut needed = self.requests_of_screen();
        // Beside a quarantined bar stands what is stored.
        if let Some(Layer::Confirm(confirm)) = self.layers.last()
            && let Some(row) = &confirm.bar
        {
            let request = ConsoleRequest::Detail { symbol: row.symbol.clone(), timeframe: row.timeframe };
            if !needed.contains(&request) {
                needed.push(request);
            }
        }
        let told = matches!(self.layers.last(), Some(Layer::Why(_))) || tells_row(self.screen, self.size.width);
        for request in told.then(|| self.requests_of_row()).into_iter().flatten() {
            if !needed.contains(&request) {
                needed.push(request);
            }
        }
        needed
    }

    /// What is told of the selected row.
    fn requests_of_row(&self) -> impl Iterator<Item = ConsoleRequest> + use<> {
        let series =
            description::series_of(self).map(|(symbol, timeframe)| ConsoleRequest::Detail { symbol, timeframe });
        let run = matches!(self.focus(), ListId::Executions | ListId::OverviewExecutions);
        let run = if run { self.selected_execution() } else { None };
        series.into_iter().chain(run.map(|id| ConsoleRequest::Execution { id }))
    }

    fn requests_of_screen(&self) -> Vec<ConsoleRequest> {
        match self.screen {
            Screen::Overview | Screen::Symbols => Vec::new(),
            Screen::Coverage => {
                let selected = self.selected_series().filter(|_| self.coverage.zoom == Zoom::Session);
                let session =
                    |(symbol, timeframe)| ConsoleRequest::Session { symbol, timeframe, date: self.coverage_date() };
                // What fetching a hole costs is said with the details of its series.
                let costed = |(symbol, timeframe): SeriesName| ConsoleRequest::Detail { symbol, timeframe };
                let hole = self.selected_hole().map(|(name, _)| costed(name));
                selected.map(session).into_iter().chain(hole).collect()
            }
            Screen::Detail => {
                let detail = |(symbol, timeframe)| ConsoleRequest::Detail { symbol, timeframe };
                self.detail_series().map(detail).into_iter().collect()
            }
            Screen::Executions => {
                let open = self.executions.open.map(|id| ConsoleRequest::Execution { id });
                std::iter::once(answers::HISTORY).chain(open).collect()
            }
            Screen::Vendor => vec![answers::REQUESTS],
            Screen::Failures => {
                vec![answers::FAILURES, answers::QUARANTINE, answers::ALERTS, answers::ACTIONS]
            }
            Screen::Log => vec![answers::LOG],
        }
    }

    /// When a request may be made; `None` when there is no need to.
    fn due(&self, request: &ConsoleRequest) -> Option<Duration> {
        let now = self.now.since_start;
        let Some(entry) = self.answers.entry(request) else { return Some(now) };
        let known = entry.response.is_some();
        let old =
            entry.data_at < Some(self.snap.data.generated_at) && self.frozen.is_none() && *request != answers::LOG;
        if entry.loading || (known && entry.error.is_none() && !old) {
            return None;
        }
        let wait = if entry.error.is_some() { AFTER_ERROR } else { REPEAT_AFTER };
        Some(entry.requested_at.map_or(now, |at| at + wait))
    }

    /// When the next request may be made, if one waits for its time.
    pub(super) fn next_request_at(&self) -> Option<Duration> {
        self.needed_requests().iter().filter_map(|request| self.due(request)).min()
    }

    /// Requests what the open screen shows and does not have.
    pub(super) fn request_what_is_visible(&mut self, effects: &mut Effects) {
        let now = self.now.since_start;
        for request in self.needed_requests() {
            if self.due(&request).is_none_or(|due| due > now) {
                continue;
            }
            if let Some(entry) = self.answers.entry_mut(&request) {
                (entry.loading, entry.requested_at) = (true, Some(now));
            }
            effects.requests.push(request);
        }
        match self.screen {
            Screen::Symbols => {
                self.request_coverage(ListId::Symbols, STRIP_DAYS, |answers| &mut answers.strips, effects);
            }
            Screen::Coverage => {
                self.request_coverage(ListId::Coverage, MAP_DAYS, |answers| &mut answers.coverage, effects);
            }
            _ => {}
        }
    }

    fn request_coverage(
        &mut self,
        list: ListId,
        days: i64,
        cache_of: fn(&mut answers::Answers) -> &mut CoverageCache,
        effects: &mut Effects,
    ) {
        let window = self.hits.window_of(list);
        let now = self.now.since_start;
        let range = days_back(self.shown_now(), days);
        // A screen that stands still takes any answer.
        let data_at = self.frozen.is_none().then_some(self.snap.data.generated_at);
        let rows: Vec<usize> = if list == ListId::Coverage {
            let lines = self.map_lines().into_iter().skip(window.offset).take(window.height);
            lines.flat_map(|line| line.rows).copied().collect()
        } else {
            (window.offset..window.offset + window.height).collect()
        };
        let named = |row: &SeriesView| ((row.symbol.clone(), row.timeframe), state_of(row));
        let shown: Vec<(SeriesName, SeriesState)> =
            rows.into_iter().filter_map(|row| self.series_at(row)).map(named).collect();
        let cache = cache_of(&mut self.answers);
        let failed = cache.error.is_some() && cache.requested_at.is_some_and(|at| at + AFTER_ERROR > now);
        if cache.loading || failed {
            return;
        }
        let current = |name: &SeriesName, state| {
            let after = if cache.is_outdated(name, state) { REPEAT_AFTER } else { COVERAGE_AFTER };
            // In the first seconds everything is young enough.
            let since = now.checked_sub(after).unwrap_or(Duration::ZERO);
            cache.range == Some(range) && cache.is_current(name, data_at, Some(since))
        };
        let outdated = shown.into_iter().filter(|(name, state)| !current(name, *state)).take(COVERAGE_BATCH);
        let (series, states): (Vec<SeriesName>, Vec<SeriesState>) = outdated.unzip();
        if series.is_empty() {
            return;
        }
        (cache.loading, cache.requested_at, cache.states) = (true, Some(now), states);
        effects.requests.push(ConsoleRequest::Coverage { series, from: range.0, to: range.1 });
    }

    /// Takes in an answer.
    pub(super) fn answered(
        &mut self,
        request: &ConsoleRequest,
        data_at: Ts,
        response: Result<ConsoleResponse, ReadError>,
        effects: &mut Effects,
    ) {
        effects.redraw = effects.redraw.max(Redraw::Soon);
        let (now, frozen) = (self.now, self.frozen.is_some());
        if let ConsoleRequest::Coverage { series, from, to } = request {
            let strips = days_back(self.shown_now(), STRIP_DAYS) == (*from, *to);
            let cache = if strips { &mut self.answers.strips } else { &mut self.answers.coverage };
            cache.loading = false;
            match response {
                Ok(ConsoleResponse::Coverage(rows)) => {
                    cache.error = None;
                    cache.insert((*from, *to), series, &rows, (data_at, now.since_start));
                }
                Ok(_) => {}
                Err(e) => cache.error = Some(e),
            }
            return;
        }
        if let Ok(ConsoleResponse::Log(lines)) = &response {
            for line in lines {
                self.log.add(Arc::new(line.clone()));
            }
        }
        let Some(entry) = self.answers.entry_mut(request) else { return };
        entry.loading = false;
        if frozen && entry.response.is_some() {
            effects.redraw = Redraw::No;
            return;
        }
        match response {
            Ok(response) => {
                (entry.response, entry.error) = (Some(Arc::new(response)), None);
                (entry.data_at, entry.answered_at) = (Some(data_at), Some(now.wall));
            }
            Err(e) => entry.error = Some(e),
        }
    }
}

/// What shows whether a series was written since.
fn state_of(row: &SeriesView) -> SeriesState {
    (row.bars, row.checked_at)
}

/// The last `days` days until today, both ends included.
fn days_back(now: Ts, days: i64) -> (NaiveDate, NaiveDate) {
    ((now - (days - 1) * DAY).utc_date(), now.utc_date())
}
