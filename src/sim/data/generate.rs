//! Made-up bars: any minute of any ticker is a pure function of (seed, ticker, minute).
//!
//! The price is `base * exp(noise)`, where the noise is a sum of octaves from two years down to a minute, so there is no
//! walk to replay from the beginning. Minutes lie inside the exchange's hours, volume is U-shaped over the session and
//! thin outside it, and minutes without a trade have no bar. A day bar takes its prices from regular hours and its
//! volume from all of them, as the vendor's does.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use chrono::NaiveDate;

use crate::data::hours::{self, Hours, date_of, is_crypto, midnight};
use crate::data::profile::{Profile, made_up_split};
use crate::data::random::{lattice, mix, part, smooth, unit};
use crate::data::session::{self, round, round_mean};
use crate::data::source::{Bars, Row, Sink, Unreadable};
use crate::lock;
use barkeep_market::Ts;
use barkeep_market::split::Split;
use barkeep_market::ts::{DAY, HOUR, MINUTE};

/// Octaves in hours with their amplitude in log price; interpolated linearly inside an hour.
const COARSE: [(i64, f64); 6] = [(17_000, 0.5), (2_190, 0.25), (500, 0.1), (120, 0.04), (31, 0.016), (7, 0.006)];
/// Octaves in minutes.
const FINE: [(i64, f64); 4] = [(47, 0.002), (11, 0.001), (3, 0.0006), (1, 0.0004)];
/// Complete days remembered before the memory is emptied.
const DAYS_KEPT: usize = 400_000;
/// From here on (2025-10-01) some shares trade in fractions, as in the vendor's own data.
const FRACTIONS_SINCE: i64 = 1_759_276_800_000;
/// Fractional volumes are multiples of 2^-16: like real ones they have many decimals, and their sums are exact in any
/// order, so that a roll-up of roll-ups equals the roll-up of the minutes bit for bit.
const FRACTION: f64 = 65_536.0;
/// Simulated tickers that every grouped day holds besides the requested ones.
const SHARES: u64 = 240;
const COINS: u64 = 20;

/// Bars from a seed.
pub(crate) struct Generated {
    seed: u64,
    hours: Hours,
    splits: HashMap<String, Vec<Split>>,
    /// Day bars of complete days; `None` for a day without a regular trade.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    days: HashMap<String, HashMap<NaiveDate, Option<Row>>>,
    size: usize,
}

impl Generated {
    /// `splits` must be sorted by date within a ticker.
    pub(crate) fn new(seed: u64, splits: HashMap<String, Vec<Split>>) -> Self {
        Self { seed, hours: Hours::new(), splits, known: Mutex::default() }
    }

    /// The minutes of one date inside `[from, to)`.
    fn minutes_of(&self, ticker: &Ticker, date: NaiveDate, from: i64, to: i64, sink: Sink<'_>) -> ControlFlow<()> {
        let Some(mut day) = ticker.day(&self.hours, date) else { return ControlFlow::Continue(()) };
        let end = to.min(day.end);
        let mut minute = Ts(from.max(day.start)).ceil(MINUTE).ms() / MINUTE;
        while minute * MINUTE < end {
            if let Some(row) = day.minute(minute) {
                sink(&row)?;
            }
            minute += 1;
        }
        ControlFlow::Continue(())
    }

    fn sum_day(&self, ticker: &Ticker, date: NaiveDate, cutoff: i64) -> Result<Option<Row>, Unreadable> {
        let crypto = ticker.profile.crypto;
        session::day_bar(&self.hours, crypto, date, &mut |sink| {
            let end = (cutoff - MINUTE).saturating_add(1);
            let _ = self.minutes_of(ticker, date, midnight(crypto, date), end, sink);
            Ok(())
        })
    }
}

impl Bars for Generated {
    fn base_width(&self, ticker: &str) -> Option<i64> {
        Profile::of(self.seed, ticker).map(|_| MINUTE)
    }

    fn base(&self, ticker: &str, from: i64, to: i64, sink: Sink<'_>) -> Result<(), Unreadable> {
        let Some(ticker) = Ticker::of(self, ticker) else { return Ok(()) };
        let crypto = ticker.profile.crypto;
        let from = from.max(midnight(crypto, ticker.profile.listed));
        if from >= to {
            return Ok(());
        }
        let last = date_of(crypto, to - 1);
        for date in date_of(crypto, from).iter_days().take_while(|date| *date <= last) {
            if self.minutes_of(&ticker, date, from, to, sink).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn day(&self, ticker: &str, date: NaiveDate, cutoff: i64) -> Result<Option<Row>, Unreadable> {
        let complete = self.hours.day_ends(is_crypto(ticker), date) <= cutoff;
        if complete && let Some(row) = lock(&self.known).days.get(ticker).and_then(|days| days.get(&date)) {
            return Ok(*row);
        }
        let Some(own) = Ticker::of(self, ticker).filter(|own| own.profile.listed <= date) else { return Ok(None) };
        let row = self.sum_day(&own, date, cutoff)?;
        if complete {
            let mut known = lock(&self.known);
            if known.size >= DAYS_KEPT {
                *known = Known::default();
            }
            known.size += 1;
            known.days.entry(ticker.to_owned()).or_default().insert(date, row);
        }
        Ok(row)
    }

    fn first_date(&self, ticker: &str) -> Option<NaiveDate> {
        Profile::of(self.seed, ticker).map(|profile| profile.listed)
    }

    fn splits(&self, ticker: &str) -> Vec<Split> {
        match self.splits.get(ticker) {
            Some(given) => given.clone(),
            None => made_up_split(self.seed, ticker).into_iter().collect(),
        }
    }

    fn universe(&self, crypto: bool) -> Vec<String> {
        let letters = |hash: u64, len: u32| -> String {
            (0..len).map(|k| char::from(b'A' + ((hash >> (8 * k)) % 26) as u8)).collect()
        };
        if crypto {
            (0..COINS).map(|k| format!("X:{}USD", letters(mix(7, k), 3))).collect()
        } else {
            (0..SHARES).map(|k| letters(mix(11, k), 3 + u32::from(k % 3 != 0))).collect()
        }
    }
}

/// A ticker with its splits in force, ready to be walked.
struct Ticker {
    profile: Profile,
    splits: Vec<Split>,
}

impl Ticker {
    fn of(bars: &Generated, ticker: &str) -> Option<Self> {
        Profile::of(bars.seed, ticker).map(|profile| Self { profile, splits: bars.splits(ticker) })
    }

    /// One date, ready to be walked minute by minute; `None` when the market is closed.
    fn day(&self, hours: &Hours, date: NaiveDate) -> Option<DayWalk<'_>> {
        let profile = &self.profile;
        // The wandering price is in today's shares; before a split the share was another size.
        let scale = self.splits.iter().filter(|s| s.date > date).map(|s| s.to / s.from).product();
        let start = midnight(profile.crypto, date);
        let times = if profile.crypto {
            hours::Day {
                extended_open: start,
                open: start,
                close: start + DAY,
                extended_close: start + DAY,
                early_close: false,
            }
        } else {
            hours.on(date)?
        };
        let mood = 0.6 + 0.8 * unit(mix(profile.seed, start as u64));
        Some(DayWalk {
            start: times.extended_open,
            end: times.extended_close,
            open: times.open,
            session: (times.close - times.open) as f64,
            profile,
            scale,
            mood,
            price: PriceWalk::new(profile),
            close: None,
        })
    }
}

/// A date being walked.
struct DayWalk<'a> {
    start: i64,
    end: i64,
    open: i64,
    session: f64,
    profile: &'a Profile,
    /// Shares of today in one share of that date.
    scale: f64,
    /// How busy the date is.
    mood: f64,
    price: PriceWalk,
    /// The price at the end of the minute last traded, which opens the next.
    close: Option<(i64, f64)>,
}

impl DayWalk<'_> {
    fn minute(&mut self, minute: i64) -> Option<Row> {
        let profile = self.profile;
        let t = minute * MINUTE;
        let into = (t - self.open) as f64 / self.session;
        let regular = (0.0..1.0).contains(&into);
        let hash = mix(profile.seed, minute as u64);
        if unit(hash) >= if regular { profile.regular } else { profile.extended } {
            return None;
        }
        let open = match self.close {
            Some((at, price)) if at == minute => price,
            _ => self.price.at(minute),
        };
        let close = self.price.at(minute + 1);
        self.close = Some((minute + 1, close));

        let dice = mix(hash, 1);
        let (open, close) = (open * self.scale, close * self.scale);
        let decimals = decimals(profile.crypto, open);
        let reach = |which| 0.0006 * profile.swing * part(dice, which);
        let o = round(open, decimals);
        let c = round(close, decimals);
        let h = round(open.max(close) * (1.0 + reach(0)), decimals).max(o).max(c);
        let l = round(open.min(close) * (1.0 - reach(1)), decimals).min(o).min(c);

        let shape = match (profile.crypto, regular) {
            (true, _) => 0.6 + 0.8 * (1.0 - (2.0 * into - 1.2).powi(2)).max(0.0),
            (false, true) => 0.5 + 1.5 * (2.0 * into - 1.0).powi(2),
            (false, false) => 0.05,
        };
        let burst = 0.25 + 2.25 * part(dice, 2).powi(2);
        let wanted = profile.lot * self.mood * shape * burst / self.scale;
        let v = if profile.fractional && (profile.crypto || t >= FRACTIONS_SINCE) {
            ((wanted * FRACTION).round() / FRACTION).max(1.0 / FRACTION)
        } else {
            wanted.round().max(1.0)
        };
        // Odd lots count in the mean but not in the extremes: now and then it lies outside them.
        let lean = part(dice, 3);
        let vw = if lean < 0.02 { h * 1.0002 } else { l + (h - l) * (0.25 + 0.5 * lean) };
        let n = 1 + if profile.crypto { v * open / 900.0 } else { v * self.scale / 90.0 } as i64;
        Some(Row { t, o, h, l, c, v, vw: Some(round_mean(vw)), n: Some(n) })
    }
}

/// The price along rising minutes. Remembers the lattice cells it is in; a jump only costs their hashes.
struct PriceWalk {
    seed: u64,
    swing: f64,
    price: f64,
    hour: Option<i64>,
    from: f64,
    to: f64,
    fine: [(Option<i64>, f64, f64); FINE.len()],
}

impl PriceWalk {
    fn new(profile: &Profile) -> Self {
        Self {
            seed: mix(profile.seed, 0xface),
            swing: profile.swing,
            price: profile.price,
            hour: None,
            from: 0.0,
            to: 0.0,
            fine: [(None, 0.0, 0.0); FINE.len()],
        }
    }

    fn at(&mut self, minute: i64) -> f64 {
        let hour = minute.div_euclid(HOUR / MINUTE);
        if self.hour != Some(hour) {
            let coarse = |hour| -> f64 {
                let octaves = COARSE.iter().zip(0u64..);
                octaves.map(|((period, size), k)| size * smooth(mix(self.seed, k), hour, *period)).sum()
            };
            (self.from, self.to) = (coarse(hour), coarse(hour + 1));
            self.hour = Some(hour);
        }
        let x = minute.rem_euclid(HOUR / MINUTE) as f64 / (HOUR / MINUTE) as f64;
        let mut log = self.from * (1.0 - x) + self.to * x;
        for (((period, size), cell), k) in FINE.iter().zip(&mut self.fine).zip(100u64..) {
            let at = minute.div_euclid(*period);
            if cell.0 != Some(at) {
                let seed = mix(self.seed, k);
                *cell = (Some(at), lattice(seed, at), lattice(seed, at + 1));
            }
            let x = minute.rem_euclid(*period) as f64 / *period as f64;
            log += size * (cell.1 * (1.0 - x) + cell.2 * x);
        }
        self.price * (self.swing * log).exp()
    }
}

/// Cents for shares above a dollar; coins keep about six digits.
fn decimals(crypto: bool, price: f64) -> u32 {
    match (crypto, price) {
        (false, p) if p >= 1.0 => 2,
        (false, _) => 4,
        (true, p) if p >= 1_000.0 => 2,
        (true, p) if p >= 10.0 => 4,
        (true, _) => 6,
    }
}
