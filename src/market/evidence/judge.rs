//! Which silence is believable.

use super::profile::Profile;
use super::run::{Question, Run};

/// Judges the silence of an answer and brings the profile up to date. The runs are ascending and disjoint.
#[must_use]
pub fn judge(profile: &mut Profile, question: &Question<'_>) -> Vec<Run> {
    let _ = (profile, question);
    Vec::new()
}
