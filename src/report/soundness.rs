//! Sessions that are said to be stored and are not: what no statement over the tables can tell without a calendar; and the
//! command that mends a finding.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use barkeep_base::format::plural;
use barkeep_market::ts::{DAY, HOUR};
use barkeep_market::{AssetClass, Calendar, Interval, Timeframe, Ts};
use barkeep_store::upkeep::{CheckFinding, Invariant};
use barkeep_store::{Coverage, CoverageState, SeriesRow, Store, StoreError};

/// A symbol that has bars in so many sessions in a row trades in every session.
const STEADY: usize = 20;
/// The UTC day in pieces: bars of the New York evening lie in the first one of the next day.
const PIECE: i64 = 6 * HOUR;

/// Sessions inside answered ranges without a single bar although the symbol traded in each of the twenty before.
///
/// # Errors
/// When the database cannot be read.
pub async fn lost_sessions(store: &dyn Store, calendar: &Calendar) -> Result<Vec<CheckFinding>, StoreError> {
    let symbols = store.symbols().await?;
    let mut found = Vec::new();
    for row in store.series().await? {
        let class = symbols.iter().find(|s| s.symbol == row.symbol).map(|s| s.asset_class);
        let (Some(class), Some(first), Some(last)) = (class, row.first_ts, row.last_ts) else { continue };
        if row.timeframe == Timeframe::W1 {
            continue;
        }
        let coverage = store.coverage(&[row.id]).await?.pop().map(|(_, rows)| rows).unwrap_or_default();
        let pieces = store.bar_counts(row.id, Interval::new(first, last + 1), PIECE).await?;
        let traded: BTreeSet<NaiveDate> = pieces
            .iter()
            .filter(|(at, _)| is_of_its_day(class, row.timeframe, *at))
            .map(|(at, _)| date_of(*at))
            .collect();
        let sessions = sessions(calendar, class, date_of(first), date_of(last));
        let lost = lost(&sessions, &traded, &coverage);
        if let (Some(from), Some(to)) = (lost.first(), lost.last()) {
            found.push(finding(&row, lost.len(), from.start, to.start));
        }
    }
    Ok(found)
}

fn finding(row: &SeriesRow, count: usize, first: Ts, last: Ts) -> CheckFinding {
    let rows = i64::try_from(count).unwrap_or(i64::MAX);
    CheckFinding {
        invariant: Invariant::Sessions,
        symbol: Some(row.symbol.clone()),
        timeframe: Some(row.timeframe),
        what: format!("{} without any bar, although coverage says there are some", plural(rows, "session")),
        rows,
        first: Some(first),
        last: Some(last),
    }
}

fn date_of(at: Ts) -> NaiveDate {
    at.to_utc().date_naive()
}

/// Whether the bars of a piece belong to the session of its UTC date.
fn is_of_its_day(class: AssetClass, timeframe: Timeframe, piece: Ts) -> bool {
    class == AssetClass::Crypto || timeframe == Timeframe::D1 || piece.ms().rem_euclid(DAY) >= PIECE
}

/// The sessions of some days: date and regular hours.
fn sessions(calendar: &Calendar, class: AssetClass, from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, Interval)> {
    if class == AssetClass::Crypto {
        let start = |day: NaiveDate| Ts::from(day.and_time(chrono::NaiveTime::MIN).and_utc());
        return from
            .iter_days()
            .take_while(|d| *d <= to)
            .map(|d| (d, Interval::new(start(d), start(d) + DAY)))
            .collect();
    }
    calendar.sessions(from, to).into_iter().map(|s| (s.date, s.regular())).collect()
}

fn lost(sessions: &[(NaiveDate, Interval)], traded: &BTreeSet<NaiveDate>, coverage: &[Coverage]) -> Vec<Interval> {
    let present = |hours: Interval| {
        let holds = |c: &&Coverage| c.range.start <= hours.start && c.range.end >= hours.end;
        coverage.iter().find(holds).is_some_and(|c| c.state == CoverageState::Present)
    };
    let (mut steady, mut lost) = (0, Vec::new());
    for (date, hours) in sessions {
        if traded.contains(date) {
            steady += 1;
        } else if steady >= STEADY && present(*hours) {
            lost.push(*hours);
        } else {
            steady = 0;
        }
    }
    lost
}

/// The command that mends it.
#[must_use]
pub fn mend(finding: &CheckFinding) -> String {
    let fetch = |more: &str| {
        let (Some(symbol), Some(timeframe)) = (&finding.symbol, finding.timeframe) else {
            return "barkeep backfill --all".to_owned();
        };
        let date = |at: Ts| at.to_utc().date_naive().to_string();
        let from = finding.first.map(|at| format!(" --from {}", date(at))).unwrap_or_default();
        let to = finding.last.map(|at| format!(" --to {}", date(at))).unwrap_or_default();
        format!("barkeep backfill {symbol} --timeframes {timeframe}{from}{to}{more}")
    };
    match finding.invariant {
        Invariant::Pages => "stop barkeep and restore a backup".to_owned(),
        Invariant::Counts
        | Invariant::BarsHaveFeatures
        | Invariant::CoverageIsOrdered
        | Invariant::NoOrphans
        | Invariant::Freshness => "barkeep db check --repair".to_owned(),
        Invariant::FeaturesHaveBars | Invariant::BarsArePossible | Invariant::BarsOnGrid => {
            format!("barkeep db check --repair, then {}", fetch(""))
        }
        Invariant::BarsAreCovered => fetch(""),
        Invariant::Sessions => fetch(" --refetch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(range: Interval, state: CoverageState) -> Coverage {
        Coverage::answered(range, state, None, range.start)
    }

    #[test]
    fn a_session_is_lost_when_the_symbol_trades_in_each_and_the_range_is_answered() {
        let day = |n| NaiveDate::from_ymd_opt(2024, 3, n).unwrap();
        let all = sessions(&Calendar::new(), AssetClass::Stock, day(1), day(31));
        assert_eq!(all.len(), 20, "Good Friday is none");
        let all = sessions(&Calendar::new(), AssetClass::Stock, day(1), NaiveDate::from_ymd_opt(2024, 4, 30).unwrap());
        let gone = NaiveDate::from_ymd_opt(2024, 4, 10).unwrap();
        let traded: BTreeSet<NaiveDate> = all.iter().map(|(date, _)| *date).filter(|date| *date != gone).collect();
        let whole = Interval::new(all[0].1.start, all.last().unwrap().1.end);
        let found = |traded: &BTreeSet<NaiveDate>, state| lost(&all, traded, &[coverage(whole, state)]).len();
        assert_eq!(found(&traded, CoverageState::Present), 1);
        assert_eq!(found(&traded, CoverageState::Suspect), 0, "already known");
        let thin: BTreeSet<NaiveDate> = traded.iter().copied().step_by(2).collect();
        assert_eq!(found(&thin, CoverageState::Present), 0);
    }
}
