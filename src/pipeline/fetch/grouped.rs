//! One date of the whole market in one request.
//!
//! It saves requests and proves nothing by absence: a symbol that is not in the answer, comes in it twice or unreadable, or
//! whose prices would be in another scale there, gets a request of its own, and so does every symbol when the answer is
//! unusable.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Fetcher, ItemError};
use crate::ingest::{AnswerVerdict, FamilyAnswer, PageJob};
use barkeep_market::{AssetClass, Family, Interval, Timeframe};
use barkeep_plan::Item;
use barkeep_vendor::Class;

impl Fetcher {
    /// One date of the whole market. A symbol that is not in it may be OTC or not have traded; it gets a request of its own.
    pub(super) async fn grouped(
        &self,
        number: u64,
        item: &Item,
        class: AssetClass,
        date: NaiveDate,
    ) -> Result<(), ItemError> {
        let answer =
            self.request(item, 0, |token| async move { self.dispatcher.grouped_daily(class, date, &token).await });
        let ((page, attempt), permit) = match answer.await {
            Ok(answer) => answer,
            Err(fault) => {
                match fault.class {
                    Class::NotEntitled | Class::Permanent => {
                        self.learn(|capabilities| capabilities.grouped_refused = true);
                    }
                    Class::TooEarly | Class::PlanWindow | Class::Malformed => self.learn(|capabilities| {
                        capabilities.not_grouped_dates.insert(date);
                    }),
                    _ => return Err(fault.into()),
                }
                tracing::info!(%date, error = %fault, "the grouped answer is unusable; requesting symbol by symbol");
                return Ok(());
            }
        };
        self.hear_clock(&attempt);
        self.report_page(number, 1.0, false);
        self.capabilities().needed += 1;
        let day = Interval::new(class.midnight(date), Timeframe::D1.end_of(class, class.midnight(date)));
        if !page.conflicting.is_empty() || !page.unreadable.is_empty() || page.dropped > 0 {
            let (conflicting, unreadable) = (page.conflicting.len(), page.unreadable.len());
            tracing::debug!(%date, conflicting, unreadable, other_days = page.dropped, "rows of the grouped answer left out");
        }
        // The reader already left out rows that contradict each other or cannot be read.
        let by_ticker: std::collections::HashMap<&str, &barkeep_market::Bar> =
            page.bars.iter().map(|(ticker, bar)| (ticker.as_str(), bar)).collect();
        let mut answers = Vec::new();
        let mut absent = Vec::new();
        for symbol in item.symbols.iter() {
            let ids = self.registry.series_ids(symbol, Family::Day, &self.engine.settings).await?;
            let scaled = page.adjusted && ids.splits.iter().any(|split| split.date > date);
            match by_ticker.get(ids.ticker.as_str()).filter(|_| !scaled) {
                Some(bar) => {
                    // One bar is too little to be called another company's.
                    self.verify(&ids, day, &[**bar]).await?;
                    answers.push(FamilyAnswer {
                        horizon: self.horizon(ids.vendor, ids.class, Family::Day),
                        ids: Arc::new(ids),
                        answered: day,
                        verdict: AnswerVerdict::Answered,
                        bars: vec![**bar],
                    });
                }
                None => absent.push(symbol.clone()),
            }
        }
        if !absent.is_empty() {
            self.learn(|capabilities| {
                if page.bars.is_empty() {
                    capabilities.not_grouped_dates.insert(date);
                } else {
                    capabilities.not_grouped.extend(absent);
                }
            });
        }
        let request = Some(self.request_row(&attempt));
        let job = PageJob::fetched(answers, request, self.engine.clock.now()).of_item(number, 1.0, permit);
        Ok(self.ingest.send(job).await.wait().await?)
    }
}
