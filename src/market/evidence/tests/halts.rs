//! A market that stands still.

use super::*;

/// Symbols of a timeframe, with the hole of each.
fn witnesses(symbols: &[(Timeframe, usize, Option<Interval>)]) -> IntervalSet {
    let calendar = Calendar::new();
    let session = between("2024-03-21 00:00", "2024-03-22 00:00");
    let mut all = Vec::new();
    for (timeframe, count, hole) in symbols {
        let mut symbol = Symbol::stock(*timeframe, "2024-02-01", "2024-03-22");
        symbol.ask_followed(between("2024-02-01 00:00", "2024-03-21 00:00"));
        let mut symbol = hole.map_or(symbol.clone(), |hole| symbol.without(hole));
        let missing: IntervalSet = suspects(&symbol.ask_followed(session)).into_iter().collect();
        all.extend((0..*count).map(|_| (*timeframe, symbol.profile.clone(), missing.clone())));
    }
    let answered = IntervalSet::from(session);
    let witnesses: Vec<Witness<'_>> = all
        .iter()
        .map(|(timeframe, profile, missing)| Witness { timeframe: *timeframe, profile, answered: &answered, missing })
        .collect();
    market_halts(&calendar, AssetClass::Stock, &witnesses)
}

#[test]
fn a_halt_is_what_nearly_all_symbols_miss() {
    let halt = between("2024-03-21 11:00", "2024-03-21 11:30");
    let longer = between("2024-03-21 10:45", "2024-03-21 11:30");
    let m1 = |count, hole| (Timeframe::M1, count, hole);
    assert_eq!(witnesses(&[m1(10, Some(halt))]), halt.into());
    assert_eq!(witnesses(&[m1(9, Some(halt))]), IntervalSet::new(), "too few");
    assert_eq!(witnesses(&[m1(9, Some(halt)), m1(1, None)]), halt.into(), "nine of ten");
    assert_eq!(witnesses(&[m1(9, Some(halt)), m1(2, None)]), IntervalSet::new(), "nine of eleven");
    assert_eq!(witnesses(&[m1(1, Some(halt))]), IntervalSet::new(), "one symbol's news");
    assert_eq!(witnesses(&[m1(8, Some(halt)), m1(2, Some(longer))]), halt.into(), "what they share");
}

#[test]
fn symbols_may_have_different_timeframes() {
    let halt = between("2024-03-21 11:00", "2024-03-21 11:30");
    let hour = between("2024-03-21 11:00", "2024-03-21 12:00");
    let mixed = [(Timeframe::M1, 6, Some(halt)), (Timeframe::M5, 6, Some(halt))];
    assert_eq!(witnesses(&mixed), halt.into());
    // Hourly bars went on, because the second half of the hour was traded.
    let mixed = [(Timeframe::M1, 10, Some(halt)), (Timeframe::H1, 10, None)];
    assert_eq!(witnesses(&mixed), halt.into());
    let mixed = [(Timeframe::M1, 5, Some(hour)), (Timeframe::H1, 5, Some(hour))];
    assert_eq!(witnesses(&mixed), hour.into());
    // A finer bar says that there was trading after all.
    let mixed = [(Timeframe::M1, 5, Some(halt)), (Timeframe::H1, 9, Some(hour))];
    assert_eq!(witnesses(&mixed), halt.into());
}

#[test]
fn only_symbols_that_would_have_traded_are_heard() {
    let halt = between("2024-03-21 11:00", "2024-03-21 11:30");
    let calendar = Calendar::new();
    let mut thin = Symbol::stock(Timeframe::M1, "2024-02-01", "2024-03-22");
    let mut k = 0;
    thin.bars.retain(|_| {
        k += 1;
        k % 3 == 0
    });
    thin.ask_followed(between("2024-02-01 00:00", "2024-03-21 00:00"));
    let (answered, missing) = (IntervalSet::from(between("2024-03-21 00:00", "2024-03-22 00:00")), halt.into());
    let witness = Witness { timeframe: thin.timeframe, profile: &thin.profile, answered: &answered, missing: &missing };
    assert_eq!(market_halts(&calendar, AssetClass::Stock, &[witness; 20]), IntervalSet::new());
    let mut liquid = Symbol::stock(Timeframe::M1, "2024-02-01", "2024-03-22");
    liquid.ask_followed(between("2024-02-01 00:00", "2024-03-21 00:00"));
    let heard = Witness { profile: &liquid.profile, ..witness };
    assert_eq!(market_halts(&calendar, AssetClass::Stock, &[heard; 20]), halt.into());
    // A day that was not asked for says nothing.
    let elsewhere = IntervalSet::from(between("2024-03-20 00:00", "2024-03-21 00:00"));
    let silent = Witness { answered: &elsewhere, ..heard };
    assert_eq!(market_halts(&calendar, AssetClass::Stock, &[silent; 20]), IntervalSet::new());
}
