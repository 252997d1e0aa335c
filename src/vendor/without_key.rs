//! A vendor that cannot be asked, because there is no key for it.

use async_trait::async_trait;
use chrono::NaiveDate;

use crate::{
    AggregateQuery, Class, Cursor, Dated, DividendPage, Fault, GroupedPage, Holiday, MarketStatus, Page, SplitPage,
    Ticker, TickerDetails, Vendor,
};
use barkeep_market::AssetClass;

/// Stands for the usual vendor where only others are asked. Makes no request.
#[derive(Debug)]
pub struct WithoutKey {
    /// What is missing, and what to do.
    why: String,
}

impl WithoutKey {
    #[must_use]
    pub fn new(why: &str) -> Self {
        Self { why: why.to_owned() }
    }

    fn fault(&self) -> Fault {
        Fault::new(Class::Permanent, self.why.clone())
    }
}

#[async_trait]
impl Vendor for WithoutKey {
    fn unavailable(&self) -> Option<Fault> {
        Some(self.fault())
    }

    async fn aggregates(&self, _: &AggregateQuery, _: Option<&Cursor>) -> Result<Page, Fault> {
        Err(self.fault())
    }

    async fn grouped_daily(&self, _: AssetClass, _: NaiveDate) -> Result<GroupedPage, Fault> {
        Err(self.fault())
    }

    async fn splits(&self, _: &[String], _: Option<&Cursor>) -> Result<Dated<SplitPage>, Fault> {
        Err(self.fault())
    }

    async fn dividends(
        &self,
        _: &[String],
        _: Option<NaiveDate>,
        _: Option<&Cursor>,
    ) -> Result<Dated<DividendPage>, Fault> {
        Err(self.fault())
    }

    async fn market_status(&self) -> Result<Dated<MarketStatus>, Fault> {
        Err(self.fault())
    }

    async fn upcoming_holidays(&self) -> Result<Dated<Vec<Holiday>>, Fault> {
        Err(self.fault())
    }

    async fn tickers(&self, _: &str, _: u32) -> Result<Dated<Vec<Ticker>>, Fault> {
        Err(self.fault())
    }

    async fn ticker(&self, _: &str) -> Result<Dated<Option<TickerDetails>>, Fault> {
        Err(self.fault())
    }
}
