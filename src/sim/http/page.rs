//! A page of bars and its JSON, in the key order and number forms of the recorded answers.
//!
//! Written by hand and not by `serde`, because the faults need bodies that no serialiser would write.

use std::fmt::Write;

use crate::data::number::{push_plain, push_volume};
use crate::data::source::Row;
use crate::fault_kind::FaultKind;

/// An answer made of bars.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Absent in grouped answers.
    pub(crate) ticker: Option<String>,
    /// One per row in grouped answers and previous closes.
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) base: u64,
    pub(crate) adjusted: bool,
    pub(crate) status: &'static str,
    /// Origin that `next_url` names.
    pub(crate) origin: String,
    /// Path and query of `next_url`.
    pub(crate) next: Option<String>,
    /// Added to the counts by a fault.
    pub(crate) miscount: usize,
    /// A fault that is a matter of writing.
    pub(crate) quirk: Option<FaultKind>,
    /// What loops and repeats need to know.
    pub(crate) place: Place,
}

/// Where a page sits in its chain; each is a path with a cursor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The page itself.
    pub(crate) own: String,
    /// The page itself under another cursor.
    pub(crate) again: String,
    /// The first page of the chain.
    pub(crate) first: String,
    /// Start of the first bar after the requested range.
    pub(crate) end: i64,
}

impl Page {
    /// The body.
    pub(crate) fn encode(&self, request_id: &str) -> String {
        let mut out = String::with_capacity(256 + self.rows.len() * 120);
        out.push('{');
        if let Some(ticker) = &self.ticker {
            let _ = write!(out, "\"ticker\":{},", json(ticker));
        }
        let count = self.rows.len() + self.miscount;
        let _ = write!(
            out,
            "\"queryCount\":{},\"resultsCount\":{count},\"adjusted\":{},",
            self.base + self.miscount as u64,
            self.adjusted
        );
        // The vendor leaves `results` out when there are none.
        if !self.rows.is_empty() && self.quirk != Some(FaultKind::MissingResults) {
            out.push_str("\"results\":[");
            for (k, row) in self.rows.iter().enumerate() {
                if k > 0 {
                    out.push(',');
                }
                self.push_row(&mut out, k, row);
            }
            out.push_str("],");
        }
        match self.quirk {
            Some(FaultKind::ErrorBesideEmpty) => out.push_str("\"error\":\"Something went wrong\","),
            Some(FaultKind::MessageBesideEmpty) => out.push_str("\"message\":\"Data is being prepared\","),
            _ => {}
        }
        let _ = write!(out, "\"status\":\"{}\",\"request_id\":\"{request_id}\",\"count\":{count}", self.status);
        if let Some(next) = &self.next {
            let _ = write!(out, ",\"next_url\":{}", json(&format!("{}{next}", self.origin)));
        }
        out.push('}');
        out
    }

    fn push_row(&self, out: &mut String, k: usize, row: &Row) {
        out.push('{');
        if let Some(name) = self.names.get(k) {
            let _ = write!(out, "\"T\":{},", json(name));
        }
        let quote = if self.quirk == Some(FaultKind::WrongTypes) { "\"" } else { "" };
        let plain = |out: &mut String, key: &str, x: f64| {
            let _ = write!(out, ",\"{key}\":{quote}");
            push_plain(out, x);
            out.push_str(quote);
        };
        let _ = write!(out, "\"v\":{quote}");
        push_volume(out, row.v);
        out.push_str(quote);
        if let Some(vw) = row.vw {
            plain(out, "vw", vw);
        }
        plain(out, "o", row.o);
        match self.quirk {
            Some(FaultKind::NullField) if k == 0 => out.push_str(",\"c\":null"),
            Some(FaultKind::NanLiteral) if k == 0 => out.push_str(",\"c\":NaN"),
            _ => plain(out, "c", row.c),
        }
        plain(out, "h", row.h);
        plain(out, "l", row.l);
        let _ = write!(out, ",\"t\":{quote}{}{quote}", row.t);
        if let Some(n) = row.n {
            let _ = write!(out, ",\"n\":{quote}{n}{quote}");
        }
        out.push('}');
    }
}

/// A JSON string literal.
pub(crate) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
