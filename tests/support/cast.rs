//! Terminal recordings in asciinema's format, version 2: a line with the size, then a line for each piece of output.
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::num::NonZeroU16;
use std::time::Duration;

use serde_json::{Value, json};

/// The longest nothing happens; more is cut out.
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);

/// A recording.
pub struct Cast {
    pub header: Value,
    /// Seconds and what was written.
    pub events: Vec<(f64, String)>,
}

impl Cast {
    /// What a terminal of this size got.
    pub fn new(columns: u16, rows: u16, title: &str, written: &[(Duration, Vec<u8>)]) -> Self {
        let (mut at, mut before) = (Duration::ZERO, written.first().map_or(Duration::ZERO, |(time, _)| *time));
        let mut rest: Vec<u8> = Vec::new();
        let mut events = Vec::new();
        for (time, bytes) in written {
            at += time.saturating_sub(before).min(LONGEST_PAUSE);
            before = *time;
            rest.extend_from_slice(bytes);
            // A character may be cut in two by the buffer it was read into.
            let whole = match std::str::from_utf8(&rest) {
                Ok(text) => text.len(),
                Err(e) => e.valid_up_to(),
            };
            let text: Vec<u8> = rest.drain(..whole).collect();
            if !text.is_empty() {
                events.push(((at.as_secs_f64() * 1_000.0).round() / 1_000.0, String::from_utf8(text).unwrap()));
            }
        }
        let env = json!({ "TERM": "xterm-256color", "SHELL": "/bin/sh" });
        let header = json!({ "version": 2, "width": columns, "height": rows, "title": title, "env": env });
        Self { header, events }
    }

    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.header);
        for (at, written) in &self.events {
            text += &json!([at, "o", written]).to_string();
            text.push('\n');
        }
        text
    }

    /// Reads one; panics where it is none.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        let header = lines.next().expect("no header");
        assert_eq!(header["version"], 2, "{header}");
        let mut last = 0.0;
        let event = |event: Value| {
            let at = event[0].as_f64().expect("a time");
            assert!(at >= last, "goes back at {at}");
            last = at;
            assert_eq!(event[1], "o");
            (at, event[2].as_str().expect("output").to_owned())
        };
        let events = lines.map(event).collect();
        Self { header, events }
    }

    /// What a terminal shows after each second of it.
    pub fn screens(&self) -> Vec<String> {
        let size = |name: &str| NonZeroU16::new(u16::try_from(self.header[name].as_u64().unwrap()).unwrap()).unwrap();
        let mut terminal = vt100::Parser::new(size("height"), size("width"), 0);
        let mut screens = Vec::new();
        for (at, written) in &self.events {
            while (screens.len() as f64) < *at {
                screens.push(terminal.screen().contents());
            }
            terminal.process(written.as_bytes());
        }
        screens.push(terminal.screen().contents());
        screens
    }
}
