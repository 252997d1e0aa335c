//! Rows as they are sent. Names and order of the fields are the API's.
//!
//! A [`BarRow`] is also its own entry in the document about the API.

use serde::Serialize;
use utoipa::ToSchema;

use super::PageQuery;
use barkeep_market::features::Features;
use barkeep_market::{Bar, Ts};
use barkeep_store::StoredBar;

/// Writes rows of features as they are sent. The names of a row's 31 members are copied as they are; serde would look for
/// what must be escaped in each of them, for every row again.
pub(super) struct FeatureRows {
    /// What every row of the series begins with.
    start: Vec<u8>,
}

macro_rules! members {
    ($text:ident, $($name:ident),+) => {$(
        $text.extend_from_slice(concat!(",\"", stringify!($name), "\":").as_bytes());
        serde_json::to_writer(&mut *$text, $name)?;
    )+};
}

impl FeatureRows {
    pub(super) fn of(query: &PageQuery) -> serde_json::Result<Self> {
        let (symbol, timeframe) = (serde_json::to_string(&query.symbol)?, serde_json::to_string(&query.timeframe)?);
        Ok(Self { start: format!("{{\"symbol\":{symbol},\"timeframe\":{timeframe}").into_bytes() })
    }

    /// Appends the features of a bar.
    pub(super) fn write(&self, text: &mut Vec<u8>, stored: &StoredBar, features: &Features) -> serde_json::Result<()> {
        let Bar { ts: time, open, high, low, close, volume, vwap: _, trades: _ } = &stored.bar;
        let Features {
            log_return,
            volatility_20,
            volatility_50,
            atr,
            rolling_volume_20,
            volume_ratio,
            structure_label,
            trend_direction,
            volatility_regime,
            trend_regime,
            compression_regime,
            rsi_14,
            macd,
            macd_signal,
            macd_hist,
            sma_20,
            sma_50,
            ema_20,
            ema_50,
            bb_upper,
            bb_middle,
            bb_lower,
        } = features;
        let (quality_score, provisional) = (&stored.quality_score, &stored.provisional);
        text.extend_from_slice(&self.start);
        members!(text, time, open, high, low, close, volume);
        members!(text, log_return, volatility_20, volatility_50, atr, rolling_volume_20, volume_ratio);
        members!(text, structure_label, trend_direction, volatility_regime, trend_regime, compression_regime);
        members!(text, rsi_14, macd, macd_signal, macd_hist, sma_20, sma_50, ema_20, ema_50);
        members!(text, bb_upper, bb_middle, bb_lower, quality_score, provisional);
        text.push(b'}');
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Rows;
    use barkeep_market::features::Structure;
    use barkeep_market::{AssetClass, Symbol, Timeframe};
    use barkeep_store::{SeriesId, TimeRange};

    /// A row of features by serde.
    #[derive(Serialize)]
    struct Expected<'a> {
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

    #[test]
    fn a_row_of_features_is_what_serde_would_write() {
        let query = PageQuery {
            series: SeriesId(1),
            symbol: "BRK.B".parse().unwrap(),
            timeframe: Timeframe::H4,
            class: AssetClass::Stock,
            rows: Rows::Features,
            range: TimeRange::default(),
            limit: 1,
            today: chrono::NaiveDate::MIN,
        };
        let numbers = [Some(0.1 + 0.2), Some(-1.5e-9), Some(1e300), Some(0.0), Some(26_274.0), None];
        for (k, x) in numbers.into_iter().enumerate() {
            let (close, volume) = (x.unwrap_or(1.0), 26_274.0);
            let ts = Ts(1_735_689_600_000 + k as i64);
            let bar = Bar { ts, open: 98.18, high: 99.0, low: 1e-7, close, volume, vwap: x, trades: None };
            let (quality_score, provisional) = (0.5, k % 2 == 0);
            let stored = StoredBar { bar, provisional, quality_score, quality_notes: None, fetched_at: ts };
            let features = Features {
                log_return: x,
                structure_label: x.map(|_| Structure::Bullish),
                macd_hist: x.map(|x| x / 3.0),
                bb_lower: x,
                ..Features::default()
            };
            let Bar { ts: time, open, high, low, close, volume, .. } = stored.bar;
            let expected = Expected {
                symbol: &query.symbol,
                timeframe: query.timeframe,
                time,
                open,
                high,
                low,
                close,
                volume,
                features: &features,
                quality_score: stored.quality_score,
                provisional: stored.provisional,
            };
            let mut text = Vec::new();
            FeatureRows::of(&query).unwrap().write(&mut text, &stored, &features).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), serde_json::to_string(&expected).unwrap());
        }
    }
}
