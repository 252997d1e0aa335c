//! Seeded years of symbols whose silence comes in clusters.

use super::*;

/// A small random number generator, so that a year is the same on every machine.
pub(super) struct Random(pub u64);

impl Random {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn happens(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) / ((1_u64 << 53) as f64) < p
    }
}

/// How a symbol trades, in chances per minute. It changes between brisk and quiet; in both a minute may have no trade.
#[derive(Clone, Copy)]
struct Habit {
    brisk: f64,
    quiet: f64,
    /// How long it stays brisk and quiet, in minutes.
    stays_brisk: f64,
    stays_quiet: f64,
}

/// Regular and extended hours of symbols from liquid to thin.
const KINDS: [(&str, Habit, Habit); 6] = {
    const fn habit(brisk: f64, quiet: f64, stays_brisk: f64, stays_quiet: f64) -> Habit {
        Habit { brisk, quiet, stays_brisk, stays_quiet }
    }
    [
        ("index fund", habit(1.0, 1.0, 60.0, 1.0), habit(0.95, 0.5, 30.0, 10.0)),
        ("large stock", habit(1.0, 0.97, 60.0, 5.0), habit(0.8, 0.1, 15.0, 20.0)),
        ("middle stock", habit(0.98, 0.8, 30.0, 6.0), habit(0.6, 0.03, 8.0, 30.0)),
        ("small stock", habit(0.8, 0.4, 20.0, 12.0), habit(0.4, 0.01, 5.0, 60.0)),
        ("thin fund", habit(0.4, 0.05, 15.0, 25.0), habit(0.3, 0.003, 4.0, 120.0)),
        ("preferred share", habit(0.2, 0.01, 8.0, 60.0), habit(0.1, 0.001, 3.0, 200.0)),
    ]
};

/// A year of minutes by two habits.
fn year(seed: u64, regular: Habit, extended: Habit) -> Vec<Bar> {
    let mut random = Random(seed);
    let mut bars = Vec::new();
    for session in Calendar::new().sessions(date("2023-01-03"), date("2023-12-29")) {
        let mut is_quiet = false;
        // Some days are livelier than others.
        let lively = 0.6 + 0.8 * (random.below(1_000) as f64 / 1_000.0);
        for k in 0..session.extended().len() / MINUTE {
            let t = session.extended_open + k * MINUTE;
            let habit = if session.regular().contains(t) { regular } else { extended };
            let leaves = 1.0 / if is_quiet { habit.stays_quiet / lively } else { habit.stays_brisk * lively };
            is_quiet ^= random.happens(leaves);
            if random.happens(if is_quiet { habit.quiet } else { habit.brisk }) {
                bars.push(Bar { trades: Some(2), ..bar(t) });
            }
        }
    }
    bars
}

/// Coarser bars, wherever there is a minute.
fn coarser(minutes: &[Bar], timeframe: Timeframe) -> Vec<Bar> {
    let mut bars: Vec<Bar> = minutes.iter().map(|b| Bar { ts: b.ts.floor(timeframe.width()), ..*b }).collect();
    bars.dedup_by(|next, bar| {
        let same = next.ts == bar.ts;
        if same {
            bar.trades = bar.trades.zip(next.trades).map(|(a, b)| a + b);
        }
        same
    });
    bars
}

/// Runs that the sum of surprise alone would accuse, each judged by the sixty sessions before it.
fn accused_by_the_sum(timeframe: Timeframe, bars: &[Bar], range: Interval) -> usize {
    let known = IntervalSet::from(range);
    let pieces = crate::evidence::grid::pieces(&Calendar::new(), AssetClass::Stock, timeframe, range);
    let mut accused = 0;
    for part in [Part::Pre, Part::Regular, Part::Post] {
        let mut window = crate::evidence::window::Window::default();
        for piece in pieces.iter().filter(|p| p.part == part) {
            let seen = crate::evidence::seen::Seen::read(*piece, 0, &known, bars, None).unwrap();
            if window.is_enough() {
                let measure = window.measure(timeframe);
                accused += seen.silent.iter().filter(|run| measure.surprise(piece, **run) > 13.8).count();
            }
            seen.profile(&[], true).into_iter().for_each(|s| window.push(s));
        }
    }
    accused
}

/// Both conditions are needed: silence comes in clusters, so the sum alone accuses symbols that just rest.
#[test]
fn a_year_of_clustered_silence_is_believed() {
    let range = between("2023-01-03 00:00", "2023-12-30 00:00");
    let (mut years, mut suspect, mut by_the_sum) = (0, 0, 0);
    for (kind, (name, regular, extended)) in (0_u64..).zip(KINDS) {
        for seed in 0..2 {
            let minutes = year(1_000 * kind + seed, regular, extended);
            for timeframe in [Timeframe::M1, Timeframe::M5, Timeframe::H1, Timeframe::H4] {
                let bars = coarser(&minutes, timeframe);
                let sum = accused_by_the_sum(timeframe, &bars, range);
                let (class, profile) = (AssetClass::Stock, Profile::new());
                let found = suspects(&Symbol { class, timeframe, bars, profile }.ask_followed(range)).len();
                println!("{name} {timeframe} {seed}: {found} suspect, {sum} by the sum alone");
                (years, suspect, by_the_sum) = (years + 1, suspect + found, by_the_sum + sum);
            }
        }
    }
    let a_year = |n: usize| n as f64 / f64::from(years);
    println!("{years} symbol-years: {} suspect a year, {} by the sum alone", a_year(suspect), a_year(by_the_sum));
    assert!(a_year(suspect) < 0.2, "{suspect} in {years} years");
    assert!(a_year(by_the_sum) > 5.0, "{by_the_sum} in {years} years");
}
