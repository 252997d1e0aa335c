//! Everything the dashboard knows: what the next frame is drawn from.
//!
//! It is changed by [`update`](super::update) alone and read by everything else.

pub mod answers;
pub mod arranged;
pub mod command_line;
pub mod completion;
pub mod cursor;
pub mod layer;
pub mod lists;
pub mod map;
pub mod msg;
pub mod query;
pub mod row_filter;
pub mod screen;
mod selection;
pub mod sort;
pub mod toast;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use ratatui::layout::Size;
use uuid::Uuid;

use super::keymap::Keymap;
use crate::draw::hits::HitMap;
use crate::draw::theme::{ColorDepth, Look, OwnTheme, ThemeKind};
use crate::model::answers::Answers;
use crate::model::arranged::Arranged;
use crate::model::cursor::ListCursor;
use crate::model::layer::Layer;
use crate::model::msg::Pending;
use crate::model::query::Query;
use crate::model::screen::{ListId, Screen};
use crate::model::sort::Sort;
use crate::model::toast::Toasts;
use crate::now::digest::Digest;
use crate::now::wall::Wall;
use crate::terminal::keys::Key;
use barkeep_market::ts::SECOND;
use barkeep_market::{Symbol, Ts};
use barkeep_monitor::snapshot::Snapshot;
use barkeep_runtime::console::{Access, Level, Link, LogLine, SeriesName};
use barkeep_service::handle::EngineCommand;

/// What goes on this long, in milliseconds, may change the sizes of panels; anything shorter moves nothing.
pub const LASTING: i64 = 10 * SECOND;
/// Log lines in memory at most.
pub const LOG_LINES: usize = 2_000;

/// What time it is: on the wall, and on the loop's own clock, which only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: Ts,
    pub since_start: Duration,
}

/// A time in which runs followed each other without a longer break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkPeriod {
    pub since: Ts,
    /// When a run was seen last.
    pub until: Ts,
}

/// What an operator can change about the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisplayOptions {
    pub theme: ThemeKind,
    pub depth: ColorDepth,
    pub ascii: bool,
    pub mouse: bool,
}

/// The dashboard's state.
#[derive(Debug)]
pub struct Model {
    /// What is drawn: the newest, or the one of the moment the view was frozen.
    pub snap: Arc<Snapshot>,
    pub newest: Arc<Snapshot>,
    /// A reading that was worked out beside the screen and is not shown yet.
    pub arranged: Option<Box<Arranged>>,
    /// What the shown series come to.
    pub digest: Digest,
    /// The same by symbol and timeframe.
    pub wall: Wall,
    /// The time in which there were runs all along.
    pub work: Option<WorkPeriod>,
    /// Whether the list that has the focus fills the screen.
    pub maximized: bool,
    /// Lists show every column, without the first so many behind the one that names the row.
    pub wide: Option<usize>,
    /// Since when the view is frozen.
    pub frozen: Option<Ts>,
    pub link: Link,
    pub access: Access,
    /// Shown when the data are not real: `DEMO simulated vendor, 60 requests/min`.
    pub label: Option<String>,
    pub screen: Screen,
    /// Where Esc leads back to.
    pub trail: Vec<Screen>,
    /// Which list of each screen has the focus: an index into [`Screen::lists`].
    pub panes: [usize; Screen::ALL.len()],
    pub cursors: BTreeMap<ListId, ListCursor>,
    pub symbols: SymbolsState,
    pub coverage: CoverageScreen,
    pub detail: DetailState,
    pub executions: ExecutionsState,
    pub log: LogState,
    pub layers: Vec<Layer>,
    pub answers: Answers,
    pub toasts: Toasts,
    pub display: DisplayOptions,
    pub size: Size,
    /// Whether the terminal's window has the focus.
    pub focused: bool,
    pub now: Now,
    /// What the last frame showed.
    pub hits: HitMap,
    pub keymap: Arc<Keymap>,
    /// Commands that are not answered yet.
    pub pending: Vec<Pending>,
    /// The id of the last command.
    pub last_command: u64,
    /// Keys pressed so far of several that mean something together.
    pub typed: Vec<Key>,
    /// Said once in the last line, until the next key.
    pub footnote: Option<String>,
    /// Keys that were said to mean nothing.
    pub unknown: BTreeSet<String>,
    /// What can be undone, the last one last.
    pub undo: Vec<Undo>,
    /// Filters of lists other than that of the series and the log.
    pub filters: BTreeMap<ListId, String>,
    /// Filters that were typed, the newest last.
    pub typed_filters: Vec<String>,
    /// The theme before another is tried on.
    pub theme_before: Option<Look>,
    /// The theme of one's own that is on, in place of the one of the display options.
    pub own_theme: Option<OwnTheme>,
    /// All of one's own there are.
    pub own_themes: Vec<OwnTheme>,
    /// Whether the operator has quit: the engine is shutting down.
    pub quitting: bool,
    /// Whether the last screen stays on the terminal.
    pub keeps_screen: bool,
}

/// How something is undone.
#[derive(Clone, Debug)]
pub enum Undo {
    /// The marks as they were.
    Marks(BTreeSet<SeriesName>),
    /// The opposite command, and what it does.
    Send(String, EngineCommand),
}

/// The table of series.
#[derive(Clone, Debug, Default)]
pub struct SymbolsState {
    pub filter: String,
    pub query: Query,
    pub sort: Sort,
    pub marks: BTreeSet<SeriesName>,
    /// Where a range of marks began.
    pub range_from: Option<SeriesName>,
    /// Indexes into the series of the snapshot: those that match the filter, sorted.
    pub order: Vec<u32>,
    /// The rows of each symbol, in the order in which the symbols come first; fine to coarse.
    pub groups: Vec<Vec<usize>>,
}

/// How much time a cell of the coverage map holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    Weeks,
    #[default]
    Days,
    /// The pieces of the selected date of the selected series.
    Session,
}

/// The coverage map. Its rows are those of the table of series.
#[derive(Clone, Debug, Default)]
pub struct CoverageScreen {
    pub zoom: Zoom,
    /// The selected date; the newest when there is none.
    pub date: Option<NaiveDate>,
    /// Symbols whose timeframes have a line each.
    pub unfolded: BTreeSet<Symbol>,
}

/// Lines over the candles of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// The averages of 20 and of 50 bars.
    #[default]
    Averages,
    /// Bollinger bands.
    Bands,
    None,
}

/// The screen about one series.
#[derive(Clone, Debug, Default)]
pub struct DetailState {
    /// The one last opened; without one it is the one under the cursor of the table.
    pub series: Option<SeriesName>,
    /// Whether the selected bar in quarantine is shown beside its neighbors.
    pub compare: bool,
    /// The bar under the cursor of the chart.
    pub at: Option<Ts>,
    pub overlay: Overlay,
}

#[derive(Clone, Debug, Default)]
pub struct ExecutionsState {
    /// The one that is shown series by series.
    pub open: Option<Uuid>,
}

/// The log.
#[derive(Clone, Debug)]
pub struct LogState {
    ring: VecDeque<Arc<LogLine>>,
    /// Nothing less grave is shown.
    pub level: Level,
    pub filter: String,
    /// The last filter there was, without its last letters being typed.
    pub sought: String,
    /// Whether the selection stays on the newest line.
    pub follow: bool,
    /// Lines that came too fast.
    pub skipped: u64,
    /// While the view is frozen: the last line it shows.
    pub until: Option<u64>,
}

impl Default for LogState {
    fn default() -> Self {
        Self {
            ring: VecDeque::new(),
            level: Level::Info,
            filter: String::new(),
            sought: String::new(),
            follow: true,
            skipped: 0,
            until: None,
        }
    }
}

/// Whether a line has a text in what it says or where it comes from.
pub fn containing(text: &str) -> impl Fn(&LogLine) -> bool + use<> {
    let text = text.to_lowercase();
    move |line| {
        text.is_empty() || line.text.to_lowercase().contains(&text) || line.source.to_lowercase().contains(&text)
    }
}

impl LogState {
    /// Adds a line, unless it is there already.
    pub fn add(&mut self, notice: Arc<LogLine>) {
        let known = self.ring.back().is_some_and(|last| last.seq >= notice.seq);
        if known && self.ring.iter().any(|line| line.seq == notice.seq) {
            return;
        }
        let at = self.ring.partition_point(|line| line.seq < notice.seq);
        self.ring.insert(at, notice);
        if self.ring.len() > LOG_LINES {
            self.ring.pop_front();
        }
    }

    /// The newest line, shown or not.
    #[must_use]
    pub fn newest(&self) -> Option<&LogLine> {
        self.ring.back().map(Arc::as_ref)
    }

    /// The lines that fit level and filter, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &LogLine> {
        let fits = containing(&self.filter);
        self.ring
            .iter()
            .map(Arc::as_ref)
            .filter(|line| line.level <= self.level && self.until.is_none_or(|until| line.seq <= until))
            .filter(move |line| fits(line))
    }
}

impl Model {
    /// A dashboard that has just been opened.
    #[must_use]
    pub fn new(snap: Arc<Snapshot>, link: Link, access: Access, display: DisplayOptions, size: Size, now: Now) -> Self {
        let mut model = Self {
            newest: Arc::clone(&snap),
            arranged: None,
            digest: Digest::default(),
            wall: Wall::default(),
            work: None,
            maximized: false,
            wide: None,
            snap,
            frozen: None,
            link,
            access,
            label: None,
            screen: Screen::default(),
            trail: Vec::new(),
            panes: [0; Screen::ALL.len()],
            cursors: BTreeMap::new(),
            symbols: SymbolsState::default(),
            coverage: CoverageScreen::default(),
            detail: DetailState::default(),
            executions: ExecutionsState::default(),
            log: LogState::default(),
            layers: Vec::new(),
            answers: Answers::default(),
            toasts: Toasts::default(),
            display,
            size,
            focused: true,
            now,
            hits: HitMap::default(),
            keymap: Arc::default(),
            pending: Vec::new(),
            last_command: 0,
            typed: Vec::new(),
            footnote: None,
            unknown: BTreeSet::new(),
            undo: Vec::new(),
            filters: BTreeMap::new(),
            typed_filters: Vec::new(),
            theme_before: None,
            own_theme: None,
            own_themes: Vec::new(),
            quitting: false,
            keeps_screen: false,
        };
        model.arrange();
        model
    }

    /// The list that has the focus.
    #[must_use]
    pub fn focus(&self) -> ListId {
        let lists = self.screen.lists();
        let pane = self.panes.get(self.screen as usize).copied().unwrap_or(0);
        lists.get(pane).or(lists.first()).copied().unwrap_or(ListId::Log)
    }

    /// Whether this list has the focus and no layer is open.
    #[must_use]
    pub fn has_focus(&self, list: ListId) -> bool {
        self.layers.is_empty() && self.focus() == list
    }

    /// The selected date of the coverage map, by default today's.
    #[must_use]
    pub fn coverage_date(&self) -> NaiveDate {
        self.coverage.date.unwrap_or_else(|| self.shown_now().utc_date())
    }

    /// What time the screen shows: the moment of freezing, while it is frozen; the last word of an engine that is silent.
    #[must_use]
    pub fn shown_now(&self) -> Ts {
        match (self.frozen, &self.link) {
            (Some(frozen), _) => frozen,
            (None, Link::Lost { since, .. }) => *since,
            _ => self.now.wall,
        }
    }

    /// Whether there have been runs for a while, or were until a moment ago: only then the list of their items gets more
    /// room. Short runs soon after each other count as one.
    #[must_use]
    pub fn is_working(&self) -> bool {
        let now = self.shown_now();
        let runs = &self.snap.live.runs;
        let lasts = runs.iter().any(|run| now - run.started_at >= LASTING);
        lasts
            || self.work.is_some_and(|work| {
                let until = if runs.is_empty() { work.until } else { now };
                until - work.since >= LASTING && now - until < LASTING
            })
    }

    /// Notes that there are runs now, the oldest since `since`.
    pub(crate) fn works(&mut self, since: Ts) {
        let until = self.now.wall;
        let before = self.work.filter(|work| until - work.until < LASTING).map_or(since, |work| work.since.min(since));
        self.work = Some(WorkPeriod { since: before, until });
    }
}
