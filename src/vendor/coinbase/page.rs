//! A window of candles, checked: it belongs to the question, it is whole, and it can be true.

use std::collections::HashSet;

use serde::Deserialize;

use super::most;
use crate::{AggregateQuery, Fault, Page, TickerDetails, sound};
use barkeep_base::text::printable;
use barkeep_market::ts::SECOND;
use barkeep_market::{Bar, Interval, Ts};

/// Start in seconds, low, high, open, close, volume of the base currency.
#[derive(Deserialize)]
struct Candle(i64, f64, f64, f64, f64, f64);

/// Reads the candles of a window. There are as many rows as candles that traded, newest first.
pub(super) fn candles(body: &[u8], query: &AggregateQuery, window: Interval) -> Result<Page, Fault> {
    let rows: Vec<Candle> = serde_json::from_slice(body).map_err(|e| unreadable(body, &e))?;
    // Both ends are inclusive, so that one more may come than fits.
    if rows.len() as u64 > most() + 1 {
        return Err(Fault::malformed(format!("{} candles in the answer, at most {} fit", rows.len(), most())));
    }
    let width = query.timeframe.width();
    let near = Interval::new(window.start - width, window.end + width);
    let (count, mut dropped) = (rows.len() as u64, 0);
    let mut bars = Vec::with_capacity(rows.len());
    for Candle(seconds, low, high, open, close, volume) in rows {
        let ts = Ts(seconds.saturating_mul(SECOND));
        if !window.contains(ts) {
            if !near.contains(ts) {
                return Err(Fault::malformed(format!(
                    "a candle at {seconds} s lies outside the requested range {window}"
                )));
            }
            dropped += 1;
            continue;
        }
        bars.push(Bar { ts, open, high, low, close, volume, vwap: None, trades: None });
    }
    bars.sort_by_key(|bar| bar.ts);
    let mut seen = HashSet::new();
    bars.retain(|bar| seen.insert((bar.ts, bar.value_bits())));
    sound::check(&bars, query)?;
    Ok(Page {
        bars,
        query_count: count - dropped,
        full: false,
        answers_to: Some(window.end),
        dropped,
        next: None,
        request_id: None,
        server_time: None,
        delayed: false,
        adjusted: false,
        bytes: body.len() as u64,
    })
}

/// What is known of a product.
#[derive(Deserialize)]
struct Product {
    id: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    quote_currency: Option<String>,
    #[serde(default)]
    status: String,
}

pub(super) fn product(body: &[u8], asked: &str) -> Result<TickerDetails, Fault> {
    let product: Product = serde_json::from_slice(body).map_err(|e| unreadable(body, &e))?;
    if product.id != asked {
        let id = printable(&product.id);
        return Err(Fault::malformed(format!("the answer is for {id}, the request was for {asked}")));
    }
    Ok(TickerDetails {
        ticker: product.id,
        name: product.display_name,
        market: "crypto".to_owned(),
        kind: None,
        active: product.status != "delisted",
        listed_on: None,
        delisted_on: None,
        currency: product.quote_currency,
        composite_figi: None,
    })
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> Fault {
    let start: String = String::from_utf8_lossy(body).chars().take(80).collect();
    Fault::malformed(format!("the answer is not a list of candles: {error} in '{}'", printable(&start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use crate::testing;
    use barkeep_market::ts::MINUTE;
    use barkeep_market::{AssetClass, Source, Timeframe};

    const T: i64 = 1_709_510_400;

    fn query(timeframe: Timeframe, bars: i64) -> (AggregateQuery, Interval) {
        let range = Interval::new(Ts(T * SECOND), Ts(T * SECOND + bars * timeframe.width()));
        (
            AggregateQuery {
                vendor: Source::Coinbase,
                class: AssetClass::Crypto,
                ..testing::query("BTC-USD", timeframe, range)
            },
            range,
        )
    }

    fn read(body: &str) -> Result<Page, Fault> {
        let (query, window) = query(Timeframe::M1, 10);
        candles(body.as_bytes(), &query, window)
    }

    fn row(minute: i64) -> String {
        format!("[{},1.5,4,2,3,0.25]", T + minute * 60)
    }

    #[test]
    fn columns_are_low_high_open_close_and_the_order_is_turned() {
        let page = read(&format!("[{},{},{}]", row(7), row(3), row(0))).unwrap();
        let starts: Vec<i64> = page.bars.iter().map(|bar| (bar.ts.ms() - T * SECOND) / MINUTE).collect();
        assert_eq!(starts, [0, 3, 7]);
        let bar = page.bars[0];
        assert_eq!((bar.open, bar.high, bar.low, bar.close, bar.volume), (2.0, 4.0, 1.5, 3.0, 0.25));
        assert_eq!((bar.vwap, bar.trades, page.query_count), (None, None, 3));
        assert_eq!(page.answers_to, Some(Ts(T * SECOND + 10 * MINUTE)), "silence is answered for too");
    }

    #[test]
    fn nothing_traded_is_an_answer() {
        let page = read("[]").unwrap();
        assert_eq!((page.bars.len(), page.answers_to), (0, Some(Ts(T * SECOND + 10 * MINUTE))));
    }

    #[test]
    fn a_candle_beside_the_window_is_left_out_and_one_far_away_refuses_the_page() {
        let page = read(&format!("[{},{},{}]", row(10), row(5), row(-1))).unwrap();
        assert_eq!((page.bars.len(), page.dropped, page.query_count), (1, 2, 1));
        for far in [row(11), row(-2), format!("[{},1,1,1,1,1]", T * 1_000)] {
            assert_eq!(read(&format!("[{far}]")).unwrap_err().class, Class::Malformed, "{far}");
        }
    }

    #[test]
    fn equal_candles_count_once_and_others_are_no_answer() {
        assert_eq!(read(&format!("[{},{}]", row(1), row(1))).unwrap().bars.len(), 1);
        for body in [
            "",
            "null",
            "{}",
            r#"{"message":"NotFound"}"#,
            "[[1709510400,1,2,1]]",
            "[[1709510400,1,2,1,1,1,1]]",
            r#"[["1709510400",1,2,1,1,1]]"#,
            "[[1709510400,1,2,1,null,1]]",
            "[[1709510400.5,1,2,1,1,1]]",
            "<html>",
            "[[1709510400,1,2",
        ] {
            let fault = read(body).unwrap_err();
            assert_eq!(fault.class, Class::Malformed, "{body}: {fault}");
        }
    }

    #[test]
    fn a_page_of_impossible_candles_is_refused_as_a_whole() {
        let zero: Vec<String> = (0..10).map(|m| format!("[{},0,0,0,0,0]", T + m * 60)).collect();
        assert_eq!(read(&format!("[{}]", zero.join(","))).unwrap_err().class, Class::Malformed);
        let shifted: Vec<String> = (0..9).map(|m| format!("[{},1,1,1,1,1]", T + m * 60 + 1)).collect();
        assert_eq!(read(&format!("[{}]", shifted.join(","))).unwrap_err().class, Class::Malformed);
        let (query, window) = query(Timeframe::M1, 300);
        let many: Vec<String> = (0..302).map(row).collect();
        let fault = candles(format!("[{}]", many.join(",")).as_bytes(), &query, window).unwrap_err();
        assert!(fault.message.contains("302 candles"), "{fault}");
    }
}
