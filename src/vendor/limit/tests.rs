//! The window, measured: never more than N starts in any trailing minute, and nearly all of N while work waits.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::dispatch::Attempt;
use barkeep_market::Ts;

/// A journal in memory that outlives limiters, as the database does.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<i64>>);

#[async_trait]
impl Journal for Memory {
    async fn take(&self, limit: u32, window_ms: i64, now: Ts) -> Result<Option<Ts>, Fault> {
        let mut starts = self.0.lock().unwrap();
        // Starts in the future mean that the clock was set back; they count as now.
        starts.iter_mut().for_each(|t| *t = (*t).min(now.ms()));
        starts.retain(|t| *t > now.ms() - window_ms);
        if starts.len() < limit as usize {
            starts.push(now.ms());
            return Ok(None);
        }
        Ok(Some(Ts(starts[starts.len() - limit as usize] + window_ms)))
    }

    async fn record(&self, _: &Attempt) {}
}

/// Wall time that runs with tokio's clock, plus steps.
#[derive(Debug)]
struct Wall {
    zero: Instant,
    step: std::sync::atomic::AtomicI64,
}

impl Wall {
    fn new() -> Self {
        Self { zero: Instant::now(), step: std::sync::atomic::AtomicI64::new(1_700_000_000_000) }
    }

    fn jump(&self, ms: i64) {
        self.step.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn now(&self) -> Ts {
        Ts(self.zero.elapsed().as_millis() as i64 + self.step.load(Ordering::SeqCst))
    }
}

fn paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

fn most_in_any(window: Duration, starts: &[Instant]) -> usize {
    let mut starts = starts.to_vec();
    starts.sort_unstable();
    (0..starts.len()).map(|i| starts[i..].iter().take_while(|s| **s - starts[i] < window).count()).max().unwrap_or(0)
}

const MINUTE: Duration = Duration::from_mins(1);

/// Lives of a process: how long each runs, and the pauses of its tasks between requests, in milliseconds.
type Life = (u64, Vec<Vec<u64>>);

async fn live(limit: u32, lives: Vec<Life>, jumps: Vec<(u64, i64)>) -> Vec<Instant> {
    let (journal, wall) = (Arc::new(Memory::default()), Arc::new(Wall::new()));
    let starts = Arc::new(Mutex::new(Vec::new()));
    let jumper = tokio::spawn({
        let wall = Arc::clone(&wall);
        async move {
            for (after, ms) in jumps {
                tokio::time::sleep(Duration::from_millis(after)).await;
                wall.jump(ms);
            }
        }
    });
    for (length, tasks) in lives {
        let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(limit)));
        let kill = CancellationToken::new();
        let running: Vec<_> = tasks
            .into_iter()
            .map(|pauses| {
                let (limiter, journal, wall) = (Arc::clone(&limiter), Arc::clone(&journal), Arc::clone(&wall));
                let (starts, kill) = (Arc::clone(&starts), kill.clone());
                tokio::spawn(async move {
                    for ms in pauses {
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                        if limiter.acquire(&*journal, &*wall, &kill).await.is_err() {
                            return;
                        }
                        starts.lock().unwrap().push(Instant::now());
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(length)).await;
        kill.cancel();
        for task in running {
            task.await.unwrap();
        }
    }
    jumper.abort();
    let starts = starts.lock().unwrap();
    starts.clone()
}

fn schedules() -> impl Strategy<Value = Vec<Life>> {
    let pauses = prop::collection::vec(prop_oneof![3 => 0..50_u64, 1 => 0..90_000_u64], 0..12);
    prop::collection::vec((0..200_000_u64, prop::collection::vec(pauses, 1..5)), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn never_over_the_limit_whatever_the_schedule_and_the_restarts(limit in 1..8_u32, lives in schedules()) {
        paused(async move {
            let starts = live(limit, lives, Vec::new()).await;
            assert!(most_in_any(MINUTE, &starts) <= limit as usize, "{starts:?}");
        });
    }

    #[test]
    fn never_over_the_limit_while_the_wall_clock_jumps(
        limit in 1..6_u32,
        jumps in prop::collection::vec((0..60_000_u64, -90_000_000..90_000_000_i64), 0..6),
    ) {
        paused(async move {
            let starts = live(limit, vec![(600_000, vec![vec![0; 40]; 3])], jumps).await;
            assert!(most_in_any(MINUTE, &starts) <= limit as usize, "{starts:?}");
            // Ten minutes of work: jumps may cost at most a window each, they never stop it.
            assert!(starts.len() >= limit as usize * 3, "{} starts", starts.len());
        });
    }
}

#[test]
fn nearly_the_whole_limit_is_used_while_work_waits() {
    for limit in [1, 5, 100] {
        paused(async move {
            let hour = (3_600_000, vec![vec![0; 10_000]; 4]);
            let starts = live(limit, vec![hour], Vec::new()).await;
            let (used, allowed) = (starts.len(), limit as usize * 60);
            assert!(used * 100 >= allowed * 98, "{used} of {allowed}");
            assert!(most_in_any(MINUTE, &starts) <= limit as usize);
        });
    }
}

#[test]
fn a_restart_does_not_forget_the_window() {
    paused(async {
        let lives = vec![(1_000, vec![vec![0; 9]]), (30_000, vec![vec![0; 9]])];
        assert_eq!(live(5, lives, Vec::new()).await.len(), 5);
    });
}

#[test]
fn unlimited_stays_under_a_hundred_a_second_and_leaves_the_journal_alone() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::Unlimited), Memory::default(), Wall::new());
        let mut starts = Vec::new();
        for _ in 0..1_000 {
            limiter.acquire(&journal, &wall, &CancellationToken::new()).await.unwrap();
            starts.push(Instant::now());
        }
        assert_eq!(most_in_any(Duration::from_secs(1), &starts), 95);
        assert!(journal.0.lock().unwrap().is_empty());
        assert_eq!(limiter.snapshot().limit, None);
    });
}

#[test]
fn first_come_first_served() {
    paused(async {
        let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(1)));
        let order = Arc::new(Mutex::new(Vec::new()));
        let (journal, wall) = (Arc::new(Memory::default()), Arc::new(Wall::new()));
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
                let (journal, wall) = (Arc::clone(&journal), Arc::clone(&wall));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(n)).await;
                    limiter.acquire(&*journal, &*wall, &CancellationToken::new()).await.unwrap();
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(limiter.snapshot().waiting, 5);
        // The five in the queue take a window each, a sixth would wait for six less the second gone.
        let expected = limiter.expected_wait();
        assert!(expected + Duration::from_secs(2) > WINDOW * 6, "{expected:?}");
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_429_freezes_the_account_halves_the_rate_and_both_recover() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::PerMinute(8)), Memory::default(), Wall::new());
        let cancel = CancellationToken::new();
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        limiter.on_rate_limited(Some(Duration::from_secs(7)), None);
        // Those that were under way together count once.
        limiter.on_rate_limited(None, None);
        let snapshot = limiter.snapshot();
        assert_eq!((snapshot.effective, snapshot.used), (4, 1));
        assert_eq!(snapshot.frozen_for, Some(WINDOW));
        let before = Instant::now();
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        assert!(before.elapsed() >= WINDOW);

        limiter.on_rate_limited(Some(Duration::from_secs(7)), None);
        let before = Instant::now();
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        assert_eq!(before.elapsed().as_secs(), 7);
        for _ in 0..10 {
            tokio::time::sleep(MINUTE * 2).await;
            limiter.on_rate_limited(None, None);
        }
        assert_eq!(limiter.snapshot().effective, 1);
        // Idle: 36 answers to one request a window say nothing about a higher rate than two.
        for _ in 0..36 {
            tokio::time::sleep(MINUTE * 2).await;
            limiter.acquire(&journal, &wall, &cancel).await.unwrap();
            limiter.on_success();
        }
        assert_eq!(limiter.snapshot().effective, 2 + 1, "one of three is less than half");
        // Busy: one more start for each window's worth of answers.
        let mut answers = 0;
        while limiter.snapshot().effective < 8 {
            limiter.acquire(&journal, &wall, &cancel).await.unwrap();
            limiter.on_success();
            answers += 1;
            assert!(answers <= 3 + 4 + 5 + 6 + 7 + 8 + 20, "it never grows back");
        }
        assert!(answers >= 3 + 4 + 5 + 6 + 7, "{answers}");
    });
}

#[test]
fn a_cancel_ends_the_wait_and_costs_no_token() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::PerMinute(1)), Memory::default(), Wall::new());
        let cancel = CancellationToken::new();
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        let later = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            cancel.cancel();
        };
        let (ended, ()) = tokio::join!(limiter.acquire(&journal, &wall, &cancel), later);
        assert_eq!(ended.unwrap_err().class, crate::Class::Cancelled);
        assert_eq!(limiter.snapshot().waiting, 0);
        assert_eq!(journal.0.lock().unwrap().len(), 1);
    });
}

#[test]
fn starts_of_another_process_show_in_the_snapshot() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::PerMinute(1)), Memory::default(), Wall::new());
        journal.take(1, 60_500, wall.now()).await.unwrap();
        let cancel = CancellationToken::new();
        let look = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let seen = limiter.snapshot().next_free_in;
            cancel.cancel();
            seen
        };
        let (_, seen) = tokio::join!(limiter.acquire(&journal, &wall, &cancel), look);
        assert!(seen > Duration::from_secs(59), "{seen:?}");
    });
}

/// Rate after a quarter of an hour of one request each 10 s with an unlimited key that was refused once.
#[test]
fn an_idle_unlimited_key_does_not_grow_back_and_a_busy_one_does_to_under_a_hundred_a_second() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::Unlimited), Memory::default(), Wall::new());
        let cancel = CancellationToken::new();
        limiter.on_rate_limited(None, None);
        let halved = limiter.snapshot().effective;
        assert_eq!(halved, 95 / 2);
        for _ in 0..90 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            limiter.acquire(&journal, &wall, &cancel).await.unwrap();
            limiter.on_success();
        }
        assert_eq!(limiter.snapshot().effective, halved);
        let mut starts = Vec::new();
        for _ in 0..9_000 {
            limiter.acquire(&journal, &wall, &cancel).await.unwrap();
            starts.push(Instant::now());
            limiter.on_success();
        }
        assert_eq!(limiter.snapshot().effective, 95);
        assert!(most_in_any(Duration::from_secs(1), &starts[8_000..]) < 100);
        assert_eq!(limiter.snapshot().foreign_per_minute, None, "an unlimited key has no limit to share");
    });
}

#[test]
fn another_client_of_the_key_is_noticed_and_forgotten() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::PerMinute(5)), Memory::default(), Wall::new());
        let cancel = CancellationToken::new();
        let refused = |n: Option<u32>| limiter.on_rate_limited(None, n);
        // Two of five starts are ours and the second is refused: others made at least four.
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        limiter.on_success();
        limiter.acquire(&journal, &wall, &cancel).await.unwrap();
        refused(None);
        assert_eq!(limiter.snapshot().foreign_per_minute, Some(4));
        // As many starts as the vendor allows get through again: nobody else can be there.
        for _ in 0..60 {
            limiter.acquire(&journal, &wall, &cancel).await.unwrap();
            limiter.on_success();
        }
        assert_eq!(limiter.snapshot().effective, 5);
        assert_eq!(limiter.snapshot().foreign_per_minute, None);
    });
}

#[test]
fn a_second_process_of_ours_is_no_foreigner() {
    paused(async {
        let (limiter, journal, wall) = (Limiter::new(RateLimit::PerMinute(5)), Memory::default(), Wall::new());
        limiter.acquire(&journal, &wall, &CancellationToken::new()).await.unwrap();
        // The journal knows of four more, so the window is full with ours; the vendor's counts a little differently.
        limiter.on_rate_limited(None, Some(5));
        assert_eq!(limiter.snapshot().foreign_per_minute, None);
        assert_eq!(limiter.snapshot().effective, 2);
    });
}

#[test]
fn another_rate_is_in_force_for_whoever_waits_already() {
    paused(async {
        let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(1)));
        let (journal, wall) = (Arc::new(Memory::default()), Arc::new(Wall::new()));
        let acquire = || {
            let (limiter, journal, wall) = (Arc::clone(&limiter), Arc::clone(&journal), Arc::clone(&wall));
            async move { limiter.acquire(journal.as_ref(), wall.as_ref(), &CancellationToken::new()).await }
        };
        acquire().await.unwrap();
        let began = Instant::now();
        let waiting = tokio::spawn(acquire());
        tokio::time::sleep(Duration::from_secs(1)).await;
        limiter.set_rate(RateLimit::PerMinute(3));
        waiting.await.unwrap().unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(1), "it does not wait for the window of the rate before");
        assert_eq!((limiter.snapshot().limit, limiter.snapshot().effective, limiter.snapshot().used), (Some(3), 3, 2));
        // Narrower again: the starts made meanwhile count.
        limiter.set_rate(RateLimit::PerMinute(1));
        acquire().await.unwrap();
        assert!(began.elapsed() >= MINUTE, "{:?}", began.elapsed());
    });
}
