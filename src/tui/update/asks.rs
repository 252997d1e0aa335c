//! Which details are asked for: those the screen in front shows, when it shows them, and again when the database has
//! changed since. Never more than one asking of a question at a time, and not while the view is frozen, unless there is
//! nothing to show at all.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use crate::model::answers::{self, CoverageCache};
use crate::model::msg::{Effects, Redraw};
use crate::model::screen::{ListId, Screen};
use crate::model::{Model, Zoom};
use barkeep_market::Ts;
use barkeep_market::ts::DAY;
use barkeep_runtime::console::{ConsoleRequest, ConsoleResponse, ReadError, SeriesName};

/// The same question is asked again no sooner than this.
const AGAIN: Duration = Duration::from_secs(2);
/// After an error.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// The days of a series are asked again no sooner than this.
const DAYS_AGAIN: Duration = Duration::from_secs(10);
/// Series in one question about coverage, so that the first ones come soon.
const AT_ONCE: usize = 16;
/// Days of the strips, and of the map.
const STRIP_DAYS: i64 = 45;
const MAP_DAYS: i64 = 365;

impl Model {
    /// The questions of the screen in front.
    fn wanted(&self) -> Vec<ConsoleRequest> {
        match self.screen {
            Screen::Overview | Screen::Symbols => Vec::new(),
            Screen::Coverage => {
                let selected = self.selected_series().filter(|_| self.coverage.zoom == Zoom::Session);
                let session =
                    |(symbol, timeframe)| ConsoleRequest::Session { symbol, timeframe, date: self.coverage_date() };
                selected.map(session).into_iter().collect()
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

    /// When a question may be asked; `None` when there is no need to.
    fn due(&self, question: &ConsoleRequest) -> Option<Duration> {
        let now = self.now.since_start;
        let Some(entry) = self.answers.entry(question) else { return Some(now) };
        let known = entry.reply.is_some();
        let old = entry.of < self.snap.data.generated_at && self.frozen.is_none() && *question != answers::LOG;
        if entry.asking || (known && entry.error.is_none() && !old) {
            return None;
        }
        let wait = if entry.error.is_some() { AFTER_ERROR } else { AGAIN };
        Some(entry.asked.map_or(now, |asked| asked + wait))
    }

    /// When the next question may be asked, if one waits for its time.
    pub(super) fn next_asking(&self) -> Option<Duration> {
        self.wanted().iter().filter_map(|question| self.due(question)).min()
    }

    /// Asks what the screen in front shows and does not have.
    pub(super) fn ask_what_is_shown(&mut self, effects: &mut Effects) {
        let now = self.now.since_start;
        for question in self.wanted() {
            if self.due(&question).is_none_or(|due| due > now) {
                continue;
            }
            if let Some(entry) = self.answers.entry_mut(&question) {
                (entry.asking, entry.asked) = (true, Some(now));
            }
            effects.questions.push(question);
        }
        match self.screen {
            Screen::Symbols => self.ask_days(ListId::Symbols, STRIP_DAYS, |answers| &mut answers.strips, effects),
            Screen::Coverage => self.ask_days(ListId::Coverage, MAP_DAYS, |answers| &mut answers.coverage, effects),
            _ => {}
        }
    }

    fn ask_days(
        &mut self,
        list: ListId,
        days: i64,
        cache_of: fn(&mut answers::Answers) -> &mut CoverageCache,
        effects: &mut Effects,
    ) {
        let window = self.hits.window_of(list);
        let now = self.now.since_start;
        let range = days_back(self.shown_now(), days);
        let frozen = self.frozen.is_some();
        let of = if frozen { Ts::MIN } else { self.snap.data.generated_at };
        let shown: Vec<SeriesName> =
            (window.offset..window.offset + window.height).filter_map(|row| self.name_at(row)).collect();
        let cache = cache_of(&mut self.answers);
        let failed = cache.error.is_some() && cache.asked.is_some_and(|asked| asked + AFTER_ERROR > now);
        if cache.asking || failed {
            return;
        }
        let since = now.checked_sub(DAYS_AGAIN);
        let current = |name: &SeriesName| {
            // In the first seconds everything is young enough.
            cache.range == Some(range) && cache.is_current(name, of, Some(since.unwrap_or(Duration::ZERO)))
        };
        let series: Vec<SeriesName> = shown.into_iter().filter(|name| !current(name)).take(AT_ONCE).collect();
        if series.is_empty() {
            return;
        }
        (cache.asking, cache.asked) = (true, Some(now));
        effects.questions.push(ConsoleRequest::Coverage { series, from: range.0, to: range.1 });
    }

    /// Takes in an answer.
    pub(super) fn answered(
        &mut self,
        question: &ConsoleRequest,
        of: Ts,
        reply: Result<ConsoleResponse, ReadError>,
        effects: &mut Effects,
    ) {
        effects.redraw = effects.redraw.max(Redraw::Soon);
        let (now, frozen) = (self.now, self.frozen.is_some());
        if let ConsoleRequest::Coverage { series, from, to } = question {
            let strips = days_back(self.shown_now(), STRIP_DAYS) == (*from, *to);
            let cache = if strips { &mut self.answers.strips } else { &mut self.answers.coverage };
            cache.asking = false;
            match reply {
                Ok(ConsoleResponse::Coverage(rows)) => {
                    cache.error = None;
                    cache.keep((*from, *to), series, &rows, (of, now.since_start));
                }
                Ok(_) => {}
                Err(e) => cache.error = Some(e),
            }
            return;
        }
        if let Ok(ConsoleResponse::Log(lines)) = &reply {
            for line in lines {
                self.log.add(Arc::new(line.clone()));
            }
        }
        let Some(entry) = self.answers.entry_mut(question) else { return };
        entry.asking = false;
        if frozen && entry.reply.is_some() {
            effects.redraw = Redraw::No;
            return;
        }
        match reply {
            Ok(reply) => {
                (entry.reply, entry.error) = (Some(Arc::new(reply)), None);
                (entry.of, entry.at) = (of, Some(now.wall));
            }
            Err(e) => entry.error = Some(e),
        }
    }
}

/// The last `days` days until today, both ends included.
fn days_back(now: Ts, days: i64) -> (NaiveDate, NaiveDate) {
    ((now - (days - 1) * DAY).utc_date(), now.utc_date())
}
