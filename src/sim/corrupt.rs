//! How each fault is done to an answer.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::distort::distort;
use super::fault::FaultRule;
use crate::fault_kind::FaultKind;
use crate::http::answer::Refusal;
use crate::http::page::Page;
use barkeep_market::ts::SECOND;

/// An HTTP answer about to be sent.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Compressed whatever the client accepts, and only half of it sent.
    pub(super) cut_gzip: bool,
    /// Whether the body is compressed.
    pub(super) encoded: bool,
    pub(super) delivery: Delivery,
    pub(super) location: Option<String>,
    pub(super) retry_after: Option<u64>,
    /// Bars or other results inside.
    pub(super) rows: usize,
}

/// How the bytes leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delivery {
    Whole,
    /// Half the body, then the end of the connection.
    Cut,
    Trickle(Duration),
    Hang,
    Reset,
}

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html";
/// Where faults lead when the rule names no target. The name cannot exist (RFC 2606).
const NOWHERE: &str = "https://other-host.invalid";
const PAUSE: Duration = Duration::from_millis(100);

impl Reply {
    pub(super) fn json(status: u16, body: String, rows: usize) -> Self {
        Self {
            status,
            content_type: JSON,
            body: body.into_bytes(),
            cut_gzip: false,
            encoded: false,
            delivery: Delivery::Whole,
            location: None,
            retry_after: None,
            rows,
        }
    }

    pub(super) fn refusal(refusal: &Refusal, request_id: &str) -> Self {
        let (status, body) = refusal.body(request_id);
        let mut reply = Self::json(status, body, 0);
        match refusal {
            Refusal::NoRoute => reply.content_type = TEXT,
            Refusal::RateLimited(wait) => reply.retry_after = *wait,
            _ => {}
        }
        reply
    }

    fn html(status: u16) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
             <hr><center>nginx/1.19.2</center>\r\n</body>\r\n</html>\r\n"
        );
        Self { content_type: HTML, ..Self::json(status, body, 0) }
    }

    fn nothing(delivery: Delivery) -> Self {
        Self { delivery, ..Self::json(0, String::new(), 0) }
    }

    /// Compresses the body when the client accepts that or a fault wants it.
    pub(super) fn packed(mut self, accepted: bool) -> Self {
        if (accepted || self.cut_gzip) && !self.body.is_empty() {
            let mut gzip = GzEncoder::new(Vec::with_capacity(self.body.len() / 4), Compression::fast());
            // Writing to memory cannot fail.
            let _ = gzip.write_all(&self.body);
            self.body = gzip.finish().unwrap_or_default();
            self.encoded = true;
        }
        if self.cut_gzip {
            self.body.truncate(self.body.len() / 2);
        }
        self
    }

    /// The second half of a fault's work: on the finished answer.
    pub(super) fn corrupt(mut self, rule: &FaultRule, request_id: &str, path: &str) -> Self {
        let refuse = |refusal| Self::refusal(&refusal, request_id);
        let broken = |status| refuse(Refusal::Broken(status, "Internal error".to_owned()));
        let target = || rule.target.clone().unwrap_or_else(|| NOWHERE.to_owned());
        match rule.kind {
            FaultKind::Status400 => refuse(Refusal::BadTime("from")),
            FaultKind::Status401 => refuse(Refusal::UnknownKey),
            FaultKind::Status403Entitlement => refuse(Refusal::NotEntitled),
            FaultKind::Status403Timeframe => refuse(Refusal::Timeframe),
            FaultKind::Status403Today => refuse(Refusal::Today),
            FaultKind::Status404 => refuse(Refusal::TickerNotFound),
            FaultKind::Status429 => refuse(Refusal::RateLimited(None)),
            FaultKind::Status408 => broken(408),
            FaultKind::Status500 => broken(500),
            FaultKind::Status502 => broken(502),
            FaultKind::Status503 => broken(503),
            FaultKind::Status504 => broken(504),
            FaultKind::Html502 => Self::html(502),
            FaultKind::Html503 => Self::html(503),
            FaultKind::Html200 => Self::html(200),
            FaultKind::Html403 => Self::html(403),
            FaultKind::Empty403 => Self::json(403, String::new(), 0),
            FaultKind::EmptyBody => Self::json(200, String::new(), 0),
            FaultKind::ErrorIn200 => {
                Self { status: 200, ..refuse(Refusal::BadParameter("Something went wrong".to_owned())) }
            }
            FaultKind::NotJson => Self::json(200, "upstream connect error or disconnect/reset".to_owned(), 0),
            FaultKind::TruncatedJson => {
                self.body.truncate(self.body.len() / 2);
                self
            }
            FaultKind::TruncatedBody => Self { delivery: Delivery::Cut, ..self },
            FaultKind::CutGzip => Self { cut_gzip: true, ..self },
            FaultKind::SlowTrickle => {
                let pause = rule.delay_ms.map_or(PAUSE, Duration::from_millis);
                Self { delivery: Delivery::Trickle(pause), ..self }
            }
            FaultKind::Hang => Self::nothing(Delivery::Hang),
            FaultKind::Reset => Self::nothing(Delivery::Reset),
            FaultKind::Redirect => {
                Self { status: 302, location: Some(format!("{}{path}", target())), ..Self::json(302, String::new(), 0) }
            }
            _ => self,
        }
    }
}

/// The first half of a fault's work: on the bars.
pub(super) fn corrupt_page(page: &mut Page, rule: &FaultRule) {
    let last = page.rows.len().saturating_sub(1);
    match rule.kind {
        FaultKind::WrongTypes | FaultKind::NullField | FaultKind::NanLiteral | FaultKind::MissingResults => {
            page.quirk = Some(rule.kind);
        }
        FaultKind::SecondsForMs => page.rows.iter_mut().for_each(|row| row.t /= SECOND),
        FaultKind::WrongTicker => match page.names.first_mut() {
            Some(name) => "WRONG".clone_into(name),
            None => page.ticker = Some("WRONG".to_owned()),
        },
        FaultKind::CountMismatch => page.miscount = 7,
        FaultKind::OutOfOrder => page.rows.swap(0, last),
        FaultKind::DuplicateRows | FaultKind::ConflictingDuplicate => {
            let named = rule.ticker.as_ref().and_then(|ticker| page.names.iter().position(|name| name == ticker));
            let at = named.unwrap_or(last);
            if let Some(mut row) = page.rows.get(at).copied() {
                if rule.kind == FaultKind::ConflictingDuplicate {
                    row.v += 1.0;
                    row.h *= 1.01;
                    row.c = row.h;
                }
                page.rows.push(row);
                page.names.extend(page.names.get(at).cloned());
            }
        }
        FaultKind::ForeignNextUrl => {
            rule.target.as_deref().unwrap_or(NOWHERE).clone_into(&mut page.origin);
            page.next.get_or_insert_with(|| page.place.again.clone());
        }
        FaultKind::RepeatedPage => page.next = Some(page.place.own.clone()),
        FaultKind::AbaLoop => page.next = Some(page.place.first.clone()),
        FaultKind::EmptyPageWithNext => {
            page.rows.clear();
            page.names.clear();
            page.base = 0;
            page.next = Some(page.place.again.clone());
        }
        _ => distort(page, rule),
    }
    let end = page.place.end;
    if let Some(row) = page.rows.last_mut() {
        match rule.kind {
            FaultKind::OutsideRange => row.t = end,
            FaultKind::OffGrid => row.t += SECOND,
            FaultKind::BrokenOhlc => (row.h, row.l) = (row.l * 0.99, row.h * 1.01),
            FaultKind::ZeroPrice => row.l = 0.0,
            FaultKind::NegativeVolume => row.v = -row.v.max(1.0),
            FaultKind::RevisedBar => {
                for price in [&mut row.o, &mut row.h, &mut row.l, &mut row.c] {
                    *price *= 1.01;
                }
                row.vw = row.vw.map(|vw| vw * 1.01);
                row.v *= 2.0;
            }
            _ => {}
        }
    }
}
