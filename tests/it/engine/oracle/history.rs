//! Random histories: some symbols, what happens to them and their vendor, and when somebody asks. All of it follows from
//! a seed.

use std::time::Duration;

use barkeep::market::calendar::Session;
use barkeep::market::ts::{DAY, HOUR, MINUTE};
use barkeep::market::{Calendar, Interval, Timeframe, Ts};
use barkeep::sim::{Change, Older, ScriptEvent, When};
use chrono::{Days, NaiveDate};

/// How often a symbol trades at the simulated vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liquidity {
    /// In every minute of regular hours.
    Liquid,
    /// In a third to four fifths of them.
    Middling,
    /// A few times a day.
    Thin,
}

#[derive(Clone, Debug)]
pub struct Name {
    pub symbol: &'static str,
    /// As the vendor writes it.
    pub ticker: &'static str,
    pub liquidity: Liquidity,
}

impl Name {
    pub fn is_crypto(&self) -> bool {
        self.ticker.starts_with("X:")
    }
}

const LIQUID: [&str; 8] = ["SPY", "AAPL", "MSFT", "QQQ", "JPM", "EEM", "WMT", "NVDA"];
const CRYPTO: [(&str, &str); 3] = [("BTC", "X:BTCUSD"), ("ETH", "X:ETHUSD"), ("SOL", "X:SOLUSD")];
const MIDDLING: [&str; 4] = ["ECHO", "JULI", "SIER", "PFDN"];
const THIN: &str = "TANG";

/// Something that is missing at the vendor, for a while or for good.
#[derive(Clone, Debug)]
pub struct Missing {
    pub ticker: String,
    pub range: Interval,
    /// Whether the judge has to notice it: a liquid symbol, and an hour of regular hours or more.
    pub noticeable: bool,
    /// Whether the vendor has it in the end.
    pub filled: bool,
}

#[derive(Clone, Debug)]
pub struct History {
    pub seed: u64,
    pub names: Vec<Name>,
    pub timeframes: &'static str,
    pub from: NaiveDate,
    pub runs: Vec<Ts>,
    pub script: Vec<ScriptEvent>,
    /// What the same vendor says without anything happening: its plan.
    pub calm: Vec<ScriptEvent>,
    pub holes: Vec<Missing>,
    /// How far the vendor's clock is ahead, milliseconds.
    pub skew: i64,
    /// Days of history that the plan holds.
    pub plan_days: Option<i64>,
}

impl History {
    pub fn base(&self) -> Timeframe {
        self.timeframes.split(',').next().unwrap().parse().unwrap()
    }

    pub fn all_timeframes(&self) -> Vec<Timeframe> {
        self.timeframes.split(',').map(|tf| tf.parse().unwrap()).collect()
    }

    pub fn end(&self) -> Ts {
        *self.runs.last().unwrap()
    }

    pub fn of(seed: u64) -> Self {
        Making::new(seed).history()
    }
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// `from..to`
    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from).unsigned_abs()) as i64
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[(self.next() % all.len() as u64) as usize].clone()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}

struct Making {
    seed: u64,
    dice: Dice,
    calendar: Calendar,
    from: NaiveDate,
    /// The first run.
    live: Ts,
    /// When nothing new happens any more.
    calm_from: Ts,
    script: Vec<ScriptEvent>,
    holes: Vec<Missing>,
}

impl Making {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0xa076_1d64_78bd_642f));
        let first = NaiveDate::from_ymd_opt(2023, 6, 1).unwrap() + Days::new(dice.between(0, 500).unsigned_abs());
        let live = first.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis() + dice.between(0, DAY);
        let live = Ts(live).floor(MINUTE);
        let days = if dice.chance(15) { dice.between(5, 25) } else { dice.between(25, 100) };
        let from = first - Days::new(days.unsigned_abs());
        let calm_from = live + dice.between(5, 9) * DAY;
        let calendar = Calendar::new();
        Self { seed, dice, calendar, from, live, calm_from, script: vec![], holes: vec![] }
    }

    fn history(mut self) -> History {
        let names = self.names();
        let timeframes = match self.dice.between(0, 10) {
            0 => "1m,1d",
            1 => "15m,4h,1d",
            2 | 3 => "1h,1d",
            _ => "5m,1h,1d",
        };
        let (mut calm, mut skew, mut plan_days) = (vec![], 0, None);
        if self.dice.chance(10) {
            let history_days = self.dice.between(20, 60);
            plan_days = Some(history_days);
            let older = self.dice.of(&[Older::AsSeen, Older::CutOff]);
            let history_days = u32::try_from(history_days).ok();
            calm.push(ScriptEvent::Plan { history_days, delay: None, older, since: None, until: None });
        }
        if self.dice.chance(10) {
            let seconds = self.dice.of(&[-7200, -300, -90, -20, 20, 90, 300]);
            skew = seconds * 1_000;
            self.script.push(ScriptEvent::Skew { seconds, since: None, until: None });
        }
        self.script.extend(calm.clone());
        for name in &names {
            let events = self.dice.between(0, 4);
            (0..events).for_each(|_| self.event(name));
            if self.dice.chance(8) {
                self.end_of_name(name);
            }
        }
        let runs = self.runs();
        let Self { seed, from, script, holes, .. } = self;
        History { seed, names, timeframes, from, runs, script, calm, holes, skew, plan_days }
    }

    fn names(&mut self) -> Vec<Name> {
        let first = self.dice.of(&LIQUID);
        let mut names = vec![Name { symbol: first, ticker: first, liquidity: Liquidity::Liquid }];
        if self.dice.chance(40) {
            let (symbol, ticker) = self.dice.of(&CRYPTO);
            names.push(Name { symbol, ticker, liquidity: Liquidity::Liquid });
        }
        if self.dice.chance(40) {
            let name = self.dice.of(&MIDDLING);
            names.push(Name { symbol: name, ticker: name, liquidity: Liquidity::Middling });
        }
        if self.dice.chance(20) {
            names.push(Name { symbol: THIN, ticker: THIN, liquidity: Liquidity::Thin });
        }
        names
    }

    /// Regular hours of some session of the history or of the live days.
    fn session(&mut self, name: &Name) -> (NaiveDate, Interval) {
        let days = (self.calm_from - self.live) / DAY + 60;
        loop {
            // Half of them while somebody looks.
            let back = if self.dice.chance(50) { self.dice.between(1, days) } else { self.dice.between(1, 9) };
            let date = (self.calm_from - back * DAY).utc_date();
            if date < self.from {
                continue;
            }
            if name.is_crypto() {
                let start = Ts(date.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp_millis());
                return (date, Interval::new(start, start + DAY));
            }
            if let Some(Session { open, close, .. }) = self.calendar.session(date) {
                return (date, Interval::new(open, close));
            }
        }
    }

    /// Within the schedule of asking again.
    fn filled(&mut self, after: Ts) -> Option<When> {
        let found = after.max(self.live);
        let wait = match self.dice.between(0, 4) {
            0 => return None,
            1 => self.dice.between(HOUR, 12 * HOUR),
            2 => self.dice.between(12 * HOUR, 4 * DAY),
            _ => self.dice.between(4 * DAY, 20 * DAY),
        };
        Some((found + wait).floor(MINUTE).into())
    }

    fn event(&mut self, name: &Name) {
        let ticker = name.ticker;
        let (date, hours) = self.session(name);
        let liquid = name.liquidity == Liquidity::Liquid;
        match self.dice.between(0, 10) {
            0 => {
                let since = self.live + self.dice.between(-DAY, self.calm_from - self.live);
                let until = since + self.dice.between(HOUR, 3 * DAY);
                let delay = Duration::from_mins(self.dice.between(5, 600).unsigned_abs());
                let (since, until) = (Some(since.into()), Some(until.into()));
                self.script.push(ScriptEvent::Late {
                    ticker: ticker.into(),
                    delay,
                    from: None,
                    to: None,
                    since,
                    until,
                });
            }
            1 | 2 => {
                // Answers end in the middle of a day, or with one.
                let from = if self.dice.chance(50) { hours.start - 8 * HOUR } else { hours.start + 2 * HOUR };
                let from = from.max(self.live - 2 * DAY).floor(MINUTE);
                let published = (from + self.dice.between(2 * HOUR, 5 * DAY)).floor(MINUTE);
                self.script.push(ScriptEvent::late_until(ticker, from, published));
            }
            3..=5 => {
                // An hour or more, inside regular hours.
                let length = self.dice.between(HOUR, 5 * HOUR).min(hours.len() - 30 * MINUTE);
                let start = hours.start + self.dice.between(0, hours.len() - length);
                let range = Interval::new(start.floor(MINUTE), (start + length).floor(MINUTE));
                let filled = self.filled(range.end);
                let in_the_end = filled.is_some();
                self.script.push(ScriptEvent::hole(ticker, range.start, range.end, filled));
                self.holes.push(Missing { ticker: ticker.into(), range, noticeable: liquid, filled: in_the_end });
            }
            6 => {
                // Minutes, at any time of day.
                let start = hours.start + self.dice.between(-4 * HOUR, hours.len() + 2 * HOUR);
                let range = Interval::new(start.floor(MINUTE), start.floor(MINUTE) + self.dice.between(2, 55) * MINUTE);
                let filled = self.filled(range.end);
                let in_the_end = filled.is_some();
                self.script.push(ScriptEvent::hole(ticker, range.start, range.end, filled));
                self.holes.push(Missing { ticker: ticker.into(), range, noticeable: false, filled: in_the_end });
            }
            7 | 8 => {
                let last = date + Days::new(self.dice.between(0, 2).unsigned_abs());
                // The New York day, or the UTC day of what never closes.
                let (before, behind) = if name.is_crypto() { (0, 0) } else { (12 * HOUR, 8 * HOUR) };
                let range = Interval::new(hours.start - before, hours.end + (last - date).num_days() * DAY + behind);
                let filled = self.filled(range.end);
                let in_the_end = filled.is_some();
                self.script.push(ScriptEvent::hole(ticker, date, last, filled));
                self.holes.push(Missing { ticker: ticker.into(), range, noticeable: liquid, filled: in_the_end });
            }
            _ => {
                let start = (hours.start + self.dice.between(0, hours.len() / 2)).floor(MINUTE);
                let range = Interval::new(start, start + self.dice.between(5, 120) * MINUTE);
                let at = range.end + self.dice.between(HOUR, 10 * DAY);
                self.script.push(ScriptEvent::correction(ticker, range.start, range.end, at, Change::prices(1.01)));
            }
        }
    }

    /// Something happens to the company.
    fn end_of_name(&mut self, name: &Name) {
        let (date, _) = self.session(name);
        let event = match self.dice.between(0, 5) {
            0 => ScriptEvent::delisted(name.ticker, date),
            1 if !name.is_crypto() => ScriptEvent::renamed(name.ticker, &format!("{}X", name.ticker), date),
            2 => ScriptEvent::listed(name.ticker, date),
            3 => ScriptEvent::reused(name.ticker, date),
            _ if name.is_crypto() => return,
            _ => ScriptEvent::Split {
                ticker: name.ticker.to_owned(),
                date,
                from: 1.0,
                to: 4.0,
                listed_at: self.dice.chance(50).then(|| (self.live + 2 * DAY).into()),
                also_on: None,
                duplicate: self.dice.chance(50),
                contradicting: self.dice.chance(30).then_some((1.0, 2.0)),
                in_prices: true,
            },
        };
        self.script.push(event);
    }

    /// Some a day while things happen, one a day for a week, then every third until the last hole was asked about.
    fn runs(&mut self) -> Vec<Ts> {
        let mut runs = vec![self.live];
        let mut at = self.live;
        while at < self.calm_from {
            at = at + self.dice.between(40 * MINUTE, 11 * HOUR);
            runs.push(at.floor(MINUTE));
        }
        for day in 1..=8 {
            runs.push((at + day * DAY).floor(MINUTE));
        }
        for third in 1..=10 {
            runs.push((at + (8 + 3 * third) * DAY).floor(MINUTE));
        }
        runs
    }
}
