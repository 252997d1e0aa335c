//! Progress of a backfill: bars on a terminal, plain lines elsewhere, always on stderr.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use barkeep_base::format::{count, hms, plural};
use barkeep_pipeline::events::{Event, Listener};

/// Steps of a progress bar; fine enough for any terminal.
const STEPS: u64 = 1_000;

/// Shorter waits are not reported, and not more than one in `BETWEEN_WAITS`.
const LONG_WAIT: Duration = Duration::from_secs(2);
const BETWEEN_WAITS: Duration = Duration::from_secs(10);

/// Draws the events of a run.
pub struct Progress {
    /// Present on a terminal.
    bars: Option<MultiProgress>,
    /// Requests per minute; `None` when unlimited.
    limit: Option<u32>,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    overall: Option<ProgressBar>,
    items: HashMap<u64, Item>,
    planned: u64,
    /// When the limit lets the last planned request start.
    ends_by: Option<Instant>,
    answered: u64,
    rows: u64,
    written: u64,
    waited_at: Option<Instant>,
}

struct Item {
    label: String,
    bar: Option<ProgressBar>,
    rows: u64,
    written: u64,
    /// Pages committed; the derived timeframes of a page do not count again.
    pages: u64,
}

impl Progress {
    /// Bars when stderr is a terminal, lines otherwise.
    #[must_use]
    pub fn new(limit: Option<u32>) -> Self {
        let bars = std::io::stderr()
            .is_terminal()
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        let state = State {
            started: Instant::now(),
            overall: None,
            items: HashMap::new(),
            planned: 0,
            ends_by: None,
            answered: 0,
            rows: 0,
            written: 0,
            waited_at: None,
        };
        Self { bars, limit, state: Mutex::new(state) }
    }

    /// Removes the bars from the screen.
    pub fn clear(&self) {
        if let Some(bars) = &self.bars {
            // The terminal may be gone.
            let _ = bars.clear();
        }
    }

    /// Prints a line in response to a signal; `typed` when Ctrl-C was pressed.
    pub fn print_after_signal(&self, line: &str, typed: bool) {
        if typed && self.bars.is_some() {
            // The terminal echoed ^C after the last bar, which is padded to the full width: the cursor has moved one
            // line down, and the bars would be drawn again in the wrong place.
            eprint!("\r\x1b[2K\x1b[1A");
        }
        self.print(line);
    }

    fn print(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(line);
            }
            None => eprintln!("{line}"),
        }
    }

    fn item_bar(&self, label: &str) -> Option<ProgressBar> {
        let bars = self.bars.as_ref()?;
        let bar = bars.add(ProgressBar::new(STEPS));
        if let Ok(style) = ProgressStyle::with_template("{prefix:<14} {bar:28} {percent:>3} %  {wide_msg}") {
            bar.set_style(style.progress_chars("█▓░"));
        }
        bar.set_prefix(label.to_owned());
        Some(bar)
    }

    fn overall(&self, state: &mut State) {
        let Some(bars) = &self.bars else { return };
        let bar = state.overall.get_or_insert_with(|| {
            let bar = bars.insert(0, ProgressBar::new(state.planned.max(1)));
            if let Ok(style) = ProgressStyle::with_template("{prefix:<14} {bar:28} {wide_msg}") {
                bar.set_style(style.progress_chars("█▓░"));
            }
            bar.set_prefix("all");
            bar
        });
        bar.set_length(state.planned.max(state.answered).max(1));
        bar.set_position(state.answered);
        let seconds = state.started.elapsed().as_secs_f64().max(0.001);
        let left = state.planned.saturating_sub(state.answered);
        let time_left = match self.limit {
            Some(limit) if limit > 0 && left > 0 => {
                // As estimated until that time has passed; with retries it takes longer, and then the limit is the estimate.
                let planned = state.ends_by.map(|end| end.saturating_duration_since(Instant::now()).as_secs_f64());
                let seconds = planned.filter(|s| *s > 0.0).unwrap_or(left as f64 * 60.0 / f64::from(limit));
                format!("  at most {} left at {limit}/min", hms(seconds))
            }
            _ => String::new(),
        };
        bar.set_message(format!(
            "requests {}/{}  {} rows  {} rows/s{time_left}",
            state.answered,
            state.planned.max(state.answered),
            count(state.rows),
            count((state.rows as f64 / seconds) as u64),
        ));
    }
}

impl Listener for Progress {
    fn hear(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { requests, items, estimated_seconds, .. } => {
                state.planned = state.answered + requests;
                let estimated = Duration::try_from_secs_f64(estimated_seconds).ok();
                state.ends_by = estimated.and_then(|wait| Instant::now().checked_add(wait));
                let bound = match self.limit {
                    Some(limit) => format!(", at most {} at {limit}/min", hms(estimated_seconds)),
                    None => String::new(),
                };
                let requests = plural(requests, "request");
                let ranges = plural(items, "range");
                self.print(&format!("plan: {requests} for {ranges}{bound}"));
                self.overall(&mut state);
            }
            Event::Started { item, head } => {
                let label = head.label();
                let bar = self.item_bar(&label);
                state.items.insert(item, Item { label, bar, rows: 0, written: 0, pages: 0 });
            }
            Event::Committed { item, rows, outcome, done, timeframe, symbol } => {
                let Some(entry) = state.items.get_mut(&item) else { return };
                let written = outcome.inserted + outcome.revised;
                entry.written += written;
                // There is one event for each timeframe of a page; the base timeframe comes first and counts as the page.
                let is_base = entry.label == format!("{symbol} {timeframe}") || entry.label.starts_with("market");
                if is_base {
                    entry.rows += rows;
                    entry.pages += 1;
                }
                if let Some(bar) = &entry.bar {
                    bar.set_position((done * STEPS as f64) as u64);
                    bar.set_message(format!("{} rows  {} written", count(entry.rows), count(entry.written)));
                } else if is_base && done < 1.0 {
                    let line = format!("{:<14} {:>3.0} %  {} rows", entry.label, done * 100.0, count(entry.rows));
                    self.print(&line);
                }
                state.written += written;
                if is_base {
                    state.rows += rows;
                    state.answered += 1;
                }
                self.overall(&mut state);
            }
            Event::Finished { item } => {
                if let Some(entry) = state.items.remove(&item) {
                    match entry.bar {
                        Some(bar) => bar.finish_and_clear(),
                        None if entry.pages > 0 => self.print(&format!(
                            "{:<14} done   {} rows, {} written",
                            entry.label,
                            count(entry.rows),
                            count(entry.written)
                        )),
                        None => {}
                    }
                    if entry.pages == 0 {
                        state.answered += 1;
                    }
                }
                self.overall(&mut state);
            }
            Event::Failed { item, symbol, timeframe, reason } => {
                let entry = state.items.remove(&item);
                let label = if let Some(entry) = &entry {
                    entry.label.clone()
                } else {
                    let symbol = symbol.map(|s| s.to_string()).unwrap_or_default();
                    format!("{symbol} {}", timeframe.map(|tf| tf.to_string()).unwrap_or_default())
                };
                if let Some(bar) = entry.and_then(|e| e.bar) {
                    bar.finish_and_clear();
                }
                self.print(&format!("{label:<14} failed {reason}"));
            }
            Event::Waiting { ticker, why, wait, .. } => {
                let recently = state.waited_at.is_some_and(|at| at.elapsed() < BETWEEN_WAITS);
                if wait >= LONG_WAIT && !recently {
                    state.waited_at = Some(Instant::now());
                    let whose = ticker.map(|t| format!("{t}: ")).unwrap_or_default();
                    self.print(&format!("{whose}waiting {} s: {why}", wait.as_secs_f64().ceil()));
                }
            }
            Event::Requested { .. } | Event::Answered(_) => {}
            Event::DatabaseLost { error } => self.print(&format!("lost the database, waiting for it: {error}")),
            Event::DatabaseBack { after } => {
                self.print(&format!("the database is back after {}", hms(after.as_secs_f64())));
            }
        }
    }
}
