//! The time that jobs spent in each phase.

use serde::Serialize;

use barkeep_base::timing::Phase;
use barkeep_pipeline::events::ItemTiming;

/// Time of one phase, summed over all jobs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    pub phase: Phase,
    pub seconds: f64,
    /// Of the time of all phases, 0 to 1.
    pub share: f64,
}

pub(super) fn phases(jobs: &[ItemTiming]) -> Vec<PhaseTime> {
    let seconds = |phase| jobs.iter().map(|job| job.spent.of(phase).as_secs_f64()).sum::<f64>();
    let all: f64 = Phase::ALL.into_iter().map(seconds).sum();
    let share = |seconds: f64| if all > 0.0 { seconds / all } else { 0.0 };
    Phase::ALL
        .into_iter()
        .map(|phase| PhaseTime { phase, seconds: seconds(phase), share: share(seconds(phase)) })
        .collect()
}
