//! Rows as they are sent. Names and order of the fields are the API's.
//!
//! A [`BarRow`] is also its own entry in the document about the API.

use serde::Serialize;
use utoipa::ToSchema;

use super::PageQuery;
use barkeep_market::features::Features;
use barkeep_market::{Bar, Symbol, Timeframe, Ts};
use barkeep_store::StoredBar;

/// One row of features as it is sent.
#[derive(Serialize)]
pub(super) struct FeatureRow<'a> {
    symbol: &'a Symbol,
    timeframe: Timeframe,
    time: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    #[serde(flatten)]
    features: &'a Features,
    quality_score: f64,
    provisional: bool,
}

impl<'a> FeatureRow<'a> {
    /// The features of a bar.
    pub(super) fn of(query: &'a PageQuery, stored: &StoredBar, features: &'a Features) -> Self {
        let Bar { ts: time, open, high, low, close, volume, .. } = stored.bar;
        Self {
            symbol: &query.symbol,
            timeframe: query.timeframe,
            time,
            open,
            high,
            low,
            close,
            volume,
            features,
            quality_score: stored.quality_score,
            provisional: stored.provisional,
        }
    }
}

/// One bar as it is sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct BarRow<'a> {
    /// The bar's start.
    #[schema(value_type = String, format = DateTime)]
    time: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    vwap: Option<f64>,
    trades: Option<i64>,
    /// The bar may still change.
    provisional: bool,
    /// 0 to 1; 1 is unremarkable.
    quality_score: f64,
    quality_notes: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    fetched_at: Ts,
}

impl<'a> From<&'a StoredBar> for BarRow<'a> {
    fn from(stored: &'a StoredBar) -> Self {
        let Bar { ts: time, open, high, low, close, volume, vwap, trades } = stored.bar;
        Self {
            time,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
            provisional: stored.provisional,
            quality_score: stored.quality_score,
            quality_notes: stored.quality_notes.as_deref(),
            fetched_at: stored.fetched_at,
        }
    }
}
