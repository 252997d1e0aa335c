//! What is wrong, whether it matters, what is being done, when it is over and what the operator can do: the five lines on
//! top of the overview, and the one word the header shows of them.
//!
//! [`conditions`](conditions::conditions) lists everything that is not as it should be, worst first, as plain data;
//! [`wording`] makes lines of it. While the list is not empty nothing on the overview may look good.

pub mod cause;
pub mod conditions;
pub mod digest;
pub mod help;
pub mod reasons;
pub mod wall;
pub mod what;
pub mod wording;

use crate::actions::{ActionId, spec};
use crate::model::Model;
use crate::now::conditions::{Condition, Facts, HoleTotals, conditions};

impl Model {
    /// What the conditions are judged by: what is shown, at the time that is shown.
    #[must_use]
    pub fn facts(&self) -> Facts<'_> {
        let data = &self.snap.data;
        // A hole that the vendor has confirmed is a fact about the past, and no reason to look twice.
        let late = data.series.iter().filter(|row| row.holes.late > 0).count();
        let holes = HoleTotals { late, suspect: data.holes.suspect };
        Facts { snap: &self.snap, digest: &self.digest, link: &self.link, holes, now: self.shown_now() }
    }

    /// Everything that is not as it should be, worst first.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition<'_>> {
        conditions(&self.facts())
    }

    /// The key of an action that can be run now.
    #[must_use]
    pub fn key_now(&self, id: ActionId) -> Option<String> {
        let spec = spec(id).filter(|spec| self.offers(spec) && self.permits(spec).is_ok())?;
        self.keymap.hint(spec.id)
    }
}
