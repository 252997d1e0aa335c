//! The judgement of silence against recorded bars, the sources' own holes in place.

use barkeep::market::evidence::{
    Part, Profile, Rule, Run, SilenceQuestion, SilenceVerdict, Witness, judge, market_halts,
};
use barkeep::market::{AssetClass, Bar, Calendar, Interval, IntervalSet, Timeframe, Ts};
use chrono::NaiveDate;

use crate::support::recorded;

/// A recorded series as one answer that covers what the source covers: from the first bar to the last; of minutes only
/// the days with a bar, because some files are a few chosen days.
#[derive(Clone)]
struct Recording {
    class: AssetClass,
    timeframe: Timeframe,
    bars: Vec<Bar>,
    known: IntervalSet,
    profile: Profile,
}

impl Recording {
    fn read(folder: &str, series: &str) -> Self {
        let (class, timeframe) = folder.split_once('_').unwrap();
        let class = if class == "crypto" { AssetClass::Crypto } else { AssetClass::Stock };
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let bars = recorded::bars(&recorded::dir(), &format!("{folder}/{series}"));
        let day = |t: Ts| Timeframe::D1.span(class, t);
        let whole = Interval::new(day(bars[0].ts).start, day(bars[bars.len() - 1].ts).end);
        let known = if timeframe < Timeframe::H1 { bars.iter().map(|b| day(b.ts)).collect() } else { whole.into() };
        Self { class, timeframe, bars, known, profile: Profile::new() }
    }

    fn without(&self, hole: Interval) -> Self {
        let mut rest = self.clone();
        rest.bars.retain(|b| !hole.contains(b.ts));
        rest
    }

    fn witness<'a>(&'a self, missing: &'a IntervalSet) -> Witness<'a> {
        Witness { timeframe: self.timeframe, profile: &self.profile, answered: &self.known, missing }
    }

    fn judge(&mut self) -> Vec<Run> {
        let question = SilenceQuestion {
            calendar: &Calendar::new(),
            class: self.class,
            timeframe: self.timeframe,
            known: &self.known,
            bars: &self.bars,
            range: self.known.hull().unwrap(),
            followed: false,
        };
        judge(&mut self.profile, &question)
    }
}

fn day(date: &str) -> Interval {
    let date: NaiveDate = date.parse().unwrap();
    Interval::new(Ts::ny_midnight(date), Ts::ny_midnight(date.succ_opt().unwrap()))
}

fn days(from: &str, to: &str) -> Interval {
    day(from).hull(day(to))
}

/// Holes in regular hours that the recordings really have: by the source, by a ticker that meant nobody for a while
/// or somebody else, and when the exchange stood still.
fn holes(name: &str) -> (usize, Vec<Interval>) {
    match name {
        "us_1m/SPY.yahoo2019" => (2, vec![day("2019-12-13"), day("2020-01-10")]),
        // The exchanges opened late on 11 September 2002; Nasdaq stood still on 22 August 2013.
        "us_1h/AAPL.lean" => (2, vec![day("2002-09-11"), day("2013-08-22")]),
        "us_1h/SPY.lean" => (1, vec![day("2002-09-11")]),
        "us_1h/SPWR.lean" => (792, vec![day("2007-11-23"), days("2008-09-30", "2011-11-16")]),
        "us_1h/VXX.lean" => (64, vec![days("2019-01-30", "2019-05-01")]),
        "us_1d/AAA.lean" => (1, vec![days("2007-05-21", "2020-09-08")]),
        "us_1d/BNO.lean" => (1, vec![days("2002-05-21", "2010-06-01")]),
        "us_1d/EEM.lean" => (2, vec![days("2002-12-06", "2003-04-10"), day("2003-08-15")]),
        "us_1d/FB.lean" => (1, vec![days("2003-03-31", "2012-05-17")]),
        "us_1d/QQQ.lean" => (1, vec![days("2004-12-01", "2011-03-22")]),
        "us_1d/USO.lean" => (4, vec![days("1998-09-01", "2006-04-07")]),
        "us_1d/WM.lean" => (1, vec![days("2008-09-29", "2009-08-04")]),
        "crypto_1d/BTCUSD.lean-coinbase" => (1, vec![days("2014-12-18", "2015-01-07")]),
        name if name.contains("yahoo2022") => (3, vec![day("2022-03-21"), day("2022-03-29"), day("2022-04-06")]),
        _ => (0, Vec::new()),
    }
}

/// Nothing in regular hours is suspect but what is a hole.
#[test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
fn recorded_regular_hours_are_believed() {
    let data = recorded::dir();
    let mut judged = 0;
    for folder in ["us_1m", "us_15m", "us_1h", "us_1d", "crypto_1m", "crypto_1h", "crypto_1d"] {
        let mut folder_of = Vec::new();
        for series in recorded::names(&data, folder) {
            let name = format!("{folder}/{series}");
            let mut recording = Recording::read(folder, &series);
            let runs = recording.judge();
            let of = |verdict: SilenceVerdict| runs.iter().filter(move |r| r.verdict == verdict && r.part.is_main());
            let (quiet, unjudged) = (of(SilenceVerdict::Quiet).count(), of(SilenceVerdict::Unjudged).count());
            let suspect: Vec<&Run> = of(SilenceVerdict::Suspect).collect();
            let extended = runs.iter().filter(|r| r.verdict == SilenceVerdict::Suspect && !r.part.is_main()).count();
            println!(
                "{name}: {quiet} quiet, {} suspect, {extended} outside regular hours, {unjudged} unjudged",
                suspect.len()
            );
            // That source lost the evenings and mornings around its three days too.
            assert!(extended == 0 || name.contains("yahoo2022"), "{name}: {runs:#?}");
            let (count, holes) = holes(&name);
            let false_ones: Vec<&&Run> =
                suspect.iter().filter(|r| !holes.iter().any(|h| h.intersect(r.range) == r.range)).collect();
            assert!(false_ones.is_empty(), "{name}: {false_ones:#?}");
            assert_eq!(suspect.len(), count, "{name}");
            let quiet_days = match name.as_str() {
                "us_1h/TAPA.lean" => 386,
                "us_1d/AAA.lean" => 19,
                "us_1d/EEM.lean" => 255,
                "us_1d/FB.lean" => 89,
                "us_1d/USO.lean" => 30,
                "crypto_1d/BTCUSD.lean-coinbase" => 7,
                _ => 0,
            };
            assert_eq!(quiet, quiet_days, "{name}");
            let sessions =
                Part::ALL.iter().filter_map(|p| recording.profile.part(*p)).map(|p| p.sessions().len()).max();
            judged += usize::from(sessions >= Some(10));
            let missing: IntervalSet =
                runs.iter().filter(|r| r.verdict == SilenceVerdict::Suspect).map(|r| r.range).collect();
            folder_of.push((recording, missing));
        }
        let class = folder_of[0].0.class;
        let witnesses: Vec<Witness<'_>> = folder_of.iter().map(|(r, missing)| r.witness(missing)).collect();
        // The exchanges did stand still in 2002 and 2013; two symbols are too few to know it by.
        assert_eq!(market_halts(&Calendar::new(), class, &witnesses), IntervalSet::new(), "{folder}");
    }
    assert!(judged > 40, "only {judged} series have ten sessions");
}

#[test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
fn a_missing_day_of_spy_or_eem_is_found() {
    let suspect = |runs: &[Run], hole: Interval| {
        runs.iter()
            .any(|r| r.verdict == SilenceVerdict::Suspect && r.range == hole && r.rule == Some(Rule::WholeSession))
    };
    assert!(suspect(&Recording::read("us_1d", "EEM.lean").judge(), day("2003-08-15")), "a day that is really missing");
    for (series, first) in [("SPY.lean", 60), ("EEM.lean", 1_400)] {
        let recording = Recording::read("us_1d", series);
        for k in (first..recording.bars.len()).step_by(97) {
            let hole = Timeframe::D1.span(recording.class, recording.bars[k].ts);
            assert!(suspect(&recording.without(hole).judge(), hole), "{series} {hole}");
        }
    }
}

#[test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
fn a_missing_hour_of_a_liquid_symbol_is_found() {
    let recording = Recording::read("us_1m", "AAPL.polygon");
    let found = recording.clone().judge();
    assert!(found.iter().all(|r| r.verdict != SilenceVerdict::Suspect), "{found:#?}");
    let calendar = Calendar::new();
    for (k, date) in recording.known.iter().enumerate() {
        let Some(session) = calendar.session(date.start.ny_date()) else { continue };
        let start = session.open + (k as i64 % 6) * 3_600_000;
        let hole = Interval::new(start, start + 3_600_000);
        let runs = recording.without(hole).judge();
        assert!(runs.iter().any(|r| r.verdict == SilenceVerdict::Suspect && r.range == hole), "{hole} {runs:#?}");
    }
}

#[test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
fn the_afternoon_of_a_half_day_is_not_judged() {
    let runs = Recording::read("us_1m", "GOOG.lean").judge();
    let session = Calendar::new().session("2015-12-24".parse().unwrap()).unwrap();
    let afternoon = Interval::new(session.close, day("2015-12-24").end);
    assert!(!runs.is_empty() && !runs.iter().any(|r| r.range.overlaps(afternoon)), "{runs:#?}");
}

/// Five symbols lost the same three days: it was the source, and five are too few to say that the market stood still.
#[test]
#[cfg_attr(without_data, ignore = "needs the recorded data: set BARKEEP_TEST_DATA to their directory")]
fn five_symbols_are_no_market() {
    let names = ["AAPL", "AMC", "GME", "SNOW", "TSLA"];
    let mut recordings: Vec<Recording> =
        names.iter().map(|name| Recording::read("us_1m", &format!("{name}.yahoo2022"))).collect();
    let missing: Vec<IntervalSet> = recordings
        .iter_mut()
        .map(|r| r.judge().iter().filter(|r| r.verdict == SilenceVerdict::Suspect).map(|r| r.range).collect())
        .collect();
    let witnesses: Vec<Witness<'_>> = recordings.iter().zip(&missing).map(|(r, missing)| r.witness(missing)).collect();
    let calendar = Calendar::new();
    assert_eq!(market_halts(&calendar, AssetClass::Stock, &witnesses), IntervalSet::new());
    // Were they ten, they would be.
    let halted = market_halts(&calendar, AssetClass::Stock, &witnesses.repeat(2));
    for date in ["2022-03-21", "2022-03-29", "2022-04-06"] {
        let session = calendar.session(date.parse().unwrap()).unwrap();
        assert!(halted.covers(session.regular()), "{date} {halted:?}");
    }
    assert!(halted.iter().all(|h| missing.iter().all(|m| m.covers(h))));
}
