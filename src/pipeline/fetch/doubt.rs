//! Whether the bars of a page are those of the times they carry.
//!
//! A page whose times are all a day off looks right by itself. It begins a session late, which is asked about before the
//! page is stored, or its bars are those that are stored a day before or after.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use super::{Fetcher, ItemError};
use barkeep_market::ts::DAY;
use barkeep_market::{Bar, Interval, Timeframe};
use barkeep_store::{SeriesId, StoreError};
use barkeep_vendor::{AggregateQuery, Class, Fault};

/// Bars at the start of a page that are compared with stored ones.
const COMPARED: usize = 200;
/// So many different bars do not repeat by chance.
const ALIKE: usize = 5;

impl Fetcher {
    /// Whether a session is missing before a page, of a vendor whose answers say nothing about it.
    pub(super) fn lacks_a_session(&self, query: &AggregateQuery, missing: Interval) -> bool {
        query.vendor.has_plans() && self.engine.calendar.holds_a_session(query.class, missing)
    }

    /// Requests the first session that is missing before a page by itself. The page is only believed when that session
    /// has no bar there either. Made with the permit of the page, as the probe of a leading gap is.
    pub(super) async fn ask_before(
        &self,
        query: &AggregateQuery,
        missing: Interval,
        token: &CancellationToken,
    ) -> Result<(), ItemError> {
        let sessions = self.engine.calendar.trading(query.class, query.timeframe.family(), missing);
        let Some(first) = sessions.as_slice().first() else { return Ok(()) };
        let day = Timeframe::D1.span(query.class, first.start);
        let range = query.timeframe.snap_out(query.class, day.intersect(missing)).intersect(query.range);
        let probe = AggregateQuery { range, ..query.clone() };
        match self.dispatcher.aggregates(&probe, None, token).await {
            Ok((page, attempt)) => {
                self.record(&attempt).await?;
                if page.bars.is_empty() { Ok(()) } else { Err(contradicted(page.bars.len(), range).into()) }
            }
            Err(fault) if is_refusal(&fault) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The fault when the first bars of a page are stored a day before or after.
    pub(super) async fn is_copy(&self, series: SeriesId, bars: &[Bar]) -> Result<Option<Fault>, StoreError> {
        let (Some(first), bars) = (bars.first(), bars.get(..COMPARED.min(bars.len())).unwrap_or_default()) else {
            return Ok(None);
        };
        for by in [-DAY, DAY] {
            let from = first.ts + by;
            let stored = self.engine.store.bars(series, (from..).into(), Some(COMPARED)).await?;
            let stored: Vec<Bar> = stored.into_iter().filter(|row| !row.provisional).map(|row| row.bar).collect();
            let there = |bar: &Bar| {
                let at = stored.binary_search_by_key(&(bar.ts + by), |other| other.ts).ok()?;
                stored.get(at)
            };
            let pairs: Vec<(&Bar, &Bar)> = bars.iter().filter_map(|bar| Some((bar, there(bar)?))).collect();
            let different: HashSet<_> = pairs.iter().map(|(bar, _)| bar.value_bits()).collect();
            if different.len() >= ALIKE && pairs.iter().all(|(sent, stored)| sent.value_bits() == stored.value_bits()) {
                let at = pairs.first().map_or(first.ts, |(bar, _)| bar.ts);
                let text = format!("the bars from {at} on equal those stored from {} on: all are a day off", at + by);
                return Ok(Some(Fault::new(Class::Malformed, text)));
            }
        }
        Ok(None)
    }
}

/// A session that was missing in a page and is there when it is asked for.
pub(super) fn contradicted(bars: usize, range: Interval) -> Fault {
    let text =
        format!("{bars} bars of {range} were missing from a page that begins after them: the page may be a day off");
    Fault::new(Class::Malformed, text)
}

pub(super) const fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.class, Class::PlanWindow | Class::NotEntitled | Class::TooEarly)
}
