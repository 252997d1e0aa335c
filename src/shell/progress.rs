//! Progress of a backfill: bars on a terminal, plain lines elsewhere, always on stderr.
//!
//! Nothing is counted here: every number is read from the [`RunProgress`] of the run.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{manner, note};
use barkeep_base::clock::{Clock as _, SystemClock};
use barkeep_base::format::plural;
use barkeep_base::format::{count, hms};
use barkeep_pipeline::events::{Event, Listener};
use barkeep_pipeline::progress::{ItemView, RunProgress};
use barkeep_store::{HealthListener, StoreError};

/// Steps of a progress bar; fine enough for any terminal.
const STEPS: u64 = 1_000;

/// Shorter waits are not reported, and not more than one in `BETWEEN_WAITS`.
const LONG_WAIT: Duration = Duration::from_secs(2);
const BETWEEN_WAITS: Duration = Duration::from_secs(10);

/// Draws a run.
pub struct Progress {
    /// Present on a terminal.
    bars: Option<MultiProgress>,
    /// Requests per minute; `None` when unlimited.
    limit: Option<u32>,
    /// The run that is drawn; it owns this, as the listener of its events.
    run: OnceLock<Weak<RunProgress>>,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    overall: Option<ProgressBar>,
    /// A bar for each item under way.
    items: HashMap<u64, ProgressBar>,
    waited_at: Option<Instant>,
}

impl Progress {
    /// Bars when stderr is a terminal, lines otherwise.
    #[must_use]
    pub fn new(limit: Option<u32>) -> Self {
        let bars = (std::io::stderr().is_terminal() && !manner().quiet)
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        let state = State { started: Instant::now(), overall: None, items: HashMap::new(), waited_at: None };
        Self { bars, limit, run: OnceLock::new(), state: Mutex::new(state) }
    }

    /// Draws this run from now on.
    pub fn follow(&self, run: &Arc<RunProgress>) {
        // A second run would have a `Progress` of its own.
        let _ = self.run.set(Arc::downgrade(run));
    }

    fn run(&self) -> Option<Arc<RunProgress>> {
        self.run.get().and_then(Weak::upgrade)
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
            None => note(line),
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
        let Some((bars, run)) = self.bars.as_ref().zip(self.run()) else { return };
        let run = run.reading();
        let all = run.requests_answered + run.requests_left;
        let bar = state.overall.get_or_insert_with(|| {
            let bar = bars.insert(0, ProgressBar::new(all.max(1)));
            if let Ok(style) = ProgressStyle::with_template("{prefix:<14} {bar:28} {wide_msg}") {
                bar.set_style(style.progress_chars("█▓░"));
            }
            bar.set_prefix("all");
            bar
        });
        bar.set_length(all.max(1));
        bar.set_position(run.requests_answered);
        let seconds = state.started.elapsed().as_secs_f64().max(0.001);
        let time_left = match self.limit {
            Some(limit) if limit > 0 && run.requests_left > 0 => {
                // As estimated until that time has passed; with retries it takes longer, and then the limit is the estimate.
                let planned = run.not_before.map(|at| (at - SystemClock.now()) as f64 / 1000.0);
                let share = run.requests_left as f64 * 60.0 / f64::from(limit);
                let seconds = planned.filter(|s| *s > 0.0).unwrap_or(share);
                format!("  at most {} left at {limit}/min", hms(seconds))
            }
            _ => String::new(),
        };
        bar.set_message(format!(
            "requests {}/{all}  {} rows  {} rows/s{time_left}",
            run.requests_answered,
            count(run.rows),
            count((run.rows as f64 / seconds) as u64),
        ));
    }

    fn item(&self, number: u64) -> Option<ItemView> {
        self.run()?.item(number)
    }
}

impl Listener for Progress {
    fn on_event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { requests, items, estimated_seconds, .. } => {
                let bound = match self.limit {
                    Some(limit) => format!(", at most {} at {limit}/min", hms(estimated_seconds)),
                    None => String::new(),
                };
                let requests = plural(requests, "request");
                let ranges = plural(items, "range");
                self.print(&format!("plan: {requests} for {ranges}{bound}"));
                self.overall(&mut state);
            }
            Event::Started { item, info } => {
                if let Some(bar) = self.item_bar(&info.label()) {
                    state.items.insert(item, bar);
                }
            }
            Event::Ended(_) | Event::PageFetched { .. } => self.overall(&mut state),
            Event::Committed { item: Some(number), timeframe, .. } => {
                if let Some(item) = self.item(number) {
                    let is_base = item.info.timeframe == Some(timeframe);
                    if let Some(bar) = state.items.get(&number) {
                        bar.set_position((item.done * STEPS as f64) as u64);
                        let (rows, written) = (count(item.rows), count(item.written));
                        bar.set_message(format!("{rows} rows  {written} written"));
                    } else if is_base && item.done < 1.0 {
                        let (done, rows) = (item.done * 100.0, count(item.rows));
                        self.print(&format!("{:<14} {done:>3.0} %  {rows} rows", item.label));
                    }
                }
                self.overall(&mut state);
            }
            Event::Finished { item: number } => {
                match (state.items.remove(&number), self.item(number)) {
                    (Some(bar), _) => bar.finish_and_clear(),
                    (None, Some(item)) if item.pages_done > 0 => {
                        let (rows, written) = (count(item.rows), count(item.written));
                        self.print(&format!("{:<14} done   {rows} rows, {written} written", item.label));
                    }
                    (None, _) => {}
                }
                self.overall(&mut state);
            }
            Event::Failed { item: number, reason, .. } => {
                if let Some(bar) = state.items.remove(&number) {
                    bar.finish_and_clear();
                }
                let label = self.item(number).map(|item| item.label).unwrap_or_default();
                self.print(&format!("{label:<14} failed {reason}"));
                self.overall(&mut state);
            }
            Event::Waiting { ticker, why, wait, .. } => {
                let recently = state.waited_at.is_some_and(|at| at.elapsed() < BETWEEN_WAITS);
                if wait >= LONG_WAIT && !recently {
                    state.waited_at = Some(Instant::now());
                    let whose = ticker.map(|t| format!("{t}: ")).unwrap_or_default();
                    self.print(&format!("{whose}waiting {} s: {why}", wait.as_secs_f64().ceil()));
                }
            }
            Event::Queued { why: Some(why) } => self.print(&format!("queued: {why}")),
            Event::Queued { why: None } => self.print("its turn has come"),
            Event::Requested { .. } | Event::Committed { item: None, .. } => {}
        }
    }
}

impl HealthListener for Progress {
    fn lost(&self, error: &StoreError) {
        self.print(&format!("lost the database, waiting for it: {error}"));
    }

    fn back(&self, after: Duration) {
        self.print(&format!("the database is back after {}", hms(after.as_secs_f64())));
    }
}
