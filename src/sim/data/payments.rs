//! Cash dividends: those of the configuration, and made-up ones for generated shares.

use std::collections::HashMap;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use crate::data::hours::is_crypto;
use crate::data::profile::Profile;
use crate::data::random::{mix, of_name, unit};
use barkeep_market::split::Split;

/// What a share pays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Payment {
    pub ex_date: NaiveDate,
    /// In the terms of its date.
    pub amount: f64,
}

pub(crate) struct Payments {
    /// Sorted by date within a ticker.
    given: HashMap<String, Vec<Payment>>,
    /// `None`: nobody pays but those given.
    seed: Option<u64>,
}

impl Payments {
    pub(crate) fn new(given: &[(String, Payment)], seed: Option<u64>) -> Self {
        let mut all: HashMap<String, Vec<Payment>> = HashMap::new();
        for (ticker, payment) in given {
            all.entry(ticker.clone()).or_default().push(*payment);
        }
        for list in all.values_mut() {
            list.sort_by_key(|payment| payment.ex_date);
        }
        Self { given: all, seed }
    }

    /// All payments of a ticker that are declared by `today`, oldest first; a ticker of the configuration has no others.
    pub(crate) fn of(&self, ticker: &str, splits: &[Split], today: NaiveDate) -> Vec<Payment> {
        let declared = today + Days::new(30);
        let mut all = match (self.given.get(ticker), self.seed) {
            (Some(given), _) => given.clone(),
            (None, Some(seed)) => made_up(seed, ticker, splits, declared),
            (None, None) => Vec::new(),
        };
        all.retain(|payment| payment.ex_date <= declared);
        all
    }
}

/// Two names in three pay every quarter, 0.2 to 0.8 % of the price around which they wander.
fn made_up(seed: u64, ticker: &str, splits: &[Split], until: NaiveDate) -> Vec<Payment> {
    let hash = mix(of_name(seed, ticker), 8);
    let Some(profile) = Profile::of(seed, ticker).filter(|_| !is_crypto(ticker) && !hash.is_multiple_of(3)) else {
        return Vec::new();
    };
    let share = profile.price * (0.002 + 0.006 * unit(mix(hash, 1)));
    let first = profile.listed + Days::new(30 + (hash >> 8) % 90);
    (0..)
        .map_while(|quarter: u32| first.checked_add_months(Months::new(3 * quarter)))
        .take_while(|date| *date <= until)
        .map(|date| {
            let ex_date = match date.weekday() {
                Weekday::Sat => date - Days::new(1),
                Weekday::Sun => date + Days::new(1),
                _ => date,
            };
            let scale: f64 = splits.iter().filter(|s| s.date > ex_date).map(|s| s.to / s.from).product();
            Payment { ex_date, amount: ((share * scale * 1_000.0).round() / 1_000.0).max(0.001) }
        })
        .collect()
}
