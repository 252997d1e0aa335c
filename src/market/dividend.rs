//! Cash dividends, and what splits and dividends together did to a price.
//!
//! A dividend lowers the price on its ex-date by what leaves the company. The return of somebody who puts the cash back into
//! the shares is that of closes which are multiplied, before the ex-date, by what is left of the price: 1 less the dividend
//! over the last close before it, both in the same terms.

use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumCount, IntoStaticStr, VariantArray};

use barkeep_base::variants::all;

use super::asset::AssetClass;
use super::bar::Bar;
use super::split::{Ratio, Split, price_factor};
use super::timeframe::Timeframe;
use super::ts::{HOUR, Ts};

/// A payment for each share, as the vendor lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dividend {
    /// The vendor's name for it.
    pub id: String,
    /// The first session without it.
    pub ex_date: NaiveDate,
    /// In the terms of its date, not adjusted for later splits.
    pub cash_amount: f64,
    /// `USD` mostly.
    pub currency: Option<String>,
    pub kind: Option<String>,
    /// Payments a year.
    pub frequency: Option<i64>,
    pub declaration_date: Option<NaiveDate>,
    pub record_date: Option<NaiveDate>,
    pub pay_date: Option<NaiveDate>,
}

impl Dividend {
    /// Whether it has an amount. Anything else changes no price.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.cash_amount.is_finite() && self.cash_amount > 0.0
    }
}

/// From the start of a week, on Sunday, to its Saturday, whatever the clocks do.
const TO_SATURDAY: i64 = 156 * HOUR;

/// All that was paid on one ex-date, with the last close before it: raw, as its session traded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paid {
    pub ex_date: NaiveDate,
    pub amount: f64,
    /// `None` where no close of the days before is known.
    pub before: Option<(NaiveDate, f64)>,
}

impl Paid {
    /// Closes older than that say nothing about the price on the ex-date.
    const DAYS_BEFORE: i64 = 10;

    /// What is left of the price; 1 where nobody can tell.
    fn left(&self, splits: &[Split]) -> f64 {
        let Some((date, close)) = self.before else { return 1.0 };
        if (self.ex_date - date).num_days() > Self::DAYS_BEFORE {
            return 1.0;
        }
        // The amount is in the terms of the ex-date, also when shares are split on that day.
        let left = 1.0 - self.amount / (close * price_factor(splits, date, self.ex_date));
        if left > 0.0 && left <= 1.0 { left } else { 1.0 }
    }
}

/// What splits and dividends did to a price up to an instant, that one included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceFactors {
    pub at: Ts,
    /// So many old shares became `split_to` new ones.
    pub split_from: f64,
    pub split_to: f64,
    /// So much of the price is left after payments.
    pub dividend: f64,
}

/// The running product of all that happened to a share, by time.
#[must_use]
pub fn price_factors(splits: &[Split], paid: &[Paid], class: AssetClass) -> Vec<PriceFactors> {
    let mut dates: Vec<NaiveDate> = splits.iter().map(|s| s.date).chain(paid.iter().map(|p| p.ex_date)).collect();
    dates.sort_unstable();
    dates.dedup();
    let (mut ratio, mut dividend) = (Ratio::NONE, 1.0);
    let step = |date: NaiveDate| {
        ratio = splits.iter().filter(|s| s.date == date).fold(ratio, |all, s| all.then(Ratio::of(s)));
        dividend *= paid.iter().filter(|p| p.ex_date == date).map(|p| p.left(splits)).product::<f64>();
        PriceFactors { at: class.midnight(date), split_from: ratio.from, split_to: ratio.to, dividend }
    };
    dates.into_iter().map(step).collect()
}

/// Multiplies the prices of bars by what dividends after them and up to `now` left of a price. Bars are adjusted for splits
/// already. The close of a week is that of its last day, so a dividend on one of its days is behind it.
pub fn reinvest<'b>(
    bars: impl IntoIterator<Item = &'b mut Bar>,
    timeframe: Timeframe,
    factors: &[PriceFactors],
    now: Ts,
) {
    let behind = if timeframe == Timeframe::W1 { TO_SATURDAY } else { 0 };
    let upto = |t: Ts| {
        let after = factors.partition_point(|f| f.at <= t);
        after.checked_sub(1).and_then(|k| factors.get(k)).map_or(1.0, |f| f.dividend)
    };
    let all = upto(now);
    for bar in bars {
        let left = all / upto(now.min(bar.ts + behind));
        for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close].into_iter().chain(&mut bar.vwap) {
            *price *= left;
        }
    }
}

/// In which terms prices are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, IntoStaticStr, EnumCount, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Adjustment {
    /// As traded.
    None,
    /// In today's shares.
    #[default]
    Splits,
    /// In today's shares, with dividends put back into them.
    Total,
}

impl Adjustment {
    pub const ALL: [Self; Self::COUNT] = all(Self::VARIANTS);

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.into_str()
    }
}

impl FromStr for Adjustment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|a| a.name() == text);
        known.ok_or_else(|| "use none, splits or total".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paid(ex: &str, amount: f64, before: (&str, f64)) -> Paid {
        Paid { ex_date: date(ex), amount, before: Some((date(before.0), before.1)) }
    }

    fn bar(day: &str, close: f64) -> Bar {
        let ts = AssetClass::Stock.midnight(date(day));
        testing::bar(ts, close)
    }

    #[test]
    fn a_dividend_lowers_what_came_before_it() {
        let factors = price_factors(&[], &[paid("2024-02-09", 0.24, ("2024-02-08", 188.32))], AssetClass::Stock);
        let mut bars = [bar("2024-02-08", 188.32), bar("2024-02-09", 188.85)];
        reinvest(&mut bars, Timeframe::D1, &factors, AssetClass::Stock.midnight(date("2024-03-01")));
        let was = 188.32 * (1.0 - 0.24 / 188.32);
        assert!((bars[0].close - was).abs() < 1e-9, "{}", bars[0].close);
        assert_eq!((bars[0].volume, bars[1].close), (1_000.0, 188.85));
        let mut early = [bar("2024-02-08", 188.32)];
        reinvest(&mut early, Timeframe::D1, &factors, AssetClass::Stock.midnight(date("2024-02-08")));
        assert_eq!(early[0].close, 188.32, "it is not paid yet");
        // The 9th is a Friday: its week closes after the dividend, the week before it closed before.
        let mut weeks = [bar("2024-01-28", 185.85), bar("2024-02-04", 188.85)];
        reinvest(&mut weeks, Timeframe::W1, &factors, AssetClass::Stock.midnight(date("2024-03-01")));
        assert_eq!((weeks[0].close, weeks[1].close), (185.85 * (was / 188.32), 188.85));
    }

    #[test]
    fn the_amount_is_in_the_terms_of_its_day() {
        let split = [Split { date: date("2020-08-31"), from: 1.0, to: 4.0 }];
        let on_the_day = price_factors(&split, &[paid("2020-08-31", 1.0, ("2020-08-28", 400.0))], AssetClass::Stock);
        assert_eq!(on_the_day.len(), 1);
        assert_eq!((on_the_day[0].split_to, on_the_day[0].dividend), (4.0, 0.99));
        let before = price_factors(&split, &[paid("2020-08-07", 4.0, ("2020-08-06", 400.0))], AssetClass::Stock);
        assert_eq!(before.iter().map(|f| (f.split_to, f.dividend)).collect::<Vec<_>>(), [(1.0, 0.99), (4.0, 0.99)]);
    }

    #[test]
    fn what_cannot_be_told_changes_nothing() {
        let old = paid("2020-08-07", 4.0, ("2020-07-06", 400.0));
        let more_than_the_price = paid("2020-09-07", 500.0, ("2020-09-04", 400.0));
        let unknown = Paid { before: None, ..old };
        for one in [old, more_than_the_price, unknown] {
            assert_eq!(price_factors(&[], &[one], AssetClass::Stock)[0].dividend, 1.0);
        }
    }
}
