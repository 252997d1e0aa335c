//! Numbers as the vendor prints them: the shortest text that reads back to the same value.

use std::fmt::Write;

/// Plain decimal, never an exponent: `154`, `125.725`.
pub(crate) fn push_plain(out: &mut String, x: f64) {
    // Most prices have few decimals; then integer arithmetic finds the shortest text. Six decimals and fewer than 16
    // digits always read back to the same value.
    const SCALE: f64 = 1e6;
    let scaled = (x * SCALE).round();
    if (0.0..1e15).contains(&scaled) && scaled / SCALE == x {
        let all = scaled as u64;
        let (whole, mut rest) = (all / 1_000_000, all % 1_000_000);
        let _ = write!(out, "{whole}");
        if rest > 0 {
            let mut width = 6;
            while rest.is_multiple_of(10) {
                rest /= 10;
                width -= 1;
            }
            let _ = write!(out, ".{rest:0width$}");
        }
        return;
    }
    let _ = write!(out, "{x}");
}

/// Volume: whole numbers from a million on in Go's exponent form, `3.023555e+06`.
pub(crate) fn push_volume(out: &mut String, v: f64) {
    if v < 1e6 || v.fract() != 0.0 {
        return push_plain(out, v);
    }
    // `{:e}` gives `3.023555e6`; Go writes the exponent's sign and at least two digits.
    let text = format!("{v:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let _ = write!(out, "{digits}e+{exponent:0>2}");
        }
        None => out.push_str(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_like_the_recorded_ones() {
        for (v, text) in [
            (3_023_555.0, "3.023555e+06"),
            (112_117_471.0, "1.12117471e+08"),
            (2_761_728_800.0, "2.7617288e+09"),
            (1e6, "1e+06"),
            (739_867.0, "739867"),
            (28_242.029_977_765_436, "28242.029977765436"),
            (11_018_435.600_82, "11018435.60082"),
            (0.0, "0"),
        ] {
            let mut out = String::new();
            push_volume(&mut out, v);
            assert_eq!(out, text);
        }
        for (x, text) in
            [(154.0, "154"), (125.725, "125.725"), (148.5499, "148.5499"), (0.000_07, "0.00007"), (1e-9, "0.000000001")]
        {
            let mut out = String::new();
            push_plain(&mut out, x);
            assert_eq!(out, text);
        }
    }

    proptest! {
        #[test]
        fn reads_back_to_the_same_value(x in prop_oneof![0.0..1e12f64, (0u64..10_000_000_000).prop_map(|k| k as f64 / 1e4)]) {
            for push in [push_plain, push_volume] {
                let mut out = String::new();
                push(&mut out, x);
                prop_assert_eq!(out.parse::<f64>().unwrap(), x);
                let longest = x.to_string().len().max(format!("{x:e}").len() + 2);
                prop_assert!(out.len() <= longest);
            }
        }
    }
}
