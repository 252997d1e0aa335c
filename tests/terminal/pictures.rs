//! The pictures of the documentation and the recording of the demo: taken from the real program, never drawn by hand.
//!
//! `BARKEEP_UPDATE_SCREENSHOTS=1 cargo test --test terminal pictures` takes them again; that takes three minutes.
//! `BARKEEP_SCREENSHOTS_ALL=DIR cargo test --test terminal every_screen` takes every screen at every size in two themes, to
//! look at; that takes five.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::cast::Cast;
use crate::support::messages::{is_made_by, messages};
use crate::support::pty::Pty;

const BARKEEP: &str = env!("CARGO_BIN_EXE_barkeep");
const COLUMNS: u16 = 120;
const CAST: &str = "demo.cast";
const CAST_ROWS: u16 = 32;
const PICTURES: [&str; 11] = [
    "overview",
    "symbols",
    "coverage",
    "session",
    "detail",
    "executions",
    "vendor",
    "failures",
    "log",
    "overview-light",
    "detail-color-blind",
];

fn stored(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots").join(file)
}

fn is_update() -> bool {
    std::env::var_os("BARKEEP_UPDATE_SCREENSHOTS").is_some_and(|v| v == "1")
}

fn demo(home: &Path, rows: u16) -> Pty {
    let env =
        [("COLORTERM", "truecolor".to_owned()), ("TMPDIR", home.display().to_string()), ("USER", "you".to_owned())];
    let pty = Pty::start(BARKEEP, &["demo", "--theme", "dark"], home, &env, COLUMNS, rows);
    pty.until("RUNNING");
    pty
}

/// What alerts of the demo say.
const ALERTS: [&str; 4] =
    ["high backfill failure", " allows ", "nothing can be fetched", "the database has not answered"];

/// Someone who looks at the demo and takes pictures with the key for it.
struct Photographer {
    pty: Pty,
    dir: PathBuf,
    taken: usize,
}

impl Photographer {
    fn pictures(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten();
        let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        // The text beside it is written last.
        all.retain(|path| path.extension().is_some_and(|end| end == "svg") && path.with_extension("txt").exists());
        all.sort();
        all
    }

    /// Types, waits until the screen is there and nothing lies on it, and keeps a picture of it.
    fn take(&mut self, name: &str, keys: &str, wanted: &str) {
        self.pty.type_in(keys);
        self.pty.until(wanted);
        let clear = |text: &str| {
            text.contains(wanted) && !["screenshot saved", "theme: "].iter().any(|over| text.contains(over))
        };
        // Details come a moment after the screen.
        std::thread::sleep(Duration::from_millis(1_500));
        self.pty.until_so("nothing over the screen", clear);
        self.save(&stored(&format!("{name}.svg")));
        self.pty.until("screenshot saved");
    }

    /// Keeps a picture of what is on the screen.
    fn save(&mut self, file: &Path) {
        self.pty.type_in("S");
        let began = Instant::now();
        while self.pictures().len() <= self.taken {
            assert!(began.elapsed() < Duration::from_mins(1), "no {}\n{}", file.display(), self.pty.text());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.taken += 1;
        std::fs::copy(self.pictures().last().unwrap(), file).unwrap();
    }
}

/// Every screen: its name, and the keys that lead there from the Overview.
const SCREENS: [(&str, &[&str]); 10] = [
    ("overview", &[]),
    ("symbols", &["2"]),
    ("coverage", &["3"]),
    ("session", &["3", "/", "aapl tf:5m", "\r", "+", "+"]),
    ("detail", &["2", "/", "aapl tf:5m", "\r", "\r"]),
    ("executions", &["5"]),
    ("execution", &["5", "\r"]),
    ("vendor", &["6"]),
    ("failures", &["7"]),
    ("log", &["8"]),
];
const SIZES: [(u16, u16); 5] = [(160, 45), (120, 32), (80, 24), (40, 12), (300, 80)];

fn take_all(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let home = tempfile::tempdir().unwrap();
    let pty = demo(home.path(), 36);
    let mut photographer = Photographer { pty, dir: home.path().join("state/barkeep/screenshots"), taken: 0 };
    // Some runs, and the first thing that goes wrong.
    std::thread::sleep(Duration::from_secs(45));
    let pause = || std::thread::sleep(Duration::from_millis(150));
    for theme in ["dark", "light"] {
        photographer.pty.type_in(":");
        pause();
        photographer.pty.type_in(&format!("theme {theme}\r"));
        for (columns, rows) in SIZES {
            photographer.pty.resize(columns, rows);
            for (name, keys) in SCREENS {
                // An escape by itself, or it would be taken for part of the next key. The last one takes messages away.
                for key in ["\x1b"; 5].iter().chain(keys) {
                    photographer.pty.type_in(key);
                    pause();
                }
                std::thread::sleep(Duration::from_millis(700));
                photographer.save(&dir.join(format!("{name}-{columns}x{rows}-{theme}.svg")));
            }
        }
    }
    photographer.pty.type_in("qy");
    photographer.pty.ended();
}

#[test]
fn every_screen_at_every_size_in_two_themes() {
    if let Some(dir) = std::env::var_os("BARKEEP_SCREENSHOTS_ALL") {
        take_all(Path::new(&dir));
    }
}

fn take_pictures() {
    let home = tempfile::tempdir().unwrap();
    let pty = demo(home.path(), 36);
    let mut photographer = Photographer { pty, dir: home.path().join("state/barkeep/screenshots"), taken: 0 };
    let mut take = |name: &str, keys: &str, wanted: &str| photographer.take(name, keys, wanted);
    // The first thing goes wrong after some seconds.
    take("vendor", "6", "vendor error 503");
    take("log", "8", "vendor failed (503)");
    take("symbols", "2", "sorted by");
    take("executions", "5\r", "SYMBOL");
    photographer.pty.type_in("7");
    let began = Instant::now();
    while !ALERTS.iter().any(|said| photographer.pty.text().contains(said)) {
        assert!(began.elapsed() < Duration::from_mins(5), "no alert\n{}", photographer.pty.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut take = |name: &str, keys: &str, wanted: &str| photographer.take(name, keys, wanted);
    take("failures", "", "Quarantine");
    take("overview", "1", "Freshness");
    take("overview-light", "\x14", "Freshness");
    // Past the light theme and the one for every color vision, and around to the dark one.
    take("detail-color-blind", "\x142/aapl tf:5m\r\r", "AAPL 5m");
    take("detail", "\x14\x14", "AAPL 5m");
    take("coverage", "3", "Coverage");
    take("session", "++", "session");
    photographer.pty.type_in("qy");
    photographer.pty.ended();
}

/// What is written on each line of a picture.
fn lines(svg: &str) -> Vec<String> {
    let mut lines: BTreeMap<i64, Vec<(f64, String)>> = BTreeMap::new();
    let attribute = |line: &str, name: &str| -> Option<f64> {
        line.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.parse().ok()
    };
    for line in svg.lines().filter(|line| line.starts_with("<text ")) {
        let text = line.split_once('>').unwrap().1.trim_end_matches("</text>");
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let (x, y) = (attribute(line, "x").unwrap(), attribute(line, "y").unwrap());
        lines.entry(y as i64).or_default().push((x, text));
    }
    lines.into_values().map(|parts| parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("  ")).collect()
}

#[test]
fn the_pictures_are_taken_from_the_demo_and_show_what_the_engine_says() {
    if is_update() {
        take_pictures();
    }
    for name in PICTURES {
        let svg = std::fs::read_to_string(stored(&format!("{name}.svg"))).unwrap();
        let shown = lines(&svg);
        assert!(shown.iter().take(2).any(|line| line.contains("DEMO simulated vendor")), "{name}: {shown:?}");
    }
    let messages = messages();
    let log = lines(&std::fs::read_to_string(stored("log.svg")).unwrap());
    let levels = ["error", "warn", "info"];
    let mut said = 0;
    for line in &log {
        let words: Vec<&str> = line.split_whitespace().collect();
        // The time stands before the level, and the source after it.
        let timed = |at: &usize| *at > 0 && words[at - 1].ends_with('Z') && words.len() > at + 1;
        let Some(level) = words.iter().position(|word| levels.contains(word)).filter(timed) else { continue };
        let text = line.split_once(words[level + 1]).unwrap().1.trim_start();
        assert!(messages.iter().any(|pieces| is_made_by(text, pieces)), "nothing in the program says: {text}");
        said += 1;
    }
    assert!(said >= 10, "{log:?}");
    let failures = lines(&std::fs::read_to_string(stored("failures.svg")).unwrap()).join("\n");
    assert!(ALERTS.iter().any(|said| failures.contains(said)), "{failures}");
}

fn record() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = demo(home.path(), CAST_ROWS);
    // Seconds, and what is pressed then. What happens when is in the demo's own script.
    let steps: [(u64, &str); 19] = [
        (9, "2"),
        (4, "j"),
        (1, "j"),
        (2, "\r"),
        (5, "8"),
        (5, "6"),
        (6, "1"),
        (8, "5"),
        (3, "\r"),
        (4, "\x1b"),
        (1, "3"),
        (5, "+"),
        (3, "1"),
        (9, "7"),
        (7, "?"),
        (4, "\x1b"),
        (1, ":"),
        (3, "\x1b"),
        (1, "1"),
    ];
    for (wait, keys) in steps {
        std::thread::sleep(Duration::from_secs(wait));
        pty.type_in(keys);
    }
    std::thread::sleep(Duration::from_secs(6));
    let written = pty.written();
    pty.type_in("qy");
    pty.ended();
    let cast = Cast::new(COLUMNS, CAST_ROWS, "barkeep demo", &written);
    std::fs::write(stored(CAST), cast.text()).unwrap();
}

#[test]
fn the_recording_is_of_the_demo_and_can_be_played() {
    if is_update() {
        record();
    }
    let text = std::fs::read_to_string(stored(CAST)).unwrap();
    assert!(text.len() < 1_500_000, "{} bytes", text.len());
    let cast = Cast::parse(&text);
    assert_eq!((&cast.header["width"], &cast.header["height"]), (&120.into(), &CAST_ROWS.into()));
    let length = cast.events.last().unwrap().0;
    assert!((60.0..95.0).contains(&length), "{length} s");
    let screens = cast.screens();
    for (at, wanted) in [("at the end", "DEMO simulated vendor"), ("at the end", "Freshness")] {
        assert!(screens.last().unwrap().contains(wanted), "{wanted} {at}:\n{}", screens.last().unwrap());
    }
    for wanted in ["demo: the vendor answers 503", "demo: the vendor publishes no new bars", "Log level", "Rate limit"]
    {
        assert!(screens.iter().any(|screen| screen.contains(wanted)), "never seen: {wanted}");
    }
}
