//! One date of the whole market in one request.
//!
//! It saves requests and proves nothing by absence: a symbol that is not in the answer, or whose prices would be in
//! another scale there, is asked for by itself, and so is everything when the answer is no use.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Fetcher, ItemError};
use crate::ingest::{Arrival, Part, Verdict, settled};
use crate::journal::request_row;
use barkeep_market::{AssetClass, Family, Interval, Timeframe};
use barkeep_plan::Item;
use barkeep_vendor::Class;

impl Fetcher {
    /// One date of the whole market. A symbol that is not in it may be OTC or not have traded; it is asked for by itself.
    pub(super) async fn grouped(
        &self,
        number: u64,
        item: &Item,
        class: AssetClass,
        date: NaiveDate,
    ) -> Result<(), ItemError> {
        let answer = self.ask(item, |token| async move { self.dispatcher.grouped_daily(class, date, &token).await });
        let ((page, attempt), pass) = match answer.await {
            Ok(answer) => answer,
            Err(fault) => {
                match fault.class {
                    Class::NotEntitled | Class::Permanent => self.learn(|facts| facts.grouped_refused = true),
                    Class::TooEarly | Class::PlanWindow | Class::Malformed => self.learn(|facts| {
                        facts.not_grouped_dates.insert(date);
                    }),
                    _ => return Err(fault.into()),
                }
                tracing::info!(%date, error = %fault, "the grouped answer is no use; asking symbol by symbol");
                return Ok(());
            }
        };
        self.facts().needed += 1;
        let day = Interval::new(class.midnight(date), Timeframe::D1.end_of(class, class.midnight(date)));
        let by_ticker: std::collections::HashMap<&str, &barkeep_market::Bar> =
            page.bars.iter().map(|(ticker, bar)| (ticker.as_str(), bar)).collect();
        let mut parts = Vec::new();
        let mut absent = Vec::new();
        for symbol in &item.symbols {
            let keys = self.registrar.keys(symbol, Family::Day, &self.engine.settings).await?;
            let scaled = page.adjusted && keys.splits.iter().any(|split| split.date > date);
            match by_ticker.get(symbol.vendor_ticker(keys.class).as_str()).filter(|_| !scaled) {
                Some(bar) => parts.push(Part {
                    horizon: self.horizon(keys.class, Family::Day),
                    keys: Arc::new(keys),
                    answered: day,
                    verdict: Verdict::Answered,
                    bars: vec![**bar],
                }),
                None => absent.push(symbol.clone()),
            }
        }
        if !absent.is_empty() {
            self.learn(|facts| {
                if page.bars.is_empty() {
                    facts.not_grouped_dates.insert(date);
                } else {
                    facts.not_grouped.extend(absent);
                }
            });
        }
        let fetched_at = self.engine.clock.now();
        let request = Some(request_row(&attempt, Some(self.execution)));
        let ack = self.ingest.send(Arrival { parts, request, fetched_at, only: None, pass: Some(pass) }).await;
        self.tell(number, attempt.rows, 1.0, settled(ack).await?);
        Ok(())
    }
}
