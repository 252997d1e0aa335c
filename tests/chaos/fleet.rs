//! Three services on one PostgreSQL, as on three machines whose clocks differ: they share one limit of the vendor while
//! some are killed and some stand still.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barkeep::sim::SimConfig;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use crate::support::api::Served;
use crate::support::bench::{Bars, Bench, Database, configure};
use crate::support::faketime::wrong_by;
use crate::support::postgres::{self, Cluster};
use crate::world::{Tally, dice, report, same, setting};

/// What the vendor allows in any minute.
const LIMIT: usize = 60;
/// The large order, and the one that is placed just before the first fault.
const NAMES: [&str; 20] = [
    "AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "NFLX", "AVGO", "JPM", "V", "WMT", "JNJ", "SPY", "QQQ",
    "IBM", "GE", "KO", "PEP", "BA",
];
const LATE: &str = "XOM";
const TIMEFRAMES: [&str; 2] = ["1h", "1d"];
const FROM: &str = "2024-01-02";
const TO: &str = "2024-03-28";
/// Two families of each name, each in one page.
const REQUESTS: usize = NAMES.len() * 2 + 2;
/// Requests that a service has under way at once, each until its page is stored.
const ABREAST: usize = 2;
/// What a service may still ask after it was woken, before it hears that its work is another's.
const AFTER_WAKING: usize = 2 * ABREAST;
/// Seconds by which clocks are wrong.
const WRONG: [i64; 3] = [-45, 0, 45];
const SETTINGS: &str = "backfill:\n  concurrency: 2\n  history: 10d\nfeatures:\n  enabled: false\n";
/// The schedule of all services needs some 220 requests more, which at the limit are four minutes, and an order may be the last.
const PATIENCE: Duration = Duration::from_mins(7);

/// What became of one round.
#[derive(Debug, Default)]
struct Round {
    tally: Tally,
    kills: usize,
    stops: usize,
    orders: usize,
    /// Requests of the orders that were made a second time.
    again: usize,
    busiest: usize,
    refused: usize,
    took: Duration,
}

/// A service on a machine of its own: started at another time than the others, with a clock that is wrong.
struct Machine {
    served: Served,
    is_killed: bool,
}

impl Machine {
    async fn start(bench: &Bench, wrong: i64) -> Self {
        let boot: PathBuf = bench.dir.path().join(uuid::Uuid::new_v4().to_string());
        std::fs::write(&boot, format!("{}\n", uuid::Uuid::new_v4())).unwrap();
        let service = bench.command(&["run", "--headless"]);
        let inner = service.as_std();
        let mut outer = Command::new("unshare");
        outer.args(["--mount", "sh", "-c", "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\""]);
        outer.arg(&boot).arg(inner.get_program()).args(inner.get_args()).env_clear();
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        outer.env("BARKEEP_RATE_LIMIT", LIMIT.to_string()).current_dir(inner.get_current_dir().unwrap());
        wrong_by(&mut outer, &format!("{wrong:+}s"));
        Self { served: Served::by(outer).await, is_killed: false }
    }

    fn signal(&self, name: &str) {
        let pid = self.served.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

/// The machine whose service works.
async fn leader(machines: &[Machine]) -> usize {
    let begun = Instant::now();
    loop {
        for (k, machine) in machines.iter().enumerate() {
            if machine.served.json("/ready").await["engine"] != "standby" {
                return k;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "no service works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn order(served: &Served, symbols: &[&str]) -> Option<String> {
    let body = json!({"symbols": symbols, "timeframes": TIMEFRAMES, "from": FROM, "to": TO});
    let answer = served.post("/api/v1/backfill", &body).await;
    (answer.status == 202).then(|| answer.json()["job_id"].as_str().unwrap().to_owned())
}

/// The requests of the orders, as the vendor saw them.
fn asked(bench: &Bench) -> Vec<String> {
    let targets = bench.sim.log().into_iter().map(|request| request.target);
    targets.filter(|target| target.contains("/aggs/") && target.contains("2024-0")).collect()
}

/// How an order ended; `None` while it has not.
async fn ended(db: &mut PgConnection, id: &str) -> Option<String> {
    let sql = "SELECT status FROM scheduler_execution_log WHERE execution_id = $1::uuid AND status NOT IN \
               ('queued', 'running', 'interrupted')";
    sqlx::query_scalar(sql).bind(id).fetch_optional(db).await.unwrap()
}

async fn round(cluster: &'static Cluster, mut dice: fastrand::Rng) -> Round {
    let begun = Instant::now();
    let name = cluster.create_database().await;
    let config =
        SimConfig { rate_limit: Some(LIMIT as u32), latency: Duration::from_millis(300), ..SimConfig::default() };
    let bench = Bench::on(config, Database::Postgres(cluster.url(&name))).await;
    configure(&bench, SETTINGS);
    let mut machines = Vec::new();
    for wrong in WRONG {
        machines.push(Machine::start(&bench, wrong).await);
    }
    let mut done = Round::default();
    let works = leader(&machines).await;
    let mut orders = vec![order(&machines[works].served, &NAMES).await.expect("the order is taken")];
    let (first, enough) = (dice.usize(1..REQUESTS - 4), Instant::now() + Duration::from_mins(1));
    while asked(&bench).len() < first && Instant::now() < enough {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    orders.extend(order(&machines[works].served, &[LATE]).await);

    let mut woken = Vec::new();
    for k in 0..2 {
        if k > 0 {
            tokio::time::sleep(Duration::from_millis(dice.u64(..25_000))).await;
        }
        let who = if k == 0 && dice.u8(..3) > 0 { works } else { dice.usize(..machines.len()) };
        if machines[who].is_killed || woken.iter().any(|(stopped, _, _)| *stopped == who) {
            continue;
        }
        if dice.bool() {
            machines[who].signal("-KILL");
            machines[who].is_killed = true;
            done.kills += 1;
        } else {
            machines[who].signal("-STOP");
            woken.push((who, Instant::now(), Duration::from_millis(dice.u64(2_000..45_000))));
            done.stops += 1;
        }
    }
    for (who, stopped, length) in woken {
        tokio::time::sleep(length.saturating_sub(stopped.elapsed())).await;
        machines[who].signal("-CONT");
    }

    let mut db = PgConnection::connect(&bench.database.url()).await.unwrap();
    let patience = Instant::now() + PATIENCE;
    for id in &orders {
        let status = loop {
            match ended(&mut db, id).await {
                None if Instant::now() < patience => tokio::time::sleep(Duration::from_millis(200)).await,
                status => break status,
            }
        };
        if status.as_deref() != Some("completed") {
            eprintln!("the order {id} of {name} is {status:?}");
            done.tally.unended += 1;
        }
    }
    done.orders = orders.len();
    judge(&bench, &mut db, orders.len() > 1, &mut done).await;
    db.close().await.unwrap();
    for machine in machines.into_iter().filter(|machine| !machine.is_killed) {
        let code = machine.served.stop().await;
        if code != 0 {
            eprintln!("a service of {name} ended with {code}");
            done.tally.unended += 1;
        }
    }
    cluster.drop_database(&name).await;
    done.took = begun.elapsed();
    done
}

async fn judge(bench: &Bench, db: &mut PgConnection, with_late: bool, done: &mut Round) {
    let stored = bench.stored().await;
    let last = truth().await.keys().map(|(_, _, at)| *at).max().unwrap();
    let wanted = |symbol: &str| with_late || symbol != LATE;
    for (key, want) in truth().await.iter().filter(|((symbol, ..), _)| wanted(symbol)) {
        match stored.get(key) {
            None => done.tally.lost += 1,
            Some(got) if !same(got, want) => done.tally.wrong += 1,
            Some(_) => {}
        }
    }
    // The schedule brings newer ones.
    let old = |key: &&(String, String, i64)| key.2 <= last && TIMEFRAMES.contains(&key.1.as_str());
    for key in stored.keys().filter(old) {
        done.tally.wrong += usize::from(!truth().await.contains_key(key));
    }
    let asked = asked(bench);
    let distinct: BTreeSet<&String> = asked.iter().collect();
    done.again = asked.len() - distinct.len();
    let under_way = ABREAST * (done.kills + done.stops) + AFTER_WAKING * done.stops;
    done.tally.doubled += done.again.saturating_sub(under_way);
    let revised = "SELECT count(*) FROM bar_revisions WHERE ts < '2024-04-01'";
    let revised: i64 = sqlx::query_scalar(revised).fetch_one(db).await.unwrap();
    done.tally.doubled += revised as usize;
    done.busiest = bench.sim.busiest_minute();
    done.refused = bench.sim.log().iter().filter(|request| request.status == 429).count();
}

/// What the vendor has of what is ordered.
async fn truth() -> &'static Bars {
    static TRUTH: OnceCell<Bars> = OnceCell::const_new();
    TRUTH
        .get_or_init(|| async {
            let bench = Bench::sqlite(SimConfig::default()).await;
            let mut all = Bars::new();
            for symbol in NAMES.into_iter().chain([LATE]) {
                for timeframe in TIMEFRAMES {
                    let bars = bench.vendor_bars(symbol, timeframe, FROM, TO).await;
                    assert!(!bars.is_empty(), "the vendor lacks {symbol}; nothing would be compared");
                    all.extend(bars.into_iter().map(|(at, bar)| ((symbol.to_owned(), timeframe.to_owned(), at), bar)));
                }
            }
            all
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "part of `just chaos`: needs root and faketime; BARKEEP_CHAOS_FLEETS rounds of a minute or two"]
async fn fleets() {
    let (wanted, abreast) = (setting("FLEETS", 3), setting("FLEETS_ABREAST", 3));
    let mut dice = dice("fleets");
    let cluster = postgres::shared();
    truth().await;
    let places = Arc::new(Semaphore::new(abreast as usize));
    let mut rounds = JoinSet::new();
    for _ in 0..wanted {
        let (places, own) = (Arc::clone(&places), dice.fork());
        rounds.spawn(async move {
            let _place = places.acquire().await.unwrap();
            round(cluster, own).await
        });
    }
    let (mut all, mut longest) = (Round::default(), Duration::ZERO);
    while let Some(done) = rounds.join_next().await {
        let Ok(done) = done else {
            all.tally.unended += 1;
            continue;
        };
        eprintln!("{done:?}");
        all.tally += done.tally;
        all.kills += done.kills;
        all.stops += done.stops;
        all.orders += done.orders;
        all.again += done.again;
        all.refused += done.refused;
        all.busiest = all.busiest.max(done.busiest);
        longest = longest.max(done.took);
    }
    let Round { kills, stops, orders, again, busiest, refused, .. } = all;
    let line = format!(
        "fleets: {wanted} rounds of three services, {orders} orders, {kills} kills, {stops} stops, {again} requests made \
         again, busiest minute {busiest} of {LIMIT}, {refused} refused, longest round {:.0} s",
        longest.as_secs_f64()
    );
    report(&line, all.tally);
    assert!(busiest <= LIMIT && refused == 0, "{line}");
}
