use super::*;
use proptest::prelude::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn split(day: &str, from: f64, to: f64) -> Split {
    Split { date: date(day), from, to }
}

/// A step each weekday of two weeks around 2024-05-01; the price is 10 until a day named, then times what is named.
fn market(moves: &[(&str, f64)]) -> Vec<Step> {
    let days = ["24", "25", "26", "29", "30"].map(|d| date(&format!("2024-04-{d}")));
    let more = ["01", "02", "03", "06", "07", "08", "09", "10"].map(|d| date(&format!("2024-05-{d}")));
    let days: Vec<NaiveDate> = days.into_iter().chain(more).collect();
    let mut price = 10.0;
    let mut made = Vec::new();
    for (before, after) in days.iter().zip(days.iter().skip(1)) {
        let close = price;
        if let Some((_, by)) = moves.iter().find(|(day, _)| date(day) == *after) {
            price *= by;
        }
        made.push(Step { before: *before, after: *after, close, open: price });
    }
    made
}

fn findings(rows: &[Split], steps: &[Step]) -> Vec<SplitFinding> {
    confirm(rows, steps).iter().map(|v| v.finding).collect()
}

#[test]
fn a_split_that_prices_show_is_confirmed_and_one_they_do_not_is_contradicted() {
    let rows = [split("2024-05-01", 1.0, 4.0)];
    assert_eq!(findings(&rows, &market(&[("2024-05-01", 0.25)])), [SplitFinding::Confirmed]);
    assert_eq!(findings(&rows, &market(&[("2024-05-01", 0.31)])), [SplitFinding::Confirmed], "it rose 24 % that night");
    let told = confirm(&rows, &market(&[])).remove(0);
    assert_eq!(told.finding, SplitFinding::Contradicted);
    assert_eq!(
        told.note.unwrap(),
        "1:4 on 2024-05-01 multiplies earlier prices by 0.2500, but they were 10 at the close, 10 at the open after it (times 1.0000)"
    );
    assert_eq!(findings(&rows, &market(&[("2024-05-01", 4.0)])), [SplitFinding::Contradicted], "upside down");
    assert_eq!(findings(&rows, &[]), [SplitFinding::Open], "no prices");
}

#[test]
fn rows_of_one_day_are_tried_alone_and_together() {
    let (reverse, false_one) = (split("2024-05-01", 15.0, 1.0), split("2024-05-01", 1.0, 10.0));
    let alone = market(&[("2024-05-01", 15.0)]);
    // By date and ratio: 1:10 comes first.
    assert_eq!(findings(&[reverse, false_one], &alone), [SplitFinding::Contradicted, SplitFinding::Confirmed]);
    assert_eq!(confirm(&[reverse, false_one], &alone), confirm(&[false_one, reverse], &alone));
    let together = market(&[("2024-05-01", 1.5)]);
    assert_eq!(findings(&[reverse, false_one], &together), [SplitFinding::Confirmed, SplitFinding::Confirmed]);
    assert_eq!(findings(&[reverse, false_one], &market(&[])), [SplitFinding::Contradicted, SplitFinding::Contradicted]);
}

#[test]
fn a_split_listed_on_two_dates_is_applied_at_the_one_that_prices_show() {
    let rows = [split("2024-04-29", 50.0, 1.0), split("2024-05-06", 50.0, 1.0)];
    assert_eq!(
        findings(&rows, &market(&[("2024-05-06", 50.0)])),
        [SplitFinding::Contradicted, SplitFinding::Confirmed]
    );
    let neighbours = [split("2024-05-06", 50.0, 1.0), split("2024-05-07", 50.0, 1.0)];
    let verdicts = confirm(&neighbours, &market(&[("2024-05-06", 50.0)]));
    assert_eq!(verdicts[0].finding, SplitFinding::Confirmed);
    assert_eq!(
        (verdicts[1].finding, verdicts[1].shown_on),
        (SplitFinding::Contradicted, None),
        "a step shows one split"
    );
    // The first date lies before the stored prices.
    let unknown = [split("2024-04-20", 50.0, 1.0), split("2024-05-06", 50.0, 1.0)];
    assert_eq!(
        findings(&unknown, &market(&[("2024-05-06", 50.0)])),
        [SplitFinding::Contradicted, SplitFinding::Confirmed]
    );
    let another = [split("2024-04-20", 2.0, 1.0), split("2024-05-06", 50.0, 1.0)];
    assert_eq!(findings(&another, &market(&[("2024-05-06", 50.0)])), [SplitFinding::Open, SplitFinding::Confirmed]);
}

#[test]
fn a_split_one_session_off_is_found_beside_its_date() {
    for shown in ["2024-04-30", "2024-05-02"] {
        let verdict = confirm(&[split("2024-05-01", 1.0, 3.0)], &market(&[(shown, 1.0 / 3.0)])).remove(0);
        assert_eq!((verdict.finding, verdict.shown_on), (SplitFinding::Contradicted, Some(date(shown))));
    }
    let two_off = confirm(&[split("2024-05-01", 1.0, 3.0)], &market(&[("2024-05-03", 1.0 / 3.0)])).remove(0);
    assert_eq!((two_off.finding, two_off.shown_on), (SplitFinding::Contradicted, None));
}

#[test]
fn what_an_ordinary_night_could_be_is_left_open() {
    for moved in [0.85, 0.95, 1.0, 1.05, 1.1] {
        let finding = findings(&[split("2024-05-01", 1.0, 1.05)], &market(&[("2024-05-01", moved)]))[0];
        assert_ne!(finding, SplitFinding::Contradicted, "1:1.05 and a night of {moved}");
    }
    assert_eq!(findings(&[split("2024-05-01", 1.0, 2.0)], &market(&[("2024-05-01", 0.72)])), [SplitFinding::Open]);
    assert_eq!(findings(&[split("2024-05-01", 4.0, 5.0)], &market(&[])), [SplitFinding::Open], "20 % either way");
}

#[test]
fn a_pause_of_weeks_shows_nothing() {
    let step = Step { before: date("2024-03-01"), after: date("2024-05-01"), close: 10.0, open: 10.0 };
    assert_eq!(findings(&[split("2024-05-01", 1.0, 4.0)], &[step]), [SplitFinding::Open]);
}

proptest! {
    #[test]
    fn the_order_never_matters(
        rows in proptest::collection::vec((0usize..9, 1u8..20, 1u8..20), 1..6),
        seed in 0usize..1000, by in 0.02f64..50.0, on in 0usize..9,
    ) {
        let dates = ["2024-04-29", "2024-04-30", "2024-05-01", "2024-05-02", "2024-05-03", "2024-05-06", "2024-05-07",
            "2024-05-08", "2024-05-09"];
        let rows: Vec<Split> = rows.iter().map(|&(d, f, t)| split(dates[d], f.into(), t.into())).collect();
        let steps = market(&[(dates[on], by)]);
        let (mut other, mut turned) = (rows.clone(), steps.clone());
        other.rotate_left(seed % rows.len());
        other.reverse();
        turned.reverse();
        prop_assert_eq!(confirm(&rows, &steps), confirm(&other, &turned));
    }

    #[test]
    fn a_true_split_of_a_fifth_or_more_is_never_contradicted_by_an_ordinary_night(
        from in 1u8..60, to in 1u8..60, night in 0.8f64..1.25,
    ) {
        let row = split("2024-05-01", from.into(), to.into());
        let by = f64::from(from) / f64::from(to) * night;
        let verdict = confirm(&[row], &market(&[("2024-05-01", by)])).remove(0);
        prop_assert_ne!(verdict.finding, SplitFinding::Contradicted);
    }
}
