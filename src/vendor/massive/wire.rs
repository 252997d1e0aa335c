//! The vendor's JSON as types, and the checks every answer must pass before anything in it is believed.
//!
//! Types are strict on purpose: a string or `null` where a number belongs means that the page is not what we asked for.
//! Unknown keys are skipped, because the vendor adds some every year.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Fault;
use barkeep_base::text::printable;

/// Base aggregates per page: the most the vendor allows, and what is asked for. No other answer holds more rows either.
pub(super) const PAGE_LIMIT: u64 = 50_000;

/// The envelope of everything but market status; `R` is a row: an [`Object`], or [`Raw`] where a bad row must not spoil
/// the others.
#[derive(Deserialize)]
pub(super) struct Envelope<R> {
    pub(super) ticker: Option<String>,
    status: Option<String>,
    pub(super) request_id: Option<String>,
    error: Option<Raw>,
    message: Option<Raw>,
    #[serde(rename = "queryCount")]
    pub(super) query_count: Option<Whole>,
    #[serde(rename = "resultsCount")]
    results_count: Option<Whole>,
    count: Option<Whole>,
    pub(super) adjusted: Option<bool>,
    results: Option<Rows<R>>,
    next_url: Option<String>,
}

/// A bar of an aggregates page. `vw` and `n` are missing from some.
#[derive(Deserialize)]
pub(super) struct BarRow {
    pub(super) t: Whole,
    pub(super) o: f64,
    pub(super) h: f64,
    pub(super) l: f64,
    pub(super) c: f64,
    pub(super) v: f64,
    pub(super) vw: Option<f64>,
    pub(super) n: Option<Whole>,
}

/// A row of grouped daily. Its time is the end of the session, not its start.
#[derive(Deserialize)]
pub(super) struct GroupedRow {
    #[serde(rename = "T")]
    pub(super) ticker: String,
    pub(super) t: Whole,
    pub(super) o: f64,
    pub(super) h: f64,
    pub(super) l: f64,
    pub(super) c: f64,
    pub(super) v: f64,
    pub(super) vw: Option<f64>,
    pub(super) n: Option<Whole>,
}

/// A split, as both splits endpoints write it.
#[derive(Deserialize)]
pub(super) struct SplitRow {
    pub(super) ticker: String,
    pub(super) execution_date: chrono::NaiveDate,
    pub(super) split_from: f64,
    pub(super) split_to: f64,
}

/// A dividend, as both dividends endpoints write it.
#[derive(Deserialize)]
pub(super) struct DividendRow {
    pub(super) ticker: String,
    pub(super) id: String,
    pub(super) ex_dividend_date: chrono::NaiveDate,
    pub(super) cash_amount: f64,
    pub(super) currency: Option<String>,
    #[serde(alias = "dividend_type")]
    pub(super) distribution_type: Option<String>,
    pub(super) frequency: Option<i64>,
    pub(super) declaration_date: Option<chrono::NaiveDate>,
    pub(super) record_date: Option<chrono::NaiveDate>,
    pub(super) pay_date: Option<chrono::NaiveDate>,
}

#[derive(Deserialize)]
pub(super) struct TickerRow {
    pub(super) ticker: String,
    pub(super) name: Option<String>,
    pub(super) market: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) active: Option<bool>,
}

/// `/v3/reference/tickers/{ticker}`: one object where other answers have rows.
#[derive(Deserialize)]
pub(super) struct DetailsBody {
    pub(super) status: Option<String>,
    pub(super) results: Option<Object<DetailsRow>>,
}

#[derive(Deserialize)]
pub(super) struct DetailsRow {
    #[serde(flatten)]
    pub(super) known: TickerRow,
    pub(super) list_date: Option<chrono::NaiveDate>,
    /// An instant, of which the date counts.
    pub(super) delisted_utc: Option<String>,
    pub(super) currency_name: Option<String>,
    pub(super) composite_figi: Option<String>,
}

/// One entry of the bare array of `/v1/marketstatus/upcoming`.
#[derive(Deserialize)]
pub(super) struct HolidayRow {
    pub(super) exchange: String,
    pub(super) name: String,
    pub(super) date: chrono::NaiveDate,
    pub(super) status: String,
    pub(super) close: Option<chrono::DateTime<chrono::FixedOffset>>,
}

#[derive(Deserialize)]
pub(super) struct StatusBody {
    pub(super) market: String,
    #[serde(rename = "serverTime")]
    pub(super) server_time: Option<chrono::DateTime<chrono::FixedOffset>>,
}

/// The rows of an answer. More than any request asks for are not read to their end: what they would take is not bounded
/// by the size of the body alone.
struct Rows<R>(Vec<R>);

impl<'de, R: Deserialize<'de>> Deserialize<'de> for Rows<R> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Elements<R>(PhantomData<R>);
        impl<'de, R: Deserialize<'de>> Visitor<'de> for Elements<R> {
            type Value = Rows<R>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of results")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = seq.next_element()? {
                    if rows.len() as u64 >= PAGE_LIMIT {
                        let text = format!("more than {PAGE_LIMIT} results, at most {PAGE_LIMIT} were requested");
                        return Err(de::Error::custom(text));
                    }
                    rows.push(row);
                }
                Ok(Rows(rows))
            }
        }
        d.deserialize_seq(Elements(PhantomData))
    }
}

/// How much of a text of the vendor is shown, characters.
const SHOWN: usize = 200;

/// A text of the vendor in a message: printable and short, however long it came.
pub(super) fn shown(text: &str) -> String {
    let mut start = text.char_indices();
    match start.nth(SHOWN) {
        None => printable(text),
        Some((end, _)) => format!("{}…", printable(text.get(..end).unwrap_or_default())),
    }
}

/// How far the counts of an envelope can be trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// `resultsCount` is the number of rows.
    Exact,
    /// Reference endpoints: absent, or a total over all pages.
    Loose,
}

/// A row as it was written, read by itself.
pub(super) type Raw = Box<serde_json::value::RawValue>;

/// Reads one row; the text says why it is no such row.
pub(super) fn row<T: de::DeserializeOwned>(raw: &Raw) -> Result<T, String> {
    let read = serde_json::from_str::<Object<T>>(raw.get());
    read.map(|Object(row)| row).map_err(|e| shown(&e.to_string()))
}

impl<R> Envelope<R> {
    /// The rows, once status, texts and counts agree with them.
    pub(super) fn rows(&mut self, counts: Counts) -> Result<Vec<R>, Fault> {
        if let Some(status) = self.status.as_deref().filter(|s| !matches!(*s, "OK" | "DELAYED")) {
            let said = self.said().unwrap_or_else(|| "no reason given".to_owned());
            let text = format!("the vendor answered 200 with status {}: {said}", shown(status));
            return Err(Fault::malformed(text));
        }
        let told = [self.results_count, self.count];
        let rows = match (self.results.take(), told.into_iter().flatten().next()) {
            (Some(Rows(rows)), _) => rows,
            (None, Some(_)) => Vec::new(),
            (None, None) => return Err(Fault::malformed("the answer has neither results nor a count of them")),
        };
        for Whole(n) in told.into_iter().flatten() {
            let agrees = usize::try_from(n) == Ok(rows.len()) || (counts == Counts::Loose && !rows.is_empty());
            if !agrees {
                let held = if rows.is_empty() { "none".to_owned() } else { rows.len().to_string() };
                return Err(Fault::malformed(format!("the answer counts {n} results and holds {held}")));
            }
        }
        if rows.is_empty() {
            if let Some(said) = self.said() {
                return Err(Fault::malformed(format!("the answer holds no results and says: {said}")));
            }
            let used = self.query_count.map_or(0, |Whole(n)| n);
            // The vendor withholds a bar that the page cut in two; the next page has it.
            if used != 0 && self.next_url().is_none() {
                return Err(Fault::malformed(format!("the answer was made of {used} base bars and holds none")));
            }
        }
        Ok(rows)
    }

    /// An error text, fit to print.
    fn said(&self) -> Option<String> {
        let texts = [&self.error, &self.message];
        texts.into_iter().flatten().find_map(|said| match serde_json::from_str::<Option<String>>(said.get()) {
            Ok(None) => None,
            Ok(Some(text)) if text.trim().is_empty() => None,
            Ok(Some(text)) => Some(shown(&text)),
            Err(_) => Some(shown(said.get())),
        })
    }

    /// Where the next page is, if the answer names one.
    pub(super) fn next_url(&self) -> Option<&str> {
        self.next_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The vendor's word that its data is late: a delayed plan.
    pub(super) fn is_delayed(&self) -> bool {
        self.status.as_deref() == Some("DELAYED")
    }
}

/// Parses a JSON object.
pub(super) fn object<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    json::<Object<T>>(body).map(|Object(value)| value)
}

/// Parses JSON, and says in words what is wrong with what is not.
pub(super) fn json<T: de::DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    use serde_json::error::Category;
    match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(Fault::malformed("the answer is empty")),
        Some(b'<') => return Err(Fault::malformed("the answer is HTML instead of JSON")),
        Some(b'{' | b'[') => {}
        Some(_) => return Err(Fault::malformed("the answer is not JSON")),
    }
    serde_json::from_slice(body).map_err(|e| {
        let what = match e.classify() {
            Category::Eof => "the answer is cut off",
            Category::Data => "the answer has the wrong shape",
            Category::Syntax | Category::Io => "the answer is not JSON",
        };
        Fault::malformed(format!("{what}: {}", shown(&e.to_string())))
    })
}

/// A value that must be written as a JSON object. serde would read a struct from an array too, by position.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        d.deserialize_map(Fields(PhantomData))
    }
}

/// A whole number, also when written as `3.0` or `1e6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Whole;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Whole, E> {
                Ok(Whole(n))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Whole, E> {
                i64::try_from(n).map(Whole).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(n), &self))
            }
            fn visit_f64<E: de::Error>(self, n: f64) -> Result<Whole, E> {
                // Up to 2^53 every whole number has its own float.
                if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 {
                    return Ok(Whole(n as i64));
                }
                Err(E::invalid_value(de::Unexpected::Float(n), &self))
            }
        }
        d.deserialize_any(Number)
    }
}
