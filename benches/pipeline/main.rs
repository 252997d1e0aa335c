//! The pipeline against the figures it must reach: `cargo bench --bench pipeline`, or with `-- postgres`, `sqlite`,
//! `features`, `memory`, `modes` for some of it; `-- writers` compares numbers of connections that write, and is left out
//! unless it is named; `-- once` leaves the yardsticks out and repeats nothing, for a profiler.
//!
//! Every yardstick is measured in the same run, in turn with what it measures, so that a slow machine slows both. What
//! shares the machine's processors is named in the output: this process (the engine), the simulated vendor (a process of
//! its own that serves answers computed before), and the PostgreSQL server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the environment of a benchmark is its own")]

mod busy;
mod load;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../shared/proc.rs"]
mod proc;
mod sqlite;
mod vendor;
mod yardstick;

use std::time::Duration;

use barkeep::config::{Config, Mode, postgres_programs};
use barkeep::market::Ts;

use busy::Busy;
use vendor::Vendor;

/// The instant every run is made at: a Saturday, so that no bar is still growing.
const NOW: &str = "2026-01-17T12:00:00Z";
const ROUNDS: usize = 3;
/// Connections that write, as `-- writers` compares them; the first is the yardstick.
const WRITERS: [u32; 3] = [1, 2, 4];

fn now() -> Ts {
    Ts::from(chrono::DateTime::parse_from_rfc3339(NOW).unwrap().to_utc())
}

/// The PostgreSQL server; `None`, said plainly, where there is none.
fn server() -> Option<&'static postgres::Cluster> {
    if std::env::var_os("BARKEEP_TEST_POSTGRES_URL").is_some() || postgres_programs().is_some() {
        return Some(postgres::shared());
    }
    println!("LEFT OUT: needs PostgreSQL (apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL)");
    None
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

fn seconds(d: Duration) -> f64 {
    d.as_secs_f64()
}

fn show(what: &str, run: &load::Run, busy: Busy) {
    let rows = run.bars + run.feature_rows;
    println!(
        "  {what:<22} {:>6.2} s, {} bars + {} feature rows, {:>7.0} bars/s, {:>7.0} rows/s, {} requests; {busy}",
        seconds(run.wall),
        run.bars,
        run.feature_rows,
        run.bars as f64 / seconds(run.wall),
        rows as f64 / seconds(run.wall),
        run.requests
    );
    let phases: Vec<String> = run.phases.iter().map(|(phase, s)| format!("{phase} {s:.2}")).collect();
    println!("  {:<22} seconds over all jobs: {}", "", phases.join(", "));
}

/// One run, shown, and what processor time it took.
async fn measured(what: &str, vendor: &Vendor, database: &str, features: bool, mode: Mode) -> (load::Run, Busy) {
    measured_with(what, vendor, database, load::settings(&vendor.url, features), mode).await
}

async fn measured_with(what: &str, vendor: &Vendor, database: &str, settings: Config, mode: Mode) -> (load::Run, Busy) {
    let server = busy::server(database).await;
    let before = Busy::so_far(vendor, server);
    let run = load::run(settings, database, now(), mode).await;
    let busy = Busy::so_far(vendor, server).since(before);
    show(what, &run, busy);
    (run, busy)
}

struct Bench {
    dir: tempfile::TempDir,
    vendor: Vendor,
    once: bool,
}

impl Bench {
    fn rounds(&self) -> usize {
        if self.once { 1 } else { ROUNDS }
    }

    fn sqlite_url(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        drop(std::fs::remove_file(&path));
        format!("sqlite:{}", path.display())
    }

    /// Rows into PostgreSQL, features left out, against COPY of the same rows into the same table.
    async fn postgres(&self) {
        let Some(cluster) = server() else { return };
        let (mut ours, mut copy, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds() {
            let name = cluster.create_database().await;
            let (run, busy) =
                measured("pipeline, PostgreSQL", &self.vendor, &cluster.url(&name), false, Mode::Pipeline).await;
            ours.push(run.bars as f64 / seconds(run.wall));
            if !self.once {
                let plain = yardstick::copy(&cluster.url(&name), run.bars).await;
                println!("  {:<22} {:>6.2} s", "plain COPY", seconds(plain));
                copy.push(run.bars as f64 / seconds(plain));
                bounds.push(seconds(plain) / busy.shortest());
            }
            cluster.drop_database(&name).await;
        }
        let (ours, copy) = (median(ours), median(copy));
        if !self.once {
            println!(
                "postgres   {ours:.0} bars/s, plain COPY of the same rows {copy:.0}: {:.0} % (reach: >= 95) {}; the processor \
                 time of a run allows {:.0} %",
                ours / copy * 100.0,
                verdict(ours >= 0.95 * copy),
                median(bounds) * 100.0
            );
        }
    }

    /// Several connections that write against one, in turn, without features and with them.
    async fn writers(&self) {
        let Some(cluster) = server() else { return };
        for features in [false, true] {
            let mut rates: Vec<Vec<f64>> = vec![Vec::new(); WRITERS.len()];
            for _ in 0..self.rounds() {
                for (rates, writers) in rates.iter_mut().zip(WRITERS) {
                    let name = cluster.create_database().await;
                    let settings = load::with_writers(load::settings(&self.vendor.url, features), writers);
                    let what = format!("{writers} to write");
                    let (run, _) =
                        measured_with(&what, &self.vendor, &cluster.url(&name), settings, Mode::Pipeline).await;
                    rates.push((run.bars + run.feature_rows) as f64 / seconds(run.wall));
                    cluster.drop_database(&name).await;
                }
            }
            let rates: Vec<f64> = rates.into_iter().map(median).collect();
            let rows = if features { "bars and features" } else { "bars" };
            let one = rates.first().copied().unwrap_or_default();
            for (rate, writers) in rates.iter().zip(WRITERS) {
                println!(
                    "writers    {rows}: {writers} connections that write, {rate:.0} rows/s, {:.2} of one",
                    rate / one
                );
            }
        }
    }

    /// Rows into SQLite, features left out, against a prepared insert loop in one transaction.
    async fn sqlite(&self) {
        let (mut ours, mut plain, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds() {
            let url = self.sqlite_url("pipeline.db");
            let (run, busy) = measured("pipeline, SQLite", &self.vendor, &url, false, Mode::Pipeline).await;
            ours.push(run.bars as f64 / seconds(run.wall));
            if !self.once {
                let empty = self.sqlite_url("yardstick.db");
                let took = sqlite::insert_loop(&sqlite::BARS, &url, &empty, run.bars).await;
                println!("  {:<22} {:>6.2} s", "prepared insert loop", seconds(took));
                plain.push(run.bars as f64 / seconds(took));
                bounds.push(seconds(took) / busy.shortest());
            }
        }
        let (ours, plain) = (median(ours), median(plain));
        if !self.once {
            println!(
                "sqlite     {ours:.0} bars/s, prepared insert loop of the same rows {plain:.0}: {:.0} % (reach: >= 90) {}; the \
                 processor time of a run allows {:.0} %",
                ours / plain * 100.0,
                verdict(ours >= 0.9 * plain),
                median(bounds) * 100.0
            );
        }
    }

    /// Bars with their features against the same bars without, in turn.
    async fn features(&self) {
        self.features_into("SQLite", async |n| self.sqlite_url(&format!("features-{n}.db"))).await;
        let Some(cluster) = server() else { return };
        self.features_into("PostgreSQL", async |_| cluster.url(&cluster.create_database().await)).await;
    }

    async fn features_into(&self, database: &str, fresh: impl AsyncFn(usize) -> String) {
        let (mut shares, mut bounds, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.rounds() {
            let mut rates = [0.0; 2];
            let mut without = 0.0;
            for (n, (rate, features)) in rates.iter_mut().zip([false, true]).enumerate() {
                let what = format!("{database}, {}", if features { "with features" } else { "without" });
                let url = fresh(n).await;
                let (run, busy) = measured(&what, &self.vendor, &url, features, Mode::Pipeline).await;
                if features {
                    allowed.push(without / busy.shortest());
                } else {
                    without = seconds(run.wall);
                }
                assert_eq!(run.feature_rows, if features { run.bars } else { 0 }, "each bar has its features");
                *rate = run.bars as f64 / seconds(run.wall);
                if features && database == "SQLite" && !self.once {
                    let mut plain = [0.0; 2];
                    for (took, table) in plain.iter_mut().zip([sqlite::BARS, sqlite::FEATURES]) {
                        let empty = self.sqlite_url("yardstick.db");
                        *took = seconds(sqlite::insert_loop(&table, &url, &empty, run.bars).await);
                    }
                    let [bars, rows] = plain;
                    bounds.push(bars / (bars + rows));
                    println!("  {:<22} {bars:>6.2} s for bars, {rows:.2} s for features", "prepared insert loop");
                }
                self.drop_database(&url).await;
            }
            let [without, with] = rates;
            let share = with / without;
            println!("  round {}: {with:.0} bars/s with features, {without:.0} without: {share:.2}", round + 1);
            shares.push(share);
        }
        let share = median(shares);
        println!(
            "features   into {database}: {share:.2} of the bars a second of the same run without (reach: >= 0.65) {}; the processor time \
             of a run with features allows {:.2}",
            verdict(share >= 0.65),
            median(allowed)
        );
        if !bounds.is_empty() {
            println!("features   the prepared insert loop alone: {:.2}", median(bounds));
        }
    }

    async fn drop_database(&self, url: &str) {
        match url.rsplit_once('/') {
            Some((_, name)) if url.starts_with("postgres") => {
                server().unwrap().drop_database(name.split('?').next().unwrap_or(name)).await;
            }
            _ => drop(std::fs::remove_file(url.trim_start_matches("sqlite:"))),
        }
    }

    /// The most memory `barkeep baseline` holds, as the system counts it.
    async fn memory(&self) {
        let url = self.sqlite_url("memory.db");
        let mut peaks = vec![("SQLite", self.peak(&url))];
        if let Some(cluster) = server() {
            let name = cluster.create_database().await;
            peaks.push(("PostgreSQL", self.peak(&cluster.url(&name))));
            cluster.drop_database(&name).await;
        }
        for (database, peak) in peaks {
            println!(
                "memory     baseline into {database}: peak {peak:.0} MiB (reach: < 100) {}",
                verdict(peak < 100.0)
            );
        }
    }

    fn peak(&self, url: &str) -> f64 {
        let output = vendor::barkeep(self.dir.path())
            .args(["baseline", "--json", "--vendor-url", &self.vendor.url, "--rate-limit", "unlimited"])
            .args(["--database-url", url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report.get("peak_memory_mib").and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)
    }
}

/// Sequential and pipeline side by side, with a vendor that takes 50 ms.
async fn modes(dir: &std::path::Path) {
    let vendor = Vendor::start(dir, NOW, "50ms");
    let url = |name: &str| format!("sqlite:{}", dir.join(name).display());
    measured("(warming the vendor)", &vendor, &url("warm.db"), true, Mode::Pipeline).await;
    for features in [false, true] {
        let suffix = if features { "features" } else { "bars" };
        let (one, _) = measured(
            &format!("sequential, {suffix}"),
            &vendor,
            &url(&format!("s-{suffix}.db")),
            features,
            Mode::Sequential,
        )
        .await;
        let (many, _) = measured(
            &format!("pipeline, {suffix}"),
            &vendor,
            &url(&format!("p-{suffix}.db")),
            features,
            Mode::Pipeline,
        )
        .await;
        let ratio = seconds(one.wall) / seconds(many.wall);
        println!(
            "modes      {suffix}: pipeline {ratio:.1} x sequential at 50 ms latency (reach: >= 10) {}",
            verdict(ratio >= 10.0)
        );
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let once = asked.iter().any(|a| a == "once");
    let wanted = |name: &str| asked.iter().all(|a| a == "once") || asked.iter().any(|a| a == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        println!(
            "pipeline   25 symbols x 5 timeframes x 365 days; {} processors are shared by the engine (this process), the \
             simulated vendor (a process that serves kept answers) and PostgreSQL",
            std::thread::available_parallelism().map_or(1, usize::from)
        );
        let some = ["postgres", "sqlite", "features", "memory"];
        let writers = asked.iter().any(|a| a == "writers");
        if writers || some.into_iter().any(wanted) {
            let vendor = Vendor::start(dir.path(), NOW, "0ms");
            let bench = Bench { dir, vendor, once };
            let warm = bench.sqlite_url("warm.db");
            measured("(warming the vendor)", &bench.vendor, &warm, false, Mode::Pipeline).await;
            if wanted("postgres") {
                bench.postgres().await;
            }
            if wanted("sqlite") {
                bench.sqlite().await;
            }
            if wanted("features") {
                bench.features().await;
            }
            if wanted("memory") {
                bench.memory().await;
            }
            if writers {
                bench.writers().await;
            }
        }
        if wanted("modes") {
            modes(tempfile::tempdir().unwrap().path()).await;
        }
    });
}
