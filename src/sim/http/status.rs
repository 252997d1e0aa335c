//! Whether markets are open, and which days they will not be.

use chrono::{Datelike, Days, NaiveDate, SecondsFormat};
use chrono_tz::America::New_York;

use crate::data::hours::{Hours, date_of};
use crate::http::answer::Answer;
use crate::http::request::Judge;
use barkeep_market::Ts;

/// `/v1/marketstatus/now`
pub(crate) fn now(hours: &Hours, judge: &Judge) -> Answer {
    let at = judge.now.ms();
    let (mut early, mut late, mut market) = (false, false, "closed");
    if let Some(day) = hours.on(date_of(false, at)) {
        early = (day.extended_open..day.open).contains(&at);
        late = (day.close..day.extended_close).contains(&at);
        market = match (day.open..day.close).contains(&at) {
            true => "open",
            false if early || late => "extended-hours",
            false => "closed",
        };
    }
    let server = judge.now.to_utc().with_timezone(&New_York).to_rfc3339_opts(SecondsFormat::Secs, false);
    let body = format!(
        r#"{{"market":"{market}","earlyHours":{early},"afterHours":{late},"serverTime":"{server}","exchanges":{{"nyse":"{market}","nasdaq":"{market}","otc":"{market}"}},"currencies":{{"fx":"open","crypto":"open"}}}}"#
    );
    Answer::Json(body, 1)
}

/// `/v1/marketstatus/upcoming`: a bare array, about a year ahead.
pub(crate) fn upcoming(hours: &Hours, judge: &Judge) -> Answer {
    const AHEAD: u64 = 365;
    let today = date_of(false, judge.now.ms());
    let mut rows = Vec::new();
    for date in (0..AHEAD).filter_map(|days| today.checked_add_days(Days::new(days))) {
        let what = match hours.on(date) {
            _ if judge.book.announces_closure(date, judge.now.ms()) => r#""status":"closed""#.to_owned(),
            None if date.weekday().num_days_from_monday() < 5 => r#""status":"closed""#.to_owned(),
            Some(day) if day.early_close => {
                format!(r#""status":"early-close","open":"{}","close":"{}""#, millis(day.open), millis(day.close))
            }
            _ => continue,
        };
        for exchange in ["NYSE", "NASDAQ", "OTC"] {
            rows.push(format!(r#"{{"exchange":"{exchange}","name":"{}","date":"{date}",{what}}}"#, holiday(date)));
        }
    }
    let count = rows.len();
    Answer::Json(format!("[{}]", rows.join(",")), count)
}

fn millis(t: i64) -> String {
    Ts(t).to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Which holiday closes a date, told by the month; good enough for a name on a list.
fn holiday(date: NaiveDate) -> &'static str {
    match (date.month(), date.day()) {
        (1, 1..=3) => "New Years Day",
        (1, 15..=21) => "Martin Luther King, Jr. Day",
        (2, _) => "Washington's Birthday",
        (3 | 4, _) => "Good Friday",
        (5, _) => "Memorial Day",
        (6, _) => "Juneteenth",
        (7, _) => "Independence Day",
        (9, _) => "Labor Day",
        (11, _) => "Thanksgiving",
        (12, _) => "Christmas",
        _ => "Special Closure",
    }
}
