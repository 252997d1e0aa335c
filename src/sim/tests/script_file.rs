//! Script files: what is read, and what is said of mistakes.

use super::*;

/// Every example of the documentation is a script.
#[test]
fn documented_examples_are_read() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulator.md")).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    let mut examples = 0;
    for example in page.split("```yaml\n").skip(1) {
        let text = example.split("```").next().unwrap();
        let script = Script::parse(text, "docs/simulator.md").unwrap();
        for event in &script.events {
            let json = serde_json::to_value(event).unwrap();
            kinds.insert(json["kind"].as_str().unwrap().to_owned());
            // What is written back is the same event.
            assert_eq!(&serde_json::from_value::<ScriptEvent>(json).unwrap(), event);
        }
        examples += 1;
    }
    assert!(examples > 0);
    let all = [
        "closure",
        "correction",
        "delisted",
        "extra",
        "halt",
        "hole",
        "late",
        "late_until",
        "listed",
        "plan",
        "renamed",
        "reused",
        "skew",
        "split",
        "unknown",
        "wrong",
        "zone",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all, "every kind has an example");
    for kind in FaultKind::ALL {
        assert!(page.contains(&format!("`{}`", kind.name())), "{} is not documented", kind.name());
    }
}

#[test]
fn json_is_read_too() {
    let text = r#"{"events": [{"kind": "hole", "ticker": "X:BTCUSD", "from": "2025-06-12", "to": "2025-06-12"}],
        "faults": [{"kind": "hang", "times": 1}]}"#;
    let script = Script::parse(text, "s.json").unwrap();
    let on = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    assert_eq!(script.events, [ScriptEvent::hole("X:BTCUSD", on("2025-06-12"), on("2025-06-12"), None)]);
    assert_eq!(script.faults, [FaultRule::new(FaultKind::Hang).times(1)]);
    for nothing in ["", "# nothing\n", "events: []", "[]"] {
        assert_eq!(Script::parse(nothing, "s").unwrap(), Script::default());
    }
}

#[test]
fn mistakes_name_file_and_line_and_what_to_do() {
    for (text, line, says) in [
        ("events: [", 1, "not valid YAML"),
        ("- kind: late\n  ticker: AAPL\n  delay: soon\n", 3, "`soon` is not a duration; write one such as 90m"),
        (
            "- {kind: late, ticker: AAPL, delay: 1h}\n- kind: hole\n  ticker: AAPL\n  from: 2025-06-31\n  to: 2025-07-01",
            4,
            "`2025-06-31` is not a time",
        ),
        ("- kind: hole\n  ticker: AAPL\n  from: 2025-06-12\n", 1, "missing field `to`"),
        ("- kind: delisted\n  ticker: AAPL\n  onn: 2025-06-12\n", 3, "unknown field `onn`"),
        ("- kind: delisted\n  ticker: AAPL\n  on: 2025-6\n", 3, "`2025-6` is not a date"),
        ("- ticker: AAPL\n  kind: hole_\n", 2, "unknown variant `hole_`"),
        ("- kind: hole\n  ticker: AAPL\n  from: 2025-06-12\n  to: 2025-06-11\n", 4, "`to` 2025-06-11 is not after"),
        (
            "- kind: split\n  ticker: AAPL\n  date: 2025-06-12\n  from: 0\n  to: 4\n",
            4,
            "`from` is 0; write a number above 0",
        ),
        ("- kind: delisted\n  ticker: '*'\n  on: 2025-06-12\n", 2, "'*' is too many"),
        ("- kind: delisted\n  ticker: *a\n", 2, "not valid YAML"),
        ("- kind: halt\n  from: 2025-06-12\n  from: 2025-06-13\n", 3, "`from` is written twice, first on line 2"),
        (
            "- kind: correction\n  ticker: A\n  from: 2025-06-12\n  to: 2025-06-12\n  at: 2025-06-12\n  change: {}",
            6,
            "`change` is empty",
        ),
        ("happenings:\n- kind: halt\n", 1, "a script has no section `happenings`; write `events:` or `faults:`"),
        ("faults:\n- kind: hang\n- kind: nonsense\n", 3, "no fault 'nonsense'"),
        ("- kind: zone\n  ticker: A\n  offset: Paris\n", 3, "`Paris` is not an offset from UTC"),
        ("late", 1, "this is not a script"),
    ] {
        let why = Script::parse(text, "dir/s.yaml").unwrap_err().to_string();
        assert!(why.starts_with(&format!("dir/s.yaml:{line}: ")) && why.contains(says), "{text}\n{why}");
        assert!(why.contains("; ") && !why.contains('\n'), "{why}");
    }
}
