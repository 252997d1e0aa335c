//! Histories from their first answer on, in whatever pieces they come.

use super::*;

const QUARTER: (&str, &str) = ("2024-01-02", "2024-03-28");

fn quarter() -> Interval {
    between("2024-01-02 00:00", "2024-03-29 00:00")
}

/// An hour is missing in each of some sessions.
fn holes(days: &[&str]) -> (Symbol, Vec<Interval>) {
    let symbol = Symbol::stock(Timeframe::M1, QUARTER.0, QUARTER.1);
    let holes = days.iter().map(|day| between(&format!("{day} 11:00"), &format!("{day} 12:00")));
    let holes: Vec<Interval> = holes.collect();
    (holes.iter().fold(symbol, |symbol, hole| symbol.without(*hole)), holes)
}

#[test]
fn holes_do_not_excuse_each_other() {
    let days = ["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-09", "2024-02-01", "2024-02-02", "2024-03-01"];
    let (mut symbol, holes) = holes(&days);
    assert_eq!(suspects(&symbol.ask_followed(quarter())), holes);
    let regular = symbol.profile.part(Part::Regular).unwrap();
    assert!(regular.sessions().iter().all(|s| s.longest_silence == 0 && s.slots == s.traded), "{regular:?}");
}

#[test]
fn pages_do_not_matter() {
    let days = ["2024-01-03", "2024-01-04", "2024-01-17", "2024-02-01", "2024-02-02", "2024-03-01"];
    let (symbol, holes) = holes(&days);
    for step in [10, 14, 21, 45] {
        let mut paged = symbol.clone();
        let (mut found, mut unjudged) = (Vec::new(), IntervalSet::new());
        let (first, end) = (ny("2024-01-02 00:00"), ny("2024-03-29 00:00"));
        let sessions = Calendar::new().sessions(first.ny_date(), end.ny_date());
        let mut from = first;
        for page in sessions.chunks(step) {
            // A page ends in the middle of a session, within a hole; the rest of it comes with the next page.
            let last = page.last().unwrap();
            let mut ends = vec![last.open + 100 * MINUTE];
            ends.extend((Some(last) == sessions.last()).then_some(end));
            for to in ends {
                let begun = sessions.iter().rev().find(|s| s.extended_open <= from).map_or(from, |s| s.extended_open);
                let known = IntervalSet::from(Interval::new(begun, to));
                let bars: Vec<Bar> = paged.bars.iter().filter(|b| known.contains(b.ts)).copied().collect();
                let runs = paged.ask_about(Interval::new(from, to), &known, &bars, true);
                found.extend(suspects(&runs));
                unjudged = unjudged.union(&of(&runs, SilenceVerdict::Unjudged).into_iter().collect());
                from = to;
            }
            if let Some(again) = unjudged.hull()
                && paged.profile.part(Part::Regular).is_some_and(PartProfile::is_enough)
            {
                found.extend(suspects(&paged.ask_followed(Interval::new(again.start, again.end))));
                unjudged = IntervalSet::new();
            }
        }
        // A run cut by a page's end is seen twice; whole the second time.
        let found: IntervalSet = found.into_iter().collect();
        assert_eq!(found, holes.iter().copied().collect(), "pages of {step} sessions");
        let mut at_once = symbol.clone();
        at_once.ask_followed(quarter());
        let parts = [&paged, &at_once].map(|s| s.profile.part(Part::Regular).unwrap().clone());
        let differ = parts[0].sessions().iter().zip(parts[1].sessions()).find(|(a, b)| a != b);
        assert_eq!(differ, None, "pages of {step} sessions");
    }
}

#[test]
fn nine_sessions_judge_nothing_and_ten_judge_all() {
    let hole = between("2024-01-05 11:00", "2024-01-05 12:00");
    let symbol = Symbol::stock(Timeframe::M1, QUARTER.0, QUARTER.1).without(hole);
    // 2024-01-12 is the ninth session, the 16th the tenth.
    let mut young = symbol.clone();
    let runs = young.ask_followed(between("2024-01-02 00:00", "2024-01-13 00:00"));
    let unjudged = of(&runs, SilenceVerdict::Unjudged);
    assert_eq!(runs.len(), unjudged.len(), "{runs:#?}");
    let friday = between("2024-01-05 09:30", "2024-01-05 16:00");
    assert!(unjudged.contains(&friday), "{unjudged:?}");
    assert!(!unjudged.iter().any(|r| r.overlaps(between("2024-01-04 09:30", "2024-01-04 16:00"))));
    assert_eq!(runs.iter().find(|r| r.range == friday).map(|r| (r.slots, r.surprise)), Some((60, None)));
    let regular = |s: &Symbol| s.profile.part(Part::Regular).unwrap().clone();
    assert_eq!((regular(&young).sessions().len(), regular(&young).is_enough()), (9, false));
    let runs = young.ask_followed(between("2024-01-16 00:00", "2024-01-17 00:00"));
    assert_eq!(suspects(&runs), []);
    assert!(regular(&young).is_enough());
    let runs = young.ask_followed(between("2024-01-05 00:00", "2024-01-06 00:00"));
    assert_eq!(suspects(&runs), [hole], "{runs:#?}");
    assert_eq!(regular(&young).sessions().iter().map(|s| s.longest_silence).max(), Some(0));
}

#[test]
fn a_tail_with_too_few_sessions_is_unjudged() {
    let mut symbol = Symbol::stock(Timeframe::M1, QUARTER.0, "2024-01-10");
    symbol.bars.retain(|b| b.ts < ny("2024-01-10 12:00"));
    let runs = symbol.ask(between("2024-01-02 00:00", "2024-01-10 15:00"));
    let last = runs.last().unwrap();
    assert_eq!((last.verdict, last.range), (SilenceVerdict::Unjudged, between("2024-01-10 12:00", "2024-01-10 15:00")));
    assert!(symbol.profile.part(Part::Regular).unwrap().sessions().iter().all(|s| s.date < date("2024-01-10")));
}

#[test]
fn today_joins_the_profile_when_it_is_over() {
    let mut symbol = Symbol::stock(Timeframe::M1, QUARTER.0, QUARTER.1);
    symbol.ask(between("2024-01-02 00:00", "2024-03-28 12:00"));
    let newest = |s: &Symbol| s.profile.part(Part::Regular).unwrap().sessions().last().unwrap().clone();
    assert_eq!(newest(&symbol).date, date("2024-03-27"));
    symbol.profile.saved();
    symbol.ask_knowing(
        between("2024-03-28 12:00", "2024-03-28 14:00"),
        &between("2024-03-28 04:00", "2024-03-28 14:00").into(),
    );
    assert_eq!(symbol.profile.changed().count(), 0, "a session that goes on changes nothing");
    symbol.ask(between("2024-03-28 04:00", "2024-03-28 16:00"));
    assert_eq!(newest(&symbol).date, date("2024-03-28"));
    assert_eq!(symbol.profile.changed().map(|(part, _)| part).collect::<Vec<_>>(), [Part::Regular]);
    // Asked again, with a bar less, it is replaced.
    symbol = symbol.without(between("2024-03-28 11:00", "2024-03-28 11:01"));
    symbol.ask(between("2024-03-28 04:00", "2024-03-28 16:00"));
    assert_eq!((newest(&symbol).date, newest(&symbol).longest_silence), (date("2024-03-28"), 1));
    assert_eq!(symbol.profile.part(Part::Regular).unwrap().sessions().len(), 61);
}

#[test]
fn old_history_is_judged_by_what_is_nearest() {
    let hole = between("2023-08-08 11:00", "2023-08-08 12:00");
    let mut symbol = Symbol::stock(Timeframe::M1, "2023-08-01", QUARTER.1).without(hole);
    symbol.ask_followed(between("2023-11-01 00:00", "2024-03-29 00:00"));
    let before = symbol.profile.part(Part::Regular).cloned();
    assert_eq!(suspects(&symbol.ask_followed(between("2023-08-07 00:00", "2023-08-10 00:00"))), [hole]);
    assert_eq!(symbol.profile.part(Part::Regular).cloned(), before, "the newest stay");
}

#[test]
fn runs_are_returned_whole_where_they_touch_what_was_asked() {
    let hole = between("2024-03-21 11:00", "2024-03-21 12:00");
    let mut symbol = Symbol::stock(Timeframe::M1, QUARTER.0, QUARTER.1).without(hole);
    symbol.ask_followed(between("2024-01-02 00:00", "2024-03-21 00:00"));
    let session = IntervalSet::from(between("2024-03-21 04:00", "2024-03-21 16:00"));
    let runs = symbol.ask_knowing(between("2024-03-21 11:30", "2024-03-21 16:00"), &session);
    assert_eq!(suspects(&runs), [hole]);
    assert_eq!(symbol.ask_knowing(between("2024-03-21 12:00", "2024-03-21 16:00"), &session), []);
    // What is not known is neither silent nor joins the profile.
    let holed = session.subtract(&between("2024-03-21 10:50", "2024-03-21 12:10").into());
    assert_eq!(symbol.ask_knowing(between("2024-03-21 04:00", "2024-03-21 16:00"), &holed), []);
}

#[test]
fn nothing_known_is_nothing_said() {
    let mut symbol = Symbol::stock(Timeframe::M1, QUARTER.0, QUARTER.1);
    assert_eq!(symbol.ask_knowing(quarter(), &IntervalSet::new()), []);
    assert_eq!(symbol.profile, Profile::new());
    let edges = Interval::new(Ts(i64::MIN), Ts(i64::MAX));
    symbol.bars.clear();
    for timeframe in Timeframe::ALL {
        symbol.timeframe = timeframe;
        symbol.ask_knowing(edges, &Interval::new(Ts(i64::MAX - DAY), Ts(i64::MAX)).into());
        symbol.ask_knowing(edges, &Interval::new(Ts(i64::MIN), Ts(i64::MIN + DAY)).into());
    }
}
