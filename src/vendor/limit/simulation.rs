//! Whole services against a vendor that counts for itself, on tokio's paused clock.
//!
//! A request arrives at the vendor at any time between its start and its answer: at once, or after a connection was made
//! that took seconds. Processes share one journal, are killed at any instant and started again, and the wall clock steps
//! both ways. Nothing the limiter knows is used for the vendor's count.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;

use super::stand::{Book, Machine, TIMEOUT, paused};
use super::*;
use crate::dispatch::Attempt;

/// What happens in a simulation, all of it drawn from one seed.
#[derive(Clone, Copy, Debug)]
struct World {
    limit: u32,
    seed: u64,
    /// Processes beside each other.
    processes: u64,
    minutes: u64,
    /// Whether processes are killed and the clock is set.
    rough: bool,
    /// Most requests take this long.
    latency: Duration,
}

struct Shared {
    world: World,
    book: Book,
    machine: Machine,
    /// When each request arrived at the vendor.
    arrivals: Mutex<Vec<Instant>>,
}

/// The journal, whose writes take their time: a process can die before, in and after each.
#[async_trait]
impl Journal for Shared {
    async fn take(&self, request: PlaceRequest) -> Result<Grant, Fault> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let grant = self.book.take(request).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        grant
    }

    async fn answered(&self, place: i64, now: Moment) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.book.answered(place, now).await;
    }

    async fn record(&self, _: &Attempt) {}
}

/// One worker of one process: asks for ever.
async fn work(shared: Arc<Shared>, limiter: Arc<Limiter>, mut random: fastrand::Rng) {
    let cancel = CancellationToken::new();
    let mut first = true;
    loop {
        if shared.world.rough && random.u8(..) < 20 {
            tokio::time::sleep(Duration::from_millis(random.u64(..90_000))).await;
        }
        let (rank, follows) = (Rank(random.u8(..4)), random.u32(..3));
        let permit = ranked(rank, follows, limiter.acquire(&*shared, &shared.machine, &cancel)).await.unwrap();
        let start = Instant::now();
        let slow = Duration::from_millis(match random.u8(..) {
            _ if first => 700 + random.u64(..4_000),
            0..8 => random.u64(..30_000),
            _ => 0,
        });
        let rough = if shared.world.rough || first { slow } else { Duration::ZERO };
        // The request ends with its time, answered or not.
        let answer = (start + shared.world.latency + rough).min(permit.deadline);
        first = false;
        let arrival = start + (answer - start).mul_f64(random.f64());
        // It is on its way, whatever becomes of the process.
        shared.arrivals.lock().unwrap().push(arrival);
        tokio::time::sleep_until(answer).await;
        limiter.answered(permit, &*shared, &shared.machine).await;
    }
}

/// One process after the other, each killed after a while.
async fn live(shared: Arc<Shared>, mut random: fastrand::Rng) {
    loop {
        let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(shared.world.limit), TIMEOUT));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            workers.spawn(work(Arc::clone(&shared), Arc::clone(&limiter), random.fork()));
        }
        if !shared.world.rough {
            return std::future::pending().await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..200_000))).await;
        drop(workers);
        tokio::time::sleep(Duration::from_millis(random.choice([0, 5, 3_000, 40_000]).unwrap())).await;
    }
}

async fn set_the_clock(shared: Arc<Shared>, mut random: fastrand::Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(..120_000))).await;
        let most = random.choice([500, 61_000, 90_000_000]).unwrap();
        shared.machine.step(random.i64(-most..=most));
    }
}

/// When requests arrived at the vendor, in order.
async fn simulate(world: World) -> Vec<Instant> {
    let (book, machine) = (Book::default(), Machine::new());
    let shared = Arc::new(Shared { world, book, machine, arrivals: Mutex::default() });
    let mut random = fastrand::Rng::with_seed(world.seed);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..world.processes {
        all.spawn(live(Arc::clone(&shared), random.fork()));
    }
    if world.rough {
        all.spawn(set_the_clock(Arc::clone(&shared), random.fork()));
    }
    tokio::time::sleep(Duration::from_mins(world.minutes)).await;
    drop(all);
    let mut arrivals = shared.arrivals.lock().unwrap().clone();
    arrivals.sort_unstable();
    arrivals
}

/// The vendor's own count: the most arrivals in any 60 s.
fn busiest_minute(arrivals: &[Instant]) -> usize {
    let within = |from: usize| arrivals.partition_point(|t| *t - arrivals[from] < WINDOW || *t < arrivals[from]) - from;
    (0..arrivals.len()).map(within).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_vendor_never_counts_more_than_the_limit(
        limit in 1..9_u32,
        processes in 1..4_u64,
        seed in any::<u64>(),
        latency in 0..3_000_u64,
    ) {
        let world = World {
            limit, seed, processes, minutes: 60, rough: true, latency: Duration::from_millis(latency)
        };
        paused(async move {
            let arrivals = simulate(world).await;
            let most = busiest_minute(&arrivals);
            assert!(most <= limit as usize, "{most} of {limit} in {world:?}");
            // Kills cost places that nobody answered for; they never stop the work.
            assert!(arrivals.len() > limit as usize * 10, "{} requests in an hour of {world:?}", arrivals.len());
        });
    }
}

#[test]
fn nearly_the_whole_limit_is_used_while_work_waits() {
    for (limit, millis, percent) in [(1, 200, 98), (5, 200, 98), (60, 200, 98), (5, 1_000, 95)] {
        for processes in [1, 3] {
            let latency = Duration::from_millis(millis);
            let world = World { limit, seed: 7, processes, minutes: 240, rough: false, latency };
            paused(async move {
                let arrivals = simulate(world).await;
                assert!(busiest_minute(&arrivals) <= limit as usize, "{world:?}");
                let (used, allowed) = (arrivals.len(), limit as usize * 240);
                assert!(used * 100 >= allowed * percent, "{used} of {allowed} in {world:?}");
            });
        }
    }
}
