//! A corpus of hostile answers: true pages of the vendor, each spoiled in one of many ways by a seeded generator, and
//! served until the run ends. Every second round of the ways meets an answer of several pages. Ways that nobody could see are
//! left out (a price that is a little wrong): every body here either says the same as before or can be found out.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::bench::quick_retries;
use crate::support::http;
use crate::world::{Tally, World, report, setting};

/// A run that takes longer hangs.
const LONGEST: Duration = Duration::from_mins(2);
const ASKED: [&str; 7] = ["AAPL", "--timeframes", "5m", "--from", "2024-02-05", "--to", "2024-02-16"];

/// Spoils a page; says how.
type Way = fn(&mut Rng, &mut Value) -> Option<Vec<u8>>;

fn rows(page: &mut Value) -> &mut Vec<Value> {
    page["results"].as_array_mut().unwrap()
}

fn row<'a>(rng: &mut Rng, page: &'a mut Value) -> &'a mut Value {
    let rows = rows(page);
    let n = rng.usize(..rows.len());
    &mut rows[n]
}

fn field(rng: &mut Rng) -> &'static str {
    ["o", "h", "l", "c", "v", "t"][rng.usize(..6)]
}

/// Text that no serializer of ours would write, in place of a number.
fn in_place_of_a_number(rng: &mut Rng, page: &mut Value, text: &str) -> Vec<u8> {
    let field = field(rng);
    row(rng, page)[field] = json!("@@");
    page.to_string().replacen("\"@@\"", text, 1).into_bytes()
}

/// The ways, by name.
const WAYS: [(&str, Way); 42] = [
    ("cut short", |rng, page| {
        let mut bytes = page.to_string().into_bytes();
        bytes.truncate(rng.usize(..bytes.len() - 1));
        Some(bytes)
    }),
    ("one structural byte another", |rng, page| {
        let mut bytes = page.to_string().into_bytes();
        let places: Vec<usize> =
            bytes.iter().enumerate().filter(|(_, b)| b"{}[]:,\"".contains(b)).map(|(at, _)| at).collect();
        bytes[places[rng.usize(..places.len())]] = b"{}[]:\"xX\0"[rng.usize(..9)];
        Some(bytes)
    }),
    ("null for a value", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = Value::Null;
        None
    }),
    ("true for a value", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = json!(true);
        None
    }),
    ("text for a value", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = json!(["", "NaN", "12,5", "one", "0x10", "\u{0}"][rng.usize(..6)]);
        None
    }),
    ("a list for a value", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = json!([1, 2]);
        None
    }),
    ("no value", |rng, page| {
        let field = field(rng);
        row(rng, page).as_object_mut().unwrap().remove(field);
        None
    }),
    ("NaN", |rng, page| Some(in_place_of_a_number(rng, page, "NaN"))),
    ("Infinity", |rng, page| Some(in_place_of_a_number(rng, page, "-Infinity"))),
    ("1e400", |rng, page| Some(in_place_of_a_number(rng, page, "1e400"))),
    ("a number of 100,000 digits", |rng, page| Some(in_place_of_a_number(rng, page, &"9".repeat(100_000)))),
    ("a number without an end", |rng, page| Some(in_place_of_a_number(rng, page, "1."))),
    ("negative", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = json!(-1.5);
        None
    }),
    ("enormous", |rng, page| {
        let field = field(rng);
        row(rng, page)[field] = json!([1e308, 9.3e18, 1e16][rng.usize(..3)]);
        None
    }),
    ("a price of 0", |rng, page| {
        let field = ["o", "h", "l", "c"][rng.usize(..4)];
        row(rng, page)[field] = json!(0);
        None
    }),
    ("all prices 0", |_, page| {
        for row in rows(page) {
            for field in ["o", "h", "l", "c", "vw"] {
                row[field] = json!(0);
            }
        }
        None
    }),
    ("a price 100 times too high", |rng, page| {
        let row = row(rng, page);
        row["h"] = json!(row["h"].as_f64().unwrap() * 100.0);
        row["c"] = row["h"].clone();
        None
    }),
    ("high below low", |rng, page| {
        let row = row(rng, page);
        let low = row["l"].as_f64().unwrap();
        row["h"] = json!(low * 0.9);
        None
    }),
    ("close above high", |rng, page| {
        let row = row(rng, page);
        row["c"] = json!(row["h"].as_f64().unwrap() * 1.01);
        None
    }),
    ("a time off the grid", |rng, page| {
        let off = rng.i64(1..299_999);
        let row = row(rng, page);
        row["t"] = json!(row["t"].as_i64().unwrap() + off);
        None
    }),
    ("all times shifted", |rng, page| {
        let by = [1_000, 60_000, 3_600_000, -3_600_000, 18_000_000, 86_400_000, -86_400_000][rng.usize(..7)];
        for row in rows(page) {
            row["t"] = json!(row["t"].as_i64().unwrap() + by);
        }
        None
    }),
    ("times in seconds or microseconds", |rng, page| {
        let micro = rng.bool();
        for row in rows(page) {
            let t = row["t"].as_i64().unwrap();
            row["t"] = json!(if micro { t * 1_000 } else { t / 1_000 });
        }
        None
    }),
    ("a time out of this world", |rng, page| {
        row(rng, page)["t"] = json!([i64::MIN, i64::MAX, -1, 0][rng.usize(..4)]);
        None
    }),
    ("a time with a fraction", |rng, page| {
        let row = row(rng, page);
        row["t"] = json!(row["t"].as_f64().unwrap() + 0.5);
        None
    }),
    ("backwards", |_, page| {
        rows(page).reverse();
        None
    }),
    ("a row twice", |rng, page| {
        let twice = row(rng, page).clone();
        rows(page).push(twice);
        None
    }),
    ("a row twice, differing", |rng, page| {
        let mut twice = row(rng, page).clone();
        twice["c"] = twice["l"].clone();
        twice["o"] = twice["h"].clone();
        rows(page).push(twice);
        None
    }),
    ("all rows twice", |_, page| {
        let again = rows(page).clone();
        rows(page).extend(again);
        None
    }),
    ("rows gone from the middle", |rng, page| {
        let rows = rows(page);
        let at = rng.usize(1..rows.len() / 2);
        rows.drain(at..at + rng.usize(1..rows.len() / 2));
        None
    }),
    ("rows gone from the end", |rng, page| {
        let rows = rows(page);
        rows.truncate(rng.usize(1..rows.len()));
        None
    }),
    ("no row, counts as before", |_, page| {
        rows(page).clear();
        None
    }),
    ("something else for a row", |rng, page| {
        *row(rng, page) = [json!(null), json!(1), json!("row"), json!([]), json!({})][rng.usize(..5)].clone();
        None
    }),
    ("something else for the rows", |rng, page| {
        page["results"] = [json!(null), json!(1), json!("rows"), json!({}), json!([[]])][rng.usize(..5)].clone();
        None
    }),
    ("other counts", |rng, page| {
        let count = ["resultsCount", "count"][rng.usize(..2)];
        page[count] = [json!(-1), json!(7), json!("many"), json!(1e300), json!([])][rng.usize(..5)].clone();
        page["queryCount"] = json!(u64::MAX);
        None
    }),
    ("another ticker", |rng, page| {
        page["ticker"] = [json!("MSFT"), json!(7), json!(["AAPL"]), json!("AAPL\u{1b}[2J")][rng.usize(..4)].clone();
        None
    }),
    ("another status", |rng, page| {
        page["status"] = [json!("ERROR"), json!("NOT_FOUND"), json!(500), json!("")][rng.usize(..4)].clone();
        None
    }),
    ("a next page that is none", |rng, page| {
        page["next_url"] = [
            json!(7),
            json!("::not a url::"),
            json!("http://192.0.2.1/v2/aggs"),
            json!("file:///etc/passwd"),
            json!("x".repeat(1 << 20)),
        ][rng.usize(..5)]
        .clone();
        None
    }),
    ("deep", |rng, page| {
        let depth = rng.usize(200..100_000);
        Some(in_place_of_a_number(rng, page, &format!("{}{}", "[".repeat(depth), "]".repeat(depth))))
    }),
    ("30 MB of blanks", |_, page| {
        let mut bytes = vec![b' '; 30 << 20];
        bytes.extend(page.to_string().into_bytes());
        Some(bytes)
    }),
    ("before or after it something else", |rng, page| {
        let text = page.to_string();
        Some(match rng.u8(..5) {
            0 => format!("\u{feff}{text}").into_bytes(),
            1 => format!("{text}{text}").into_bytes(),
            2 => format!("<html>{text}</html>").into_bytes(),
            3 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => [text.as_bytes(), b"\xff\xfe"].concat(),
        })
    }),
    ("a key twice", |rng, page| {
        let text = page.to_string();
        let keys: Vec<usize> = text.match_indices("{\"c\":").map(|(at, _)| at).collect();
        let at = keys.get(rng.usize(..keys.len().max(1))).copied().unwrap_or(0) + 1;
        Some(format!("{}\"c\":0.01,{}", &text[..at], &text[at..]).into_bytes())
    }),
    ("letters that are none", |_, page| {
        Some(page.to_string().into_bytes().iter().map(|b| if *b == b'"' { 0xff } else { *b }).collect())
    }),
];

/// Between the vendor and barkeep: passes everything on, and spoils the pages of bars while it is told to.
struct Between {
    vendor: SocketAddr,
    /// Which body of the corpus, while one is served.
    body: Mutex<Option<u64>>,
    served: Mutex<u64>,
}

async fn pass(State(between): State<Arc<Between>>, uri: Uri, headers: HeaderMap) -> Response {
    let key = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or("Bearer none").to_owned();
    let (status, mut body) = http::send(between.vendor, "GET", &uri.to_string(), &key["Bearer ".len()..], "").await;
    let number = *between.body.lock().unwrap();
    if let Some(number) = number.filter(|_| uri.path().starts_with("/v2/aggs/ticker/") && status == 200) {
        let mut page: Value = serde_json::from_slice(&body).unwrap();
        if page["results"].as_array().is_some_and(|rows| rows.len() > 10) {
            *between.served.lock().unwrap() += 1;
            body = spoiled(number, &mut page);
        }
    }
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    response.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap()
}

fn way(number: u64) -> (&'static str, Way) {
    WAYS[number as usize % WAYS.len()]
}

fn spoiled(number: u64, page: &mut Value) -> Vec<u8> {
    let mut rng = Rng::with_seed(number);
    way(number).1(&mut rng, page).unwrap_or_else(|| page.to_string().into_bytes())
}

/// Bars of the days asked for that are not stored.
async fn asked_for(world: &World) -> usize {
    world.lacking(&world.inside().await, "AAPL", "5m", 1_707_139_800_000, 1_708_117_200_000).len()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: a run for each of BARKEEP_CHAOS_BODIES bodies takes minutes"]
async fn hostile_bodies() {
    let bodies = setting("BODIES", WAYS.len() as u64);
    let first = setting("FIRST_BODY", 0);
    let (mut tally, mut longest, mut refused, mut settled) = (Tally::default(), (Duration::ZERO, ""), 0, 0);
    // The first is served as it is: what follows would show nothing if that failed.
    for number in std::iter::once(None).chain((first..first + bodies).map(Some)) {
        let name = number.map_or("true", |number| way(number).0);
        let in_several = number.is_some_and(|number| number as usize / WAYS.len() % 2 == 1);
        let world = if in_several { World::new(None, Duration::ZERO).await } else { World::with_large_pages().await };
        quick_retries(&world.bench);
        let between =
            Arc::new(Between { vendor: world.bench.sim.addr, body: Mutex::new(number), served: Mutex::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(pass).with_state(Arc::clone(&between));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let run = async || {
            let mut command = world.bench.command(&["backfill", "--json"]);
            command.args(ASKED).env("BARKEEP_VENDOR_URL", &url);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
            tokio::time::timeout(LONGEST, child.wait_with_output()).await.ok().map(Result::unwrap)
        };
        let begun = Instant::now();
        let output = run().await;
        if begun.elapsed() > longest.0 {
            longest = (begun.elapsed(), name);
        }
        let Some(number) = number else {
            let (output, lacking) = (output.unwrap(), asked_for(&world).await);
            assert_eq!((output.status.code(), lacking), (Some(0), 0), "{}", String::from_utf8_lossy(&output.stderr));
            server.abort();
            continue;
        };
        let code = output.as_ref().and_then(|output| output.status.code());
        let said = output.map(|o| String::from_utf8_lossy(&o.stderr).into_owned()).unwrap_or_default();
        // It ends by itself, and neither by a panic nor by a signal.
        if !matches!(code, Some(0 | 1)) || said.contains("panicked") {
            eprintln!("body {number} ({name}): ended with {code:?}: {said}");
            tally.unended += 1;
        }
        refused += u64::from(code == Some(1));
        assert!(*between.served.lock().unwrap() > 0, "body {number} was not served");
        let found = world.judge_unfinished().await;
        // Done means: every bar is there.
        let lacking = asked_for(&world).await;
        let pretends = code == Some(0) && lacking > 0;
        if found != Tally::default() || pretends {
            eprintln!("body {number} ({name}), exit {code:?}, {lacking} bars lacking: {found}: {said}");
        }
        tally += found;
        tally.falsely_complete += usize::from(pretends);
        // Once the vendor is well again, what was refused comes in.
        if number % 8 == 0 {
            *between.body.lock().unwrap() = None;
            let code = run().await.and_then(|output| output.status.code());
            let lacking = asked_for(&world).await;
            // What was put aside waits for its own second look, an hour later at the earliest.
            let aside = world.number("SELECT count(DISTINCT ts) FROM bar_quarantine").await;
            if !matches!(code, Some(0 | 1)) || lacking > aside {
                eprintln!("body {number} ({name}): {code:?}, {lacking} lacking and {aside} aside after a good answer");
                tally.lost += lacking.max(1);
            }
            settled += 1;
        }
        tally += world.judge_unfinished().await;
        server.abort();
        world.end().await;
    }
    let (time, name) = (longest.0.as_secs_f64(), longest.1);
    report(
        &format!(
            "hostile bodies: {bodies} in {} ways, {refused} runs ended with 1, {settled} asked again, longest run {time:.1} s \
             ({name})",
            WAYS.len()
        ),
        tally,
    );
}
