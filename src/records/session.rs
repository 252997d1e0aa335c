//! Bars of the regular session only, 09:30 to 16:00 New York or to an early close.
//!
//! Bars of up to half an hour lie within it or outside. Those of 1h and 4h do not, because they start on the hour; they are
//! made again from finer ones, from the open on, and have names of their own.

use crate::{SeriesRow, StoredBar};
use barkeep_market::ts::{HOUR, MINUTE};
use barkeep_market::{AssetClass, Bar, Calendar, Interval, Session, Symbol, Timeframe, Ts};

/// Bars from the open of each session on.
#[derive(Clone, Debug)]
pub struct Anchored {
    /// Milliseconds.
    width: i64,
    /// The bar that is being made, and where it ends.
    open: Option<(StoredBar, Ts)>,
}

/// How bars become those of the regular session.
#[derive(Clone, Debug)]
pub enum Regular {
    /// Those that start in it.
    Kept,
    Made(Anchored),
}

/// What is read and shown in place of a series at a timeframe.
#[derive(Clone, Debug)]
pub struct InSession<'a> {
    /// `None`: the series itself.
    pub finer: Option<&'a SeriesRow>,
    pub name: &'static str,
    pub regular: Regular,
}

/// Bars of the session can only be made of finer ones, and the symbol has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{timeframe} bars start on the hour and the session at 09:30, and {symbol} has no finer bars to build session bars from"
)]
pub struct NothingFiner {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
}

/// How bars of the regular session come from what is stored; `None` where there are no other hours: of days, and of crypto.
///
/// # Errors
/// When they have to be made of finer bars and there are none.
pub fn in_session<'a>(
    all: &(impl Iterator<Item = &'a SeriesRow> + Clone),
    symbol: &Symbol,
    class: AssetClass,
    timeframe: Timeframe,
) -> Result<Option<InSession<'a>>, NothingFiner> {
    if class.is_continuous() || timeframe >= Timeframe::D1 {
        return Ok(None);
    }
    let regular = Regular::of_timeframe(timeframe);
    let name = match timeframe {
        Timeframe::H1 => "1h@rth",
        Timeframe::H4 => "4h@rth",
        _ => return Ok(Some(InSession { finer: None, name: timeframe.name(), regular })),
    };
    let finer = |tf| all.clone().find(|s| s.symbol == *symbol && s.timeframe == tf && s.bar_count > 0);
    let coarsest_first = [Timeframe::M30, Timeframe::M15, Timeframe::M5, Timeframe::M1];
    let finer = coarsest_first.into_iter().find_map(finer);
    let finer = finer.ok_or_else(|| NothingFiner { symbol: symbol.clone(), timeframe })?;
    Ok(Some(InSession { finer: Some(finer), name, regular }))
}

impl Regular {
    /// How bars of a timeframe below a day are made.
    #[must_use]
    pub const fn of_timeframe(timeframe: Timeframe) -> Self {
        match timeframe {
            Timeframe::H1 => Self::Made(Anchored { width: HOUR, open: None }),
            Timeframe::H4 => Self::Made(Anchored { width: 4 * HOUR, open: None }),
            _ => Self::Kept,
        }
    }

    /// The start of the bar of the session that a stored bar belongs to; `None` outside of it.
    #[must_use]
    pub fn start_of(&self, calendar: &Calendar, t: Ts) -> Option<Ts> {
        let session = session_of(calendar, t)?;
        Some(match self {
            Self::Kept => t,
            Self::Made(anchored) => anchored.start(t, &session),
        })
    }

    /// The length of a bar that is made of several, in milliseconds; 0 where bars stay as they are.
    #[must_use]
    pub const fn width(&self) -> i64 {
        match self {
            Self::Kept => 0,
            Self::Made(anchored) => anchored.width,
        }
    }

    /// The bars of the session among these, which follow those of the call before.
    pub fn of(&mut self, calendar: &Calendar, bars: Vec<StoredBar>) -> Vec<StoredBar> {
        let inside = bars.into_iter().filter_map(|b| session_of(calendar, b.bar.ts).map(|session| (b, session)));
        match self {
            Self::Kept => inside.map(|(bar, _)| bar).collect(),
            Self::Made(anchored) => inside.filter_map(|(bar, session)| anchored.take(bar, &session)).collect(),
        }
    }

    /// The bar that was still being made.
    pub fn last(&mut self) -> Option<StoredBar> {
        match self {
            Self::Kept => None,
            Self::Made(anchored) => anchored.open.take().map(|(bar, _)| bar),
        }
    }
}

fn session_of(calendar: &Calendar, t: Ts) -> Option<Session> {
    calendar.session(t.ny_date()).filter(|session| session.regular().contains(t))
}

impl Anchored {
    fn start(&self, t: Ts, session: &Session) -> Ts {
        session.open + (t - session.open).div_euclid(self.width) * self.width
    }

    /// Adds a bar; the one before, when this begins another.
    fn take(&mut self, bar: StoredBar, session: &Session) -> Option<StoredBar> {
        if let Some((made, end)) = &mut self.open
            && bar.bar.ts < *end
        {
            add(made, &bar);
            return None;
        }
        let start = self.start(bar.bar.ts, session);
        let span = Interval::new(start, session.close.min(start + self.width).max(start + MINUTE));
        let first = StoredBar { bar: Bar { ts: start, ..bar.bar }, ..bar };
        self.open.replace((first, span.end)).map(|(made, _)| made)
    }
}

/// Adds a later bar to one that is being made.
fn add(made: &mut StoredBar, later: &StoredBar) {
    let (all, one) = (&mut made.bar, &later.bar);
    let weight = |bar: &Bar| bar.vwap.map(|vwap| vwap * bar.volume);
    let value = weight(all).zip(weight(one)).map(|(a, b)| a + b);
    let volume = all.volume + one.volume;
    *all = Bar {
        ts: all.ts,
        open: all.open,
        high: all.high.max(one.high),
        low: all.low.min(one.low),
        close: one.close,
        volume,
        vwap: value.filter(|_| volume > 0.0).map(|value| value / volume),
        trades: all.trades.zip(one.trades).map(|(a, b)| a + b),
    };
    made.provisional |= later.provisional;
    made.quality_score = made.quality_score.min(later.quality_score);
    made.quality_notes = made.quality_notes.take().or_else(|| later.quality_notes.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stored;
    use barkeep_market::testing::{at, candle};

    fn half_hour(n: i64, open: Ts) -> StoredBar {
        let price = 100.0 + n as f64;
        let bar = candle(open + n * 30 * MINUTE, [price, price + 0.5, price - 0.5, price + 0.25]);
        stored(Bar { volume: 10.0, vwap: Some(price), trades: Some(2), ..bar })
    }

    #[test]
    fn hours_begin_at_the_open_and_end_at_an_early_close() {
        let calendar = Calendar::new();
        // The day after Thanksgiving closes at 13:00; winter, so 09:30 is 14:30 UTC.
        let open = at("2024-11-29T14:30:00Z");
        let day: Vec<StoredBar> = (-11..21).map(|n| half_hour(n, open)).collect();
        let mut kept = Regular::Kept;
        let stamps: Vec<String> = kept.of(&calendar, day.clone()).iter().map(|b| b.bar.ts.to_string()).collect();
        assert_eq!(
            (stamps.len(), stamps[0].as_str(), stamps[6].as_str()),
            (7, "2024-11-29T14:30:00Z", "2024-11-29T17:30:00Z")
        );

        let mut hours = Regular::Made(Anchored { width: HOUR, open: None });
        // However the reading is cut.
        let (early, late) = day.split_at(14);
        let mut made = hours.of(&calendar, early.to_vec());
        made.extend(hours.of(&calendar, late.to_vec()));
        made.extend(hours.last());
        let short: Vec<(String, f64, f64, f64)> =
            made.iter().map(|b| (b.bar.ts.to_string(), b.bar.open, b.bar.close, b.bar.volume)).collect();
        let bar = |ts: &str, open, close, volume| (ts.to_owned(), open, close, volume);
        assert_eq!(
            short,
            [
                bar("2024-11-29T14:30:00Z", 100.0, 101.25, 20.0),
                bar("2024-11-29T15:30:00Z", 102.0, 103.25, 20.0),
                bar("2024-11-29T16:30:00Z", 104.0, 105.25, 20.0),
                bar("2024-11-29T17:30:00Z", 106.0, 106.25, 10.0),
            ]
        );
        assert_eq!(
            (made[0].bar.high, made[0].bar.low, made[0].bar.vwap, made[0].bar.trades),
            (101.5, 99.5, Some(100.5), Some(4))
        );
    }

    #[test]
    fn four_hours_are_two_bars_a_day_in_summer_too() {
        let calendar = Calendar::new();
        let open = at("2024-07-01T13:30:00Z");
        let mut hours = Regular::Made(Anchored { width: 4 * HOUR, open: None });
        let mut made = hours.of(&calendar, (-11..21).map(|n| half_hour(n, open)).collect());
        made.extend(hours.last());
        let stamps: Vec<String> = made.iter().map(|b| b.bar.ts.to_string()).collect();
        assert_eq!(stamps, ["2024-07-01T13:30:00Z", "2024-07-01T17:30:00Z"]);
        assert_eq!(made[1].bar.volume, 50.0);
    }
}
