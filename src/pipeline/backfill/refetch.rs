//! Stored bars asked again: what is planned for that, and what is kept and told of it at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::Run;
use crate::fetch::plan_start;
use crate::fetch::{Verification, Verified};
use crate::summary::Restated;
use barkeep_config::policy::Severity;
use barkeep_market::restatement::{Differences, Restatement};
use barkeep_market::{Family, Symbol, Timeframe, Ts};
use barkeep_plan::{FamilyState, Need};
use barkeep_store::{NewAlert, SeriesId, StoreError};

/// The kind of alert that tells of bars that changed after they were final; its subject is the symbol.
pub const RESTATED: &str = "restated";

/// The state of a family when nothing counts as known but what was answered again.
pub(super) fn unverified(state: FamilyState, verification: Option<&Verification>) -> FamilyState {
    let answered = verification.map(|done| done.answered(&state.symbol, state.base.family())).unwrap_or_default();
    let timeframes = std::iter::once(state.base).chain(state.derived.iter().copied());
    let covered = timeframes.map(|tf| (tf, answered.clone())).collect();
    FamilyState { covered, ..state }
}

impl Run<'_> {
    /// Notes which series were verified whole, tells what has changed, and adds it up.
    pub(super) async fn close_verification(&self, now: Ts) -> Result<Option<Restated>, StoreError> {
        let Some(verification) = &self.fetcher.verification else { return Ok(None) };
        let store = &self.engine().store;
        let found = verification.found();
        let verified = self.verified_families(verification);
        let ids: Vec<SeriesId> = store
            .series()
            .await?
            .into_iter()
            .filter(|row| verified.contains(&(row.symbol.clone(), row.timeframe.family())))
            .map(|row| row.id)
            .collect();
        store.note_verified(&ids, now).await?;

        let mut by_symbol: BTreeMap<&Symbol, Vec<(Family, &Verified)>> = BTreeMap::new();
        for ((symbol, family), one) in &found {
            by_symbol.entry(symbol).or_default().push((*family, one));
        }
        let mut all = Differences::default();
        for (symbol, families) in by_symbol {
            let changes: Vec<String> = families.iter().filter_map(|(family, one)| told(*family, one)).collect();
            for (_, one) in &families {
                all.add(&one.differences);
            }
            if changes.is_empty() {
                let whole = families.iter().all(|(family, _)| verified.contains(&(symbol.clone(), *family)));
                if whole {
                    store.resolve_alert(RESTATED, Some(symbol.as_str()), now).await?;
                }
                continue;
            }
            let message = format!("{symbol}: {}", changes.join("; "));
            tracing::warn!(%symbol, "{message}");
            let grave =
                families.iter().any(|(_, one)| !matches!(one.restatement, None | Some(Restatement::Correction)));
            let severity = if grave { Severity::Warning } else { Severity::Info };
            let subject = Some(symbol.to_string());
            let alert = NewAlert { kind: RESTATED.to_owned(), severity, subject, message, raised_at: now };
            store.raise_alert(&alert).await?;
        }
        Ok(Some(Restated::of(&all)))
    }

    /// Families whose stored history was answered for again from its first bar to what is settled.
    fn verified_families(&self, verification: &Verification) -> BTreeSet<(Symbol, Family)> {
        let starts = self.fetcher.plan_starts();
        let failed = self.failed().clone();
        let coverage = &self.context.coverage;
        let states = self.context.targets.iter().flat_map(|target| coverage.families(target));
        let whole = states.filter_map(|state| {
            let key = (state.symbol.clone(), state.base.family());
            let mut range = self.wanted().range(&state, &starts).ok()?;
            let first = self.context.beginnings.first_bar(&key.0, key.1)?;
            let from_the_start = self.backfill.selection.from.is_none() || range.start <= first;
            let begins = from_the_start || plan_start::of(&starts, state.vendor, state.class).is_some();
            let horizon = self.fetcher.horizon(state.vendor, state.class, key.1);
            range.start = range.start.max(state.base.span(state.class, first).start);
            let open = unverified(state.clone(), Some(verification));
            let gaps = Need::open_gaps(&self.engine().calendar, &open, state.base, range, horizon);
            // A range that ends before the newest bars leaves some of them unchecked.
            let ends = range.end >= horizon.settled.min(self.context.now);
            (begins && ends && gaps == 0 && !failed.contains_key(&key)).then_some(key)
        });
        whole.collect()
    }
}

/// What has become of a family's bars; `None` when they are as they were.
fn told(family: Family, found: &Verified) -> Option<String> {
    let Differences { changed, vanished, .. } = found.differences;
    let bars = match family {
        Family::Day => "daily bars",
        Family::Minute => "minute bars",
    };
    let largest = found.differences.largest_change_pct;
    let what = match found.restatement {
        Some(Restatement::Unrelated { correlation }) => format!(
            "the vendor's {bars} are those of something else (correlation of returns {correlation:.2}); the ticker seems to \
             be reused, nothing was overwritten"
        ),
        Some(Restatement::Rescaled { ratio, until }) => {
            let day = Timeframe::D1.span(barkeep_market::AssetClass::Crypto, until).start.utc_date();
            format!("{changed} {bars} up to {day} are multiplied by {ratio:.4}: a split, or adjusted prices")
        }
        Some(Restatement::Correction) => format!("{changed} {bars} were corrected, by {largest:.1} % at most"),
        None if vanished > 0 => format!("{vanished} stored {bars} are no longer sent; they were kept"),
        None => return None,
    };
    Some(what)
}
