use super::*;

#[test]
fn an_age_is_always_seven_wide_and_never_falls_while_it_grows() {
    let cases = [
        (0, "     0s"),
        (42 * SECOND, "    42s"),
        (12 * MINUTE + 4 * SECOND, "12m 04s"),
        (6 * HOUR + 12 * MINUTE, " 6h 12m"),
        (3 * DAY + 7 * HOUR, " 3d 07h"),
        (412 * DAY, "   412d"),
        (-5, "     0s"),
    ];
    for (ms, text) in cases {
        assert_eq!(age(ms), text);
    }
    for exponent in 0..40 {
        assert_eq!(age(1 << exponent).chars().count(), 7);
    }
}

#[test]
fn a_rough_time_leaves_out_what_hardly_matters() {
    for (ms, text) in [
        (42 * SECOND, "42s"),
        (12 * MINUTE + 4 * SECOND, "12m"),
        (4 * HOUR, "4h"),
        (6 * HOUR + 2 * MINUTE, "6h 02m"),
        (DAY, "1d"),
        (412 * DAY, "412d"),
    ] {
        assert_eq!(rough(ms), text);
    }
}

#[test]
fn a_countdown_reaches_zero_only_at_the_end() {
    assert_eq!(until(1), "00:01");
    assert_eq!(until(0), "00:00");
    assert_eq!(until(156 * SECOND), "02:36");
    assert_eq!(until(2 * HOUR + 156 * SECOND), "02:02:36");
    assert_eq!(until(31 * HOUR + 37 * MINUTE), "31h 37m");
    assert_eq!(until(300 * HOUR), "12d 12h");
    for (ms, text) in [
        (1, "00:01"),
        (2 * MINUTE, "02:00"),
        (2 * MINUTE + 1, "2m"),
        (14 * MINUTE + 59 * SECOND, "14m"),
        (22 * HOUR + 24 * MINUTE + 53 * SECOND, "22h 24m"),
        (31 * HOUR, "1d 07h"),
    ] {
        assert_eq!(ahead(ms), text);
    }
    assert_eq!(elapsed(8 * MINUTE + 51 * SECOND), "00:08:51");
}

#[test]
fn figures_are_grouped_or_short() {
    assert_eq!(count(18_204), "18,204");
    assert_eq!(count(-1_234_567_i64), "-1,234,567");
    assert_eq!(count(7_u8), "7");
    for (n, text) in [
        (940.0, "940"),
        (999.6, "1.00k"),
        (38_120.0, "38.1k"),
        (412_180.0, "412k"),
        (1_279_000.0, "1.28M"),
        (999_999.0, "1.00M"),
        (5e9, "5.00G"),
        (f64::NAN, "?"),
    ] {
        assert_eq!(short(n), text);
    }
    assert_eq!((bytes(912), bytes(38_120_000_i64)), ("912 B".to_owned(), "38.1 MB".to_owned()));
    assert_eq!((latency(212), latency(1_104)), ("212 ms".to_owned(), "1.10 s".to_owned()));
    assert_eq!((plural(1, "request"), plural(2, "request")), ("1 request".to_owned(), "2 requests".to_owned()));
    assert_eq!((plural(1, "series"), plural(3, "series")), ("1 series".to_owned(), "3 series".to_owned()));
    assert_eq!((plural(3, "branch"), plural(2, "retry")), ("3 branches".to_owned(), "2 retries".to_owned()));
}

#[test]
fn a_share_is_whole_only_when_it_is() {
    for (share, text) in
        [(0.0, "  0 %"), (0.000_1, "  1 %"), (0.42, " 42 %"), (0.999_9, " 99 %"), (1.0, "100 %"), (f64::NAN, "  0 %")]
    {
        assert_eq!(percent(share), text);
    }
}

#[test]
fn times_name_their_zone_and_the_year_when_it_matters() {
    let now = Ts(1_795_330_334_000); // 2026-11-22T06:52:14Z
    assert_eq!(clock(now), "06:52:14Z");
    assert_eq!(stamp(now, now), "22 Nov 06:52Z");
    assert_eq!(stamp(now - 400 * DAY, now), "18 Oct 2025  ");
    assert_eq!(due(now + HOUR, now), "07:52Z");
    assert_eq!(due(now + 3 * DAY, now), "25 Nov 06:52Z");
    for (ago, text) in
        [(0, "22 Nov 2026"), (2, "20-22 Nov 2026"), (30, "23 Oct-22 Nov 2026"), (400, "18 Oct 25-22 Nov 26")]
    {
        assert_eq!(dates(now - ago * DAY, now), text);
    }
    assert!([stamp(now, now), stamp(now - 400 * DAY, now)].iter().all(|s| s.len() == 13));
}

#[test]
fn prices_keep_the_digits_that_matter() {
    for (p, text) in [
        (0.431_2, "0.4312"),
        (42.1, "42.10"),
        (1_234.5, "1234.50"),
        (91_204.4, "91,204"),
        (0.009_9, "0.009900"),
        (0.000_012_34, "0.00001234"),
        (-0.000_012_34, "-0.00001234"),
        (3.1e-9, "3.100e-9"),
        (1.5e-300, "1.500e-300"),
        (0.0, "0"),
        (-0.0, "0"),
        (f64::NAN, "?"),
    ] {
        assert_eq!(price(p), text);
    }
}

#[test]
fn seconds_are_rounded_up() {
    assert_eq!(hms(3_725.2), "01:02:06");
    assert_eq!(hms(-1.0), "00:00:00");
}

#[test]
fn tables_line_up() {
    let text = table(["A", "LONG"], &[["xyz".into(), "1".into()], ["é".into(), String::new()]]);
    assert_eq!(text, "A    LONG\nxyz  1\né\n");
}
