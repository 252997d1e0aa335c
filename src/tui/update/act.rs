//! What each action does: one arm each.

use tui_input::Input;

use crate::actions::{ActionId, Spec};
use crate::model::command_line::Verb;
use crate::model::cursor::{ListCursor, RowKey};
use crate::model::layer::{Layer, Menu};
use crate::model::msg::{Effects, Redraw};
use crate::model::query::Query;
use crate::model::screen::{ListId, Screen};
use crate::model::sort::Sort;
use crate::model::{Model, Overlay, Zoom};
use barkeep_market::Criticality;
use barkeep_runtime::console::{Level, Verdict};
use barkeep_service::handle::TriggerScope;

impl Model {
    /// Runs an action, or shows why it is not available.
    pub(super) fn act(&mut self, spec: &Spec, effects: &mut Effects) {
        effects.redraw = Redraw::Now;
        if let Err(why) = self.permits(spec) {
            let title = spec.title(self);
            self.show_toast(Level::Warn, format!("{title}: {why}"), effects);
            return;
        }
        match spec.id {
            ActionId::Up => self.move_by(-1),
            ActionId::Down => self.move_by(1),
            ActionId::PageUp => self.move_by(-self.page()),
            ActionId::PageDown => self.move_by(self.page()),
            ActionId::HalfUp => self.move_by(-(self.page() / 2).max(1)),
            ActionId::HalfDown => self.move_by((self.page() / 2).max(1)),
            ActionId::Top => self.move_by(isize::MIN),
            ActionId::Bottom => self.move_by(isize::MAX),
            ActionId::Left => self.sideways(-1),
            ActionId::Right => self.sideways(1),
            ActionId::NextPane => self.next_pane(1),
            ActionId::PreviousPane => self.next_pane(-1),
            ActionId::Open => self.open(effects),
            ActionId::Back => self.back(),
            ActionId::Go(screen) => self.go(screen),
            ActionId::Filter => self.edit_filter(),
            ActionId::Sort => self.sort(Sort { by: self.symbols.sort.by.next(), reversed: false }),
            ActionId::SortBy(by) => self.sort_by(by),
            ActionId::Reverse => {
                self.sort(Sort { reversed: !self.symbols.sort.reversed, ..self.symbols.sort });
            }
            ActionId::Wide => self.wide = if self.wide.is_some() { None } else { Some(0) },
            ActionId::ZoomIn => self.zoom(1),
            ActionId::ZoomOut => self.zoom(-1),
            ActionId::Compare if self.screen == Screen::Failures => self.compare_in_detail(),
            ActionId::Compare => self.detail.compare = !self.detail.compare,
            ActionId::Overlay => {
                self.detail.overlay = match self.detail.overlay {
                    Overlay::Averages => Overlay::Bands,
                    Overlay::Bands => Overlay::None,
                    Overlay::None => Overlay::Averages,
                };
            }
            ActionId::ShorterTimeframe => self.next_timeframe(-1, effects),
            ActionId::LongerTimeframe => self.next_timeframe(1, effects),
            ActionId::LogLevel => self.next_level(),
            ActionId::Follow => self.follow_log(!self.log.follow),
            ActionId::Explain => self.layers.push(Layer::Why(0)),
            ActionId::NextMatch => self.next_match(1, effects),
            ActionId::PreviousMatch => self.next_match(-1, effects),
            ActionId::Freeze => self.freeze(),
            ActionId::Maximize => self.maximized = !self.maximized,
            ActionId::Refresh => {
                self.answers.clear();
                self.show_toast(Level::Info, "refreshing", effects);
            }
            ActionId::Mark => self.mark(),
            ActionId::MarkRange => self.mark_range(),
            ActionId::MarkAll => self.mark_all(),
            ActionId::Unmark => {
                self.remember_marks();
                self.symbols.marks.clear();
                self.symbols.range_from = None;
            }
            ActionId::Trigger => self.trigger_selected(effects),
            ActionId::TriggerStale => self.trigger("Backfill every stale series", TriggerScope::Stale, effects),
            ActionId::TriggerTier => self.layers.push(Layer::Palette(Menu { input: Input::from("tier"), cursor: 0 })),
            ActionId::TriggerCritical => self.trigger_tier(Criticality::Critical, effects),
            ActionId::TriggerStandard => self.trigger_tier(Criticality::Standard, effects),
            ActionId::TriggerLow => self.trigger_tier(Criticality::Low, effects),
            ActionId::TriggerGap => self.trigger_gap(effects),
            ActionId::AddSymbols => self.open_command_line(Verb::Add),
            ActionId::RemoveSymbols => self.open_command_line(Verb::Remove),
            ActionId::SetTier => self.open_command_line(Verb::Tier),
            ActionId::SetSince => self.open_command_line(Verb::Since),
            ActionId::BackfillRange => self.open_command_line(Verb::Backfill),
            ActionId::Pause => self.pause_engine(effects),
            ActionId::PauseSymbol => self.pause_symbols(effects),
            ActionId::PauseSeries => self.pause_series(effects),
            ActionId::Cancel => self.cancel(),
            ActionId::CancelSeries => self.cancel_series(),
            ActionId::Retry => self.retry(effects),
            ActionId::Accept => self.decide(Verdict::Accepted),
            ActionId::Reject => self.decide(Verdict::Rejected),
            ActionId::Copy => {
                if let Some(text) = self.row_text() {
                    self.show_toast(Level::Info, format!("copied: {text}"), effects);
                    effects.copy = Some(text);
                }
            }
            ActionId::Screenshot => effects.screenshot = true,
            ActionId::Theme => {
                let next = self.next_look();
                self.put_on(next);
                self.show_toast(Level::Info, format!("theme: {}", next.name()), effects);
            }
            ActionId::Ascii => self.display.ascii = !self.display.ascii,
            ActionId::Mouse => {
                self.display.mouse = !self.display.mouse;
                effects.mouse = Some(self.display.mouse);
                let text = if self.display.mouse {
                    "mouse captured; hold Shift to select text"
                } else {
                    "mouse released: the terminal selects text"
                };
                self.show_toast(Level::Info, text, effects);
            }
            ActionId::Repaint => effects.repaint = true,
            ActionId::Help => self.layers.push(Layer::Help(Menu::default())),
            ActionId::Palette => self.layers.push(Layer::Palette(Menu::default())),
            ActionId::Undo => self.undo(effects),
            ActionId::Messages => self.layers.push(Layer::Messages(0)),
            ActionId::Suspend => effects.suspend = true,
            ActionId::Quit => self.ask_to_quit(false, effects),
            ActionId::QuitShown => self.ask_to_quit(true, effects),
            ActionId::QuitNow => self.quit(effects),
        }
    }

    /// Shows a screen as if it had been chosen by its number: there is no way back but the overview.
    pub(super) fn go(&mut self, screen: Screen) {
        self.trail.clear();
        if screen == Screen::Detail && self.screen != Screen::Detail {
            // The series under the cursor, and it stays that one while the table is sorted anew.
            let series = self.detail_series();
            self.show_series(series);
        }
        self.screen = screen;
    }

    /// Shows a screen because something was opened.
    pub(super) fn descend(&mut self, screen: Screen) {
        if self.screen != screen {
            self.trail.push(self.screen);
            self.screen = screen;
        }
    }

    fn open(&mut self, effects: &mut Effects) {
        let list = self.focus();
        let (series, execution) = (self.selected_series(), self.selected_execution());
        match list {
            ListId::OverviewExecutions | ListId::Executions => {
                if let Some(id) = execution {
                    self.descend(Screen::Executions);
                    self.executions.open = Some(id);
                    self.set_pane(1);
                    self.cursors.remove(&ListId::ExecutionSeries);
                }
            }
            ListId::OverviewAlerts => {
                self.descend(Screen::Failures);
                self.focus_list(ListId::Alerts);
            }
            ListId::Coverage if self.unfold() => {}
            ListId::Coverage => match self.coverage.zoom {
                Zoom::Weeks | Zoom::Days => self.zoom(1),
                Zoom::Session => self.open_series(series),
            },
            ListId::Gaps => {
                let start = self.selected_stretch().map(|(_, start, _)| start);
                if let (Some(series), Some(start)) = (series, start) {
                    let class = self.series(&series).map(|row| row.asset_class);
                    self.coverage.date = Some(class.map_or_else(|| start.utc_date(), |class| class.date_of(start)));
                    self.select_series(&series);
                    self.descend(Screen::Coverage);
                }
            }
            _ if self.screen == Screen::Detail => self.show_toast(Level::Info, "no details for this row", effects),
            _ if series.is_some() => self.open_series(series),
            _ => self.show_toast(Level::Info, "no details for this row", effects),
        }
    }

    pub(super) fn open_series(&mut self, series: Option<barkeep_runtime::console::SeriesName>) {
        if series.is_some() {
            self.show_series(series);
            self.descend(Screen::Detail);
        }
    }

    /// Makes a series that of the detail screen and, where it is listed, of the table.
    fn show_series(&mut self, series: Option<barkeep_runtime::console::SeriesName>) {
        let Some(series) = series else { return };
        if self.detail.series.as_ref() != Some(&series) {
            for list in Screen::Detail.lists() {
                self.cursors.remove(list);
            }
            self.detail.compare = false;
            self.detail.at = None;
        }
        self.select_series(&series);
        self.detail.series = Some(series);
    }

    /// Opens the series of the selected bar in quarantine, with the bar beside what is stored.
    fn compare_in_detail(&mut self) {
        let Some(row) = self.selected_quarantine() else { return };
        let (id, series) = (row.id, (row.symbol.clone(), row.timeframe));
        self.open_series(Some(series));
        self.focus_list(ListId::DetailQuarantine);
        self.cursors.insert(ListId::DetailQuarantine, ListCursor { index: 0, key: Some(RowKey::Id(id)) });
        self.detail.compare = true;
    }

    /// Leaves the innermost thing first: a range, a comparison, a zoom, a screen, the filter, the marks.
    fn back(&mut self) {
        // A range that was begun is given up first; nothing else changes.
        if self.symbols.range_from.take().is_some() {
            return;
        }
        if std::mem::take(&mut self.maximized) {
            return;
        }
        let on_table = matches!(self.screen, Screen::Symbols | Screen::Coverage);
        // A run list that stands on one item follows the run again.
        if self.focus() == ListId::Items && self.cursors.remove(&ListId::Items).is_some() {
            return;
        }
        if self.screen == Screen::Detail && self.detail.compare {
            self.detail.compare = false;
        } else if self.screen == Screen::Detail && self.detail.at.is_some() {
            self.detail.at = None;
        } else if self.filtered_list().is_some() && !self.filter().is_empty() {
            self.set_filter(String::new());
        } else if self.screen == Screen::Executions && self.focus() == ListId::ExecutionSeries {
            self.set_pane(0);
            if let Some(screen) = self.trail.pop() {
                self.screen = screen;
            }
        } else if self.screen == Screen::Coverage && self.coverage.zoom == Zoom::Session {
            self.coverage.zoom = Zoom::Days;
        } else if self.screen == Screen::Coverage && self.fold() {
        } else if let Some(screen) = self.trail.pop() {
            self.screen = screen;
        } else if on_table && !self.symbols.filter.is_empty() {
            self.set_filter(String::new());
        } else if self.screen == Screen::Log && !self.log.filter.is_empty() {
            self.log.filter.clear();
        } else if on_table && !self.symbols.marks.is_empty() {
            self.symbols.marks.clear();
        } else {
            self.toasts.clear();
            self.screen = Screen::Overview;
        }
    }

    fn edit_filter(&mut self) {
        // On a screen without a list of its own it is the series that are looked for.
        if matches!(self.screen, Screen::Overview | Screen::Detail) {
            self.go(Screen::Symbols);
        }
        let before = self.filter().to_owned();
        let input = Input::from(before.clone());
        self.layers.push(Layer::Filter { input, before, recalled: self.typed_filters.len() });
    }

    /// The list in front that a filter is for; none when it is the series or the log.
    #[must_use]
    pub fn filtered_list(&self) -> Option<ListId> {
        let others = matches!(self.screen, Screen::Executions | Screen::Vendor | Screen::Failures);
        others.then(|| self.focus())
    }

    /// The filter of the list in front.
    #[must_use]
    pub fn filter(&self) -> &str {
        match self.filtered_list() {
            Some(list) => self.filters.get(&list).map_or("", String::as_str),
            None if self.screen == Screen::Log => &self.log.filter,
            None => &self.symbols.filter,
        }
    }

    /// Sets the filter of the list in front.
    pub(super) fn set_filter(&mut self, text: String) {
        if let Some(list) = self.filtered_list() {
            let selected = self.selected_key(list);
            self.filters.insert(list, text);
            // What is selected stays selected while it is shown.
            let row =
                selected.and_then(|key| (0..self.len_of(list)).find(|k| self.key_of(list, *k) == Some(key.clone())));
            match row {
                Some(row) => self.select(list, row),
                None => drop(self.cursors.remove(&list)),
            }
            return;
        }
        if self.screen == Screen::Log {
            if !text.is_empty() {
                self.log.sought.clone_from(&text);
            }
            self.log.filter = text;
            return;
        }
        self.symbols.query = Query::parse(&text);
        self.symbols.filter = text;
        self.keep_selection(Self::reorder);
    }

    fn next_level(&mut self) {
        let at = Level::ALL.iter().position(|level| *level == self.log.level).unwrap_or(0);
        self.log.level = Level::ALL.get(at + 1).or(Level::ALL.first()).copied().unwrap_or(Level::Info);
    }

    fn freeze(&mut self) {
        if self.frozen.take().is_some() {
            self.log.until = None;
            self.show_newest();
        } else {
            self.frozen = Some(self.now.wall);
            // Before the first line there is nothing that could be shown.
            self.log.until = Some(self.log.newest().map_or(0, |line| line.seq));
        }
    }
}
