//! The vendor's S3 storage: the minutes of all stocks of a day in one file, path-style, with ranges and conditions.
//!
//! The rows are those of the aggregates, without `vwap`. A file stays as it is once somebody asked for it, until it is
//! replaced; it appears at 11:00 New York on the next day. Of a signature only the access key is looked at.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderName, Method, header};
use chrono::{NaiveDate, NaiveTime};

use crate::corrupt::{Delivery, Reply};
use crate::data::flat::{FlatFile, packed, tag_of, unpacked};
use crate::data::grid::Grid;
use crate::data::hours::midnight;
use crate::fault::{FaultRule, Struck};
use crate::fault_kind::FaultKind;
use crate::lock;
use crate::shared::Shared;
use barkeep_market::Ts;

/// Bucket and key.
pub(crate) const ROUTE: &str = "/flatfiles/{*key}";
const KIND: &str = "application/gzip";
const XML: &str = "application/xml";

type Extra = Vec<(HeaderName, String)>;

/// Answers, with further headers and the name of the fault that struck.
pub(crate) fn answer(shared: &Shared, parts: &Parts, now: Ts) -> (Reply, Extra, Option<&'static str>) {
    let path = parts.uri.path();
    let date = match admitted(shared, parts).and_then(|()| published(path, now).ok_or(NO_SUCH_KEY)) {
        Ok(date) => date,
        Err(refusal) => return (refused(refusal), Vec::new(), None),
    };
    let Ok(file) = made(shared, date, now) else { return (broken("the bars cannot be read"), Vec::new(), None) };
    let Some(file) = file else { return (refused(NO_SUCH_KEY), Vec::new(), None) };
    if parts.method == Method::HEAD {
        let (reply, extra) = sent(shared, parts, date, &file, None);
        return (reply, extra, None);
    }
    let struck = Struck { path, page: 1, bars: true, more: false, whole_market: true, file: true, now };
    let rule = shared.faults.pick(&struck);
    let name = rule.as_ref().map(|rule| rule.kind.name());
    let (reply, extra) = sent(shared, parts, date, &file, rule.as_ref());
    (reply, extra, name)
}

fn sent(
    shared: &Shared,
    parts: &Parts,
    date: NaiveDate,
    file: &Arc<FlatFile>,
    rule: Option<&FaultRule>,
) -> (Reply, Extra) {
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_MATCH).is_some_and(|tag| tag != "*" && tag.trim_matches('"') != file.tag.trim_matches('"')) {
        return (
            refused((412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")),
            Vec::new(),
        );
    }
    let size = file.body.len();
    let from = match text(header::RANGE).map(|range| range.strip_prefix("bytes=").and_then(|r| r.split_once('-'))) {
        None => 0,
        Some(Some((from, _))) => from.parse().unwrap_or(0),
        Some(None) => size,
    };
    if from > 0 && from >= size {
        return (refused((416, "InvalidRange", "The requested range is not satisfiable")), Vec::new());
    }
    let mut extra = vec![
        (header::ETAG, file.tag.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::LAST_MODIFIED, published_at(date).to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
    ];
    if from > 0 {
        extra.push((header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", size - 1)));
    }
    if parts.method == Method::HEAD {
        // The framework keeps the length and drops the body.
        return (whole(file, 0), extra);
    }
    let reply = whole(file, from);
    match rule.map(|rule| rule.kind) {
        Some(FaultKind::Status403Entitlement) => (refused((403, "AccessDenied", "Access Denied")), Vec::new()),
        Some(FaultKind::Status404) => (refused(NO_SUCH_KEY), Vec::new()),
        Some(FaultKind::Status503) => (refused((503, "SlowDown", "Please reduce your request rate.")), Vec::new()),
        Some(FaultKind::DamagedByte) => {
            let mut reply = reply;
            let middle = reply.body.len() / 2;
            reply.body.get_mut(middle).into_iter().for_each(|byte| *byte ^= 0x55);
            (reply, extra)
        }
        Some(FaultKind::ReplacedFile) => {
            let mut files = lock(&shared.files);
            *files.replaced.entry(date).or_default() += 1;
            files.made.remove(&date);
            (Reply { delivery: Delivery::Cut, ..reply }, extra)
        }
        Some(FaultKind::CutLine) => {
            let whole = unpacked(&file.body);
            let cut = packed(whole.get(..whole.len().saturating_sub(9)).unwrap_or_default(), 0);
            let extra = vec![(header::ETAG, tag_of(&cut))];
            (Reply { body: cut, ..whole_reply(file.rows) }, extra)
        }
        Some(FaultKind::CutGzip) => {
            let half = file.body.get(..size / 2).unwrap_or_default().to_vec();
            let extra = vec![(header::ETAG, tag_of(&half))];
            (Reply { body: half, ..whole_reply(file.rows) }, extra)
        }
        Some(_) => (rule.map_or(reply.clone(), |rule| reply.corrupt(rule, "", parts.uri.path())), extra),
        None => (reply, extra),
    }
}

fn whole_reply(rows: usize) -> Reply {
    Reply { content_type: KIND, ..Reply::json(200, String::new(), rows) }
}

fn whole(file: &FlatFile, from: usize) -> Reply {
    let body = file.body.get(from..).unwrap_or_default().to_vec();
    Reply { body, status: if from > 0 { 206 } else { 200 }, ..whole_reply(file.rows) }
}

type Refused = (u16, &'static str, &'static str);
const NO_SUCH_KEY: Refused = (404, "NoSuchKey", "The specified key does not exist.");

fn refused((status, code, message): Refused) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply { content_type: XML, ..Reply::json(status, body, 0) }
}

/// An answer of a storage that failed.
pub(crate) fn broken(why: &str) -> Reply {
    Reply { body: why.as_bytes().to_vec(), ..refused((500, "InternalError", "")) }
}

fn admitted(shared: &Shared, parts: &Parts) -> Result<(), Refused> {
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let signed =
        given.and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 ")).filter(|text| text.contains("Signature="));
    let key = signed.and_then(|text| text.split_once("Credential=")?.1.split('/').next());
    let Some(key) = key else { return Err((403, "AccessDenied", "Access Denied")) };
    match &shared.config.s3_access_keys {
        Some(known) if !known.iter().any(|known| known == key) => {
            Err((403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."))
        }
        _ => Ok(()),
    }
}

/// The date of a key whose file is there by now.
fn published(path: &str, now: Ts) -> Option<NaiveDate> {
    let name = path.strip_prefix("/flatfiles/us_stocks_sip/minute_aggs_v1/")?.strip_suffix(".csv.gz")?;
    let date: NaiveDate = name.rsplit_once('/')?.1.parse().ok()?;
    let known = date.format("%Y/%m/%Y-%m-%d").to_string() == name && now >= published_at(date);
    known.then_some(date)
}

fn published_at(date: NaiveDate) -> Ts {
    Ts::ny(date.succ_opt().unwrap_or(date), NaiveTime::from_hms_opt(11, 0, 0).unwrap_or_default())
}

/// The file of a date; `None` when nothing traded.
fn made(shared: &Shared, date: NaiveDate, now: Ts) -> Result<Option<Arc<FlatFile>>, crate::data::source::Unreadable> {
    let version = {
        let files = lock(&shared.files);
        if let Some(file) = files.made.get(&date) {
            return Ok(Some(Arc::clone(file)));
        }
        files.replaced.get(&date).copied().unwrap_or_default()
    };
    let Some(grid) = Grid::of(false, 1, "minute") else { return Ok(None) };
    let book = shared.book();
    let view = shared.view(&book, now);
    let day = (midnight(false, date), midnight(false, date.succ_opt().unwrap_or(date)));
    let mut text = "ticker,volume,open,close,high,low,window_start,transactions\n".to_owned();
    let mut rows = 0;
    for ticker in shared.file_market() {
        for row in view.roll(&ticker, grid, day, now.ms(), None, &|row| *row)?.rows {
            let (start, n) = (row.t * 1_000_000, row.n.unwrap_or_default());
            let _ = writeln!(text, "{ticker},{},{},{},{},{},{start},{n}", row.v, row.o, row.c, row.h, row.l);
            rows += 1;
        }
    }
    if rows == 0 {
        return Ok(None);
    }
    let body = packed(text.as_bytes(), version);
    let file = Arc::new(FlatFile { tag: tag_of(&body), body, rows });
    lock(&shared.files).made.insert(date, Arc::clone(&file));
    Ok(Some(file))
}
