//! Which of the splits that the vendor lists did happen, as the prices show.
//!
//! Lists are wrong now and then: a split is listed for the day it was announced and for the day it was executed, two rows
//! of one day contradict each other, a ratio is upside down. The raw price knows: over a split of `from` to `to` it steps
//! by `from / to`, from the close of the session before to the open of the first one on or after the date.
//!
//! The rule, in logarithms of the step. A reading is one row of a day, or all rows of a day together; another is that
//! nothing happened. What a reading leaves unexplained is its rest.
//!
//! - **Confirmed**: the rest is at most half of the step, and at most [`ORDINARY`] or a quarter of the split.
//! - **Contradicted**: every reading of the day leaves at least [`ORDINARY`] unexplained, and at least twice as much as no
//!   split does. Then the sessions next to it are looked at: a split that one of them shows happened there.
//! - Anything else is left open and applied: a split of 1.05 to 1 drowns in an ordinary night, a fall of a third is half
//!   a split of 2 to 1.
//!
//! A step shows one split. Of two rows with the same ratio at most [`SAME_SPLIT_DAYS`] apart, of which one is confirmed,
//! the other is the same split listed twice.

use chrono::NaiveDate;

use super::{Ratio, Split};
use crate::bar::Bar;

/// A night's move that needs no explanation: 35 %.
const ORDINARY: f64 = 0.3;
/// A step over a longer pause shows nothing.
const LONGEST_PAUSE_DAYS: i64 = 7;
/// How far apart a split is listed twice.
const SAME_SPLIT_DAYS: i64 = 30;

/// Raw prices on both sides of a night: the close of one session and the open of the next one that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub before: NaiveDate,
    pub after: NaiveDate,
    pub close: f64,
    pub open: f64,
}

impl Step {
    fn log(&self) -> f64 {
        self.open.ln() - self.close.ln()
    }

    fn is_sound(&self) -> bool {
        let price = |p: f64| p.is_finite() && p > 0.0;
        price(self.close)
            && price(self.open)
            && (1..=LONGEST_PAUSE_DAYS).contains(&(self.after - self.before).num_days())
    }
}

/// The steps between raw daily bars, each with its session's date; ascending.
#[must_use]
pub fn steps(days: &[(NaiveDate, Bar)]) -> Vec<Step> {
    let pairs = days.iter().zip(days.iter().skip(1));
    pairs
        .map(|((before, a), (after, b))| Step { before: *before, after: *after, close: a.close, open: b.open })
        .collect()
}

/// What prices say about a listed split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitFinding {
    /// There are no prices on both sides, or they leave it open.
    Open,
    Confirmed,
    Contradicted,
}

/// A listed split and what prices say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitVerdict {
    pub split: Split,
    pub finding: SplitFinding,
    /// The session at which the prices show the split instead; it is contradicted on its own date.
    pub shown_on: Option<NaiveDate>,
    /// Both readings, where they differ.
    pub note: Option<String>,
}

/// Judges all listed splits of one symbol by the steps known around them. Neither order matters; the verdicts come by
/// date and ratio.
#[must_use]
pub fn confirm(rows: &[Split], known: &[Step]) -> Vec<SplitVerdict> {
    let mut steps: Vec<Step> = known.iter().filter(|step| step.is_sound()).copied().collect();
    steps.sort_by_key(|step| step.after);
    steps.dedup_by_key(|step| step.after);
    let mut rows: Vec<Split> = rows.iter().filter(|row| row.is_sound()).copied().collect();
    rows.sort_by(|a, b| a.date.cmp(&b.date).then(a.from.total_cmp(&b.from)).then(a.to.total_cmp(&b.to)));
    rows.dedup();

    let mut days: Vec<Day> = rows.chunk_by(|a, b| a.date == b.date).map(|rows| Day::new(rows, &steps)).collect();
    let mut shown: Vec<usize> = days.iter().filter_map(Day::shown_at).collect();
    for day in &mut days {
        if let Some(at) = day.beside(&steps, &shown) {
            shown.push(at);
        }
    }
    let mut verdicts: Vec<SplitVerdict> = days.iter().flat_map(|day| day.verdicts(&steps)).collect();
    listed_twice(&mut verdicts);
    verdicts
}

/// The rows of one date.
struct Day {
    rows: Vec<Split>,
    /// The place of the step over the date, if its prices are known.
    at: Option<usize>,
    says: Says,
}

/// What a step says about the rows of a day.
#[derive(Clone, Debug, PartialEq)]
enum Says {
    NoPrices,
    /// These rows are true, at this step; the others of the day are not.
    Shows {
        rows: Vec<usize>,
        at: usize,
    },
    /// None of them is.
    Nothing,
    /// These rows explain the step best, without proof.
    Unclear {
        rows: Vec<usize>,
    },
}

impl Day {
    fn new(rows: &[Split], steps: &[Step]) -> Self {
        let over = |date: NaiveDate| {
            let first = steps.partition_point(|step| step.after < date);
            steps.get(first).is_some_and(|step| step.before < date).then_some(first)
        };
        let at = rows.first().and_then(|row| over(row.date));
        let rows = rows.to_vec();
        let says = match at.and_then(|k| Some((k, steps.get(k)?))) {
            Some((k, step)) => judge(&rows, step, k),
            None => Says::NoPrices,
        };
        Self { rows, at, says }
    }

    fn shown_at(&self) -> Option<usize> {
        match &self.says {
            Says::Shows { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Looks one session further to both sides for a split that its own date does not show.
    fn beside(&mut self, steps: &[Step], taken: &[usize]) -> Option<usize> {
        let at = self.at.filter(|_| self.says == Says::Nothing)?;
        let here = steps.get(at)?;
        let before = at.checked_sub(1).filter(|k| steps.get(*k).is_some_and(|s| s.after == here.before));
        let after = Some(at + 1).filter(|k| steps.get(*k).is_some_and(|s| s.before == here.after));
        let shows = |k: usize| {
            let says = judge(&self.rows, steps.get(k)?, k);
            let Says::Shows { rows, .. } = &says else { return None };
            (ratio_of(&self.rows, rows).log().abs() >= ORDINARY).then_some((k, says))
        };
        let found = [after, before].into_iter().flatten().filter(|k| !taken.contains(k)).find_map(shows);
        found.map(|(k, says)| {
            self.says = says;
            k
        })
    }

    fn verdicts(&self, steps: &[Step]) -> Vec<SplitVerdict> {
        let here = self.at.and_then(|k| steps.get(k));
        let verdict = |(k, split): (usize, &Split)| {
            let (finding, shown_on, note) = match &self.says {
                Says::NoPrices => (SplitFinding::Open, None, None),
                Says::Nothing => (SplitFinding::Contradicted, None, here.map(|step| differs(split, step))),
                Says::Unclear { rows } if self.rows.len() == 1 || rows.is_empty() => {
                    (SplitFinding::Open, None, here.map(|step| unclear(split, step)))
                }
                Says::Unclear { rows } if rows.contains(&k) => {
                    (SplitFinding::Open, None, here.map(|step| unclear(split, step)))
                }
                Says::Unclear { .. } => (SplitFinding::Contradicted, None, here.map(|step| differs(split, step))),
                Says::Shows { rows, at } if !rows.contains(&k) => {
                    (SplitFinding::Contradicted, None, steps.get(*at).map(|step| differs(split, step)))
                }
                Says::Shows { at, .. } if Some(*at) == self.at => (SplitFinding::Confirmed, None, None),
                Says::Shows { at, .. } => {
                    let there = steps.get(*at);
                    let note = here.zip(there).map(|(here, there)| {
                        format!("{}; they moved on {}: {}", differs(split, here), there.after, prices(there))
                    });
                    (SplitFinding::Contradicted, there.map(|step| step.after), note)
                }
            };
            SplitVerdict { split: *split, finding, shown_on, note }
        };
        self.rows.iter().enumerate().map(verdict).collect()
    }
}

/// What one step says about the rows of one day.
fn judge(rows: &[Split], step: &Step, at: usize) -> Says {
    let moved = step.log();
    let rest = |reading: &[usize]| (moved - ratio_of(rows, reading).log()).abs();
    let mut readings: Vec<Vec<usize>> = (0..rows.len()).map(|k| vec![k]).collect();
    if rows.len() > 1 {
        readings.push((0..rows.len()).collect());
    }
    let nearest = readings.iter().min_by(|a, b| rest(a).total_cmp(&rest(b)));
    let Some(best) = nearest else { return Says::NoPrices };
    let least = rest(best);
    let tolerated = ORDINARY.max(ratio_of(rows, best).log().abs() / 4.0);
    if least <= moved.abs() / 2.0 && least <= tolerated {
        Says::Shows { rows: best.clone(), at }
    } else if least >= ORDINARY && moved.abs() <= least / 2.0 {
        Says::Nothing
    } else if least < moved.abs() {
        Says::Unclear { rows: best.clone() }
    } else {
        Says::Unclear { rows: Vec::new() }
    }
}

fn ratio_of(rows: &[Split], reading: &[usize]) -> Ratio {
    reading.iter().filter_map(|k| rows.get(*k)).fold(Ratio::NONE, |all, row| all.then(Ratio::of(row)))
}

/// Takes back what is a confirmed split under another date.
fn listed_twice(verdicts: &mut [SplitVerdict]) {
    let confirmed: Vec<(NaiveDate, f64)> = verdicts
        .iter()
        .filter(|v| v.finding == SplitFinding::Confirmed || v.shown_on.is_some())
        .map(|v| (v.shown_on.unwrap_or(v.split.date), Ratio::of(&v.split).log()))
        .collect();
    for verdict in verdicts.iter_mut().filter(|v| v.finding == SplitFinding::Open) {
        let (date, log) = (verdict.split.date, Ratio::of(&verdict.split).log());
        let same = |(other, ratio): &&(NaiveDate, f64)| {
            (*other - date).num_days().abs() <= SAME_SPLIT_DAYS && *other != date && (ratio - log).abs() < 1e-9
        };
        if let Some((other, _)) = confirmed.iter().find(same) {
            verdict.finding = SplitFinding::Contradicted;
            verdict.note = Some(format!("{} on {date} is the split that prices show on {other}", name(&verdict.split)));
        }
    }
}

fn name(split: &Split) -> String {
    format!("{}:{}", split.from, split.to)
}

fn prices(step: &Step) -> String {
    format!("{} at the close, {} at the open after it (times {:.4})", step.close, step.open, step.open / step.close)
}

fn differs(split: &Split, step: &Step) -> String {
    let listed = Ratio::of(split).of_price();
    format!(
        "{} on {} multiplies earlier prices by {listed:.4}, but they were {}",
        name(split),
        split.date,
        prices(step)
    )
}

fn unclear(split: &Split, step: &Step) -> String {
    let listed = Ratio::of(split).of_price();
    format!(
        "{} on {} multiplies earlier prices by {listed:.4}; the prices do not decide: {}",
        name(split),
        split.date,
        prices(step)
    )
}

#[cfg(test)]
mod tests;
