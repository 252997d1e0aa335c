//! What is asked and what came, for the record.

use crate::Dated;
use barkeep_market::{Interval, Source, Timeframe, Ts};

/// What is asked, for the record.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) vendor: Source,
    pub(super) endpoint: &'static str,
    pub(super) ticker: Option<&'a str>,
    pub(super) timeframe: Option<Timeframe>,
    pub(super) asked: Option<Interval>,
}

impl Request<'_> {
    pub(super) const fn of(endpoint: &'static str) -> Self {
        Self { vendor: Source::Massive, endpoint, ticker: None, timeframe: None, asked: None }
    }
}

/// What an answer brought, for the record.
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) rows: u64,
    pub(super) query_count: Option<u64>,
    pub(super) bytes: u64,
    pub(super) request_id: Option<String>,
    pub(super) server_time: Option<Ts>,
}

impl Fetched {
    pub(super) fn of<T>(answer: &Dated<T>, rows: usize) -> Self {
        let request_id = answer.request_id.clone();
        Self { bytes: answer.bytes, request_id, ..Self::rows(rows, answer.server_time) }
    }

    pub(super) fn rows(rows: usize, server_time: Option<Ts>) -> Self {
        Self { status: 200, rows: rows as u64, query_count: None, bytes: 0, request_id: None, server_time }
    }
}
