//! Requests as they were made, and the places at the vendor.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{CountedAnswer, RequestFilter, RequestMinute, RequestPurpose, RequestRow, RequestTotals, Waste};
use barkeep_base::clock::Moment;
use barkeep_market::ts::MINUTE;
use barkeep_market::{Interval, Source, Timeframe, Ts};
use barkeep_vendor::limit::{Grant, Place, PlaceRequest, Queued, Recorded, Refusal};

/// Base aggregates in a page that has another behind it, as the databases' statement has it too.
const FULL_PAGE: i64 = 50_000;

#[derive(Debug, Default)]
pub(super) struct Requests {
    rows: Vec<RequestRow>,
    /// In the order they were taken.
    places: Vec<Place>,
    last_place: i64,
    line: Vec<(Source, Queued)>,
    refusals: BTreeMap<Source, Refusal>,
}

impl Requests {
    pub(super) fn record(&mut self, row: RequestRow) {
        self.rows.push(RequestRow { attempt: row.attempt.max(1), ..row });
    }

    pub(super) fn totals(&self) -> RequestTotals {
        let count = |counts: fn(&RequestRow) -> bool| self.rows.iter().filter(|row| counts(row)).count() as i64;
        RequestTotals {
            total_requests: count(|_| true),
            rate_limited_count: count(|row| row.status == Some(429)),
            failures: count(|row| row.outcome != "ok"),
            retries: count(|row| row.attempt > 1),
            bytes: self.rows.iter().map(|row| row.bytes).fold(0, i64::saturating_add),
        }
    }

    pub(super) fn by_minute(&self, since: Ts) -> Vec<RequestMinute> {
        let mut minutes: BTreeMap<i64, RequestMinute> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.started_at >= since) {
            let minute = row.started_at.ms().div_euclid(MINUTE);
            let counts = minutes.entry(minute).or_insert_with(|| RequestMinute {
                start: Ts(minute * MINUTE),
                requests: 0,
                rate_limited: 0,
            });
            counts.requests += 1;
            counts.rate_limited += u32::from(row.status == Some(429));
        }
        minutes.into_values().collect()
    }

    /// Newest first.
    pub(super) fn newest(&self, filter: &RequestFilter, limit: usize) -> Vec<RequestRow> {
        let fits = |row: &&RequestRow| {
            filter.ticker.as_ref().is_none_or(|ticker| row.ticker.as_ref() == Some(ticker))
                && filter.execution.is_none_or(|id| row.execution_id == Some(id))
        };
        let mut rows: Vec<RequestRow> = self.rows.iter().rev().filter(fits).cloned().collect();
        rows.sort_by_key(|row| Reverse(row.started_at));
        rows.truncate(limit);
        rows
    }

    pub(super) fn wasted(&self) -> Vec<(Waste, i64)> {
        let of = |row: &RequestRow| Waste::of(&row.outcome, &row.endpoint, row.changed, row.rows);
        let verified = |row: &&RequestRow| row.purpose == RequestPurpose::Verify && row.outcome == "ok";
        Waste::summed(self.rows.iter().filter(|row| !verified(row)).map(|row| (of(row), 1)))
    }

    pub(super) fn counted(&self) -> Vec<CountedAnswer> {
        // What was counted, and how many last pages there were.
        let mut sums: BTreeMap<(&str, Timeframe, Interval), (i64, i64)> = BTreeMap::new();
        for row in self.rows.iter().rev().filter(|row| row.endpoint == "aggregates" && row.outcome == "ok") {
            let (Some(ticker), Some(timeframe), Some(asked)) = (&row.ticker, row.timeframe, row.asked) else {
                continue;
            };
            let Some(counted) = row.query_count else { continue };
            let sum = sums.entry((ticker, timeframe, asked)).or_default();
            *sum = (sum.0 + counted, sum.1 + i64::from(counted < FULL_PAGE));
        }
        sums.into_iter()
            .filter(|(_, (sum, last))| *sum > 0 && *last > 0)
            .map(|((ticker, timeframe, asked), (sum, last))| CountedAnswer {
                ticker: ticker.to_owned(),
                timeframe,
                asked,
                counted: (sum / last).unsigned_abs(),
            })
            .collect()
    }

    pub(super) fn take_place(&mut self, request: &PlaceRequest) -> Grant {
        let PlaceRequest { vendor, timeout, now, .. } = *request;
        for place in &mut self.places {
            for moment in [Some(&mut place.started), place.answered.as_mut()].into_iter().flatten() {
                moment.at = moment.at.min(now.at);
            }
        }
        self.places.retain(|place| !place.free_in(&now).is_zero());
        let taken: Vec<Place> = self.places.iter().filter(|place| place.vendor == vendor).copied().collect();
        let line: Vec<Queued> = self.line.iter().filter(|(of, _)| *of == vendor).map(|(_, row)| *row).collect();
        let decision = request.decide(&taken, &line, self.refusals.get(&vendor).copied());
        if let Some(refusal) = decision.refusal {
            self.refusals.insert(vendor, refusal);
        }
        if let Some(waiting) = request.waiting {
            self.line.retain(|(of, row)| (*of, row.waiting.process) != (vendor, waiting.process));
            self.line.extend(decision.line.map(|row| (vendor, row)));
        }
        let place = decision.granted.then(|| {
            self.last_place += 1;
            self.places.push(Place { id: self.last_place, vendor, started: now, answered: None, timeout });
            self.last_place
        });
        decision.grant(place, taken)
    }

    pub(super) fn place_answered(&mut self, id: i64, now: Moment) {
        if let Some(place) = self.places.iter_mut().find(|place| place.id == id) {
            place.answered = Some(now);
        }
    }

    pub(super) fn recorded(&self) -> Recorded {
        let refusals = self.refusals.iter().map(|(vendor, refusal)| (*vendor, *refusal)).collect();
        Recorded { places: self.places.clone(), refusals }
    }
}
