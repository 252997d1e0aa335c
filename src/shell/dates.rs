//! Days as people write them: `2024`, `2024-01`, `2024-01-31`, `yesterday`, `30d`, or a time in RFC 3339.
//!
//! A bound is inclusive by the unit it is written in: `--from 2024` begins with the first day of that year, `--to 2024`
//! ends with its last.

use chrono::{Days, Months, NaiveDate};

use barkeep_base::clock::{Clock as _, SystemClock};
use barkeep_base::text::printable;
use barkeep_market::AssetClass;
use barkeep_pipeline::select::TimeBound;

/// What a range may begin with.
///
/// # Errors
/// When it is no date, time or age, or lies outside 1970 to 2100.
pub fn first(text: &str) -> Result<TimeBound, String> {
    bounds(text, today()).map(|(first, _)| first)
}

/// What a range may end with.
///
/// # Errors
/// When it is no date, time or age, or lies outside 1970 to 2100.
pub fn last(text: &str) -> Result<TimeBound, String> {
    bounds(text, today()).map(|(_, last)| last)
}

/// A day; of a longer unit the first.
///
/// # Errors
/// When it is no date or age, or lies outside 1970 to 2100.
pub fn day(text: &str) -> Result<NaiveDate, String> {
    match first(text)? {
        TimeBound::Date(date) => Ok(date),
        TimeBound::Time(_) => {
            Err(format!("'{}' is a time; write a day such as 2024-01-31, yesterday or 30d", printable(text)))
        }
    }
}

/// A day like [`day`] that is not to come: from such a day on there would be nothing to fetch.
///
/// # Errors
/// Like [`day`], and when it is in the future.
pub fn past_day(text: &str) -> Result<NaiveDate, String> {
    let (date, today) = (day(text)?, SystemClock.now().utc_date());
    if date > today {
        return Err(format!("'{}' is in the future; today is {today}", printable(text)));
    }
    Ok(date)
}

/// Where stocks trade; the day of crypto begins five hours earlier at most.
fn today() -> NaiveDate {
    AssetClass::Stock.date_of(SystemClock.now())
}

fn bounds(text: &str, today: NaiveDate) -> Result<(TimeBound, TimeBound), String> {
    if let Ok(bound) = text.parse() {
        return Ok((bound, bound));
    }
    let span = unit(text).or_else(|| ago(text, today).map(|date| (date, date)));
    // Years that no bar has are refused like those of a whole date.
    let span = span.filter(|(first, _)| first.to_string().parse::<TimeBound>().is_ok());
    let span = span.map(|(first, last)| (TimeBound::Date(first), TimeBound::Date(last)));
    span.ok_or_else(|| {
        format!(
            "'{}' is not a date or time; write 2024, 2024-01, 2024-01-31, 2024-01-31T14:30:00Z, yesterday or 30d, from \
             1970 to 2100",
            printable(text)
        )
    })
}

/// The first and the last day of a year or a month.
fn unit(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let shaped = text.char_indices().all(|(at, c)| if at == 4 { c == '-' } else { c.is_ascii_digit() });
    let (first, months) = match text.len() {
        4 if shaped => (format!("{text}-01-01"), 12),
        7 if shaped => (format!("{text}-01"), 1),
        _ => return None,
    };
    let first: NaiveDate = first.parse().ok()?;
    Some((first, first.checked_add_months(Months::new(months))?.pred_opt()?))
}

/// `today`, `yesterday`, `30d`, `2w`, `6mo`, `1y`: that long ago.
fn ago(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    match text {
        "today" => return Some(today),
        "yesterday" => return today.pred_opt(),
        _ => {}
    }
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let number: u32 = number.parse().ok()?;
    match unit {
        "d" => today.checked_sub_days(Days::new(u64::from(number))),
        "w" => today.checked_sub_days(Days::new(7 * u64::from(number))),
        "mo" => today.checked_sub_months(Months::new(number)),
        "y" => today.checked_sub_months(Months::new(number.checked_mul(12)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<String, String> {
        let today = "2024-03-01".parse().unwrap();
        bounds(text, today).map(|(first, last)| format!("{first} {last}"))
    }

    #[test]
    fn a_bound_is_as_long_as_the_unit_it_is_written_in() {
        for (text, days) in [
            ("2024", "2024-01-01 2024-12-31"),
            ("2024-02", "2024-02-01 2024-02-29"),
            ("2023-12", "2023-12-01 2023-12-31"),
            ("2024-01-31", "2024-01-31 2024-01-31"),
            ("2024-01-31T14:30:00Z", "2024-01-31T14:30:00Z 2024-01-31T14:30:00Z"),
            ("today", "2024-03-01 2024-03-01"),
            ("yesterday", "2024-02-29 2024-02-29"),
            ("30d", "2024-01-31 2024-01-31"),
            ("2w", "2024-02-16 2024-02-16"),
            ("6mo", "2023-09-01 2023-09-01"),
            ("1y", "2023-03-01 2023-03-01"),
            ("0d", "2024-03-01 2024-03-01"),
        ] {
            assert_eq!(range(text), Ok(days.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_what_would_be_one() {
        for text in [
            "",
            "24",
            "1969",
            "2101",
            "2024-13",
            "2024-1",
            "2024-1-3",
            "20240131",
            "tomorrow",
            "30",
            "30x",
            "d",
            "-5d",
            "99999999999d",
            "9999y",
            "2024-02-30",
            "２０２４",
        ] {
            let error = range(text).unwrap_err();
            assert!(error.contains(text) && error.contains("yesterday"), "{error}");
        }
    }
}
