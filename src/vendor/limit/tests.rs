//! The limiter, on tokio's paused clock; `simulation` has the vendor's own count.

use std::sync::Arc;

use async_trait::async_trait;

use super::stand::{Book, Machine, TIMEOUT, paused, stand};
use super::*;
use crate::dispatch::Attempt;

#[test]
fn a_place_is_taken_until_a_window_after_the_answer() {
    paused(async {
        let s = stand(RateLimit::PerMinute(2));
        let begin = Instant::now();
        let (first, second) = (s.acquire().await, s.acquire().await);
        tokio::time::sleep(Duration::from_secs(3)).await;
        s.answer(first).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        s.answer(second).await;
        assert_eq!((s.limiter.snapshot().used, s.limiter.snapshot().next_free_in.as_secs()), (2, 56));
        let _third = s.acquire().await;
        assert_eq!(begin.elapsed().as_secs(), 63, "60 s after the first answer, not after its start");
        let _fourth = s.acquire().await;
        assert_eq!(begin.elapsed().as_secs(), 67);
        // These two are never answered: a window after their time is over.
        s.ask().await;
        assert_eq!(begin.elapsed().as_secs(), 63 + 20 + 60);
    });
}

#[test]
fn a_restart_does_not_forget_the_window() {
    paused(async {
        let s = stand(RateLimit::PerMinute(2));
        s.ask().await;
        let killed = s.acquire().await;
        drop(killed);
        let again = Limiter::new(RateLimit::PerMinute(2), TIMEOUT);
        let begin = Instant::now();
        for seconds in [60, 80] {
            let permit = again.acquire(&s.book, &s.machine, &s.cancel).await.unwrap();
            assert_eq!(begin.elapsed().as_secs(), seconds);
            again.answered(permit, &s.book, &s.machine).await;
        }
    });
}

/// What another process sees in the journal alone is what the limiter says of itself.
#[test]
fn an_observer_sees_what_the_limiter_sees() {
    paused(async {
        let s = stand(RateLimit::PerMinute(2));
        let other = Limiter::new(RateLimit::PerMinute(2), TIMEOUT);
        let permit = other.acquire(&s.book, &s.machine, &s.cancel).await.unwrap();
        other.answered(permit, &s.book, &s.machine).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _on_the_wire = s.acquire().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let places = s.book.0.lock().unwrap().clone();
        let recorded = Recorded { places, ..Recorded::default() };
        let observed = LimitSnapshot::observed(RateLimit::PerMinute(2), &recorded, &Moment::now(&s.machine));
        let mut own = s.limiter.snapshot();
        assert_eq!(own.used, 2);
        // The record is in whole milliseconds.
        assert!(observed.next_free_in.abs_diff(own.next_free_in) <= Duration::from_millis(1), "{observed:?} {own:?}");
        own.next_free_in = observed.next_free_in;
        // One is on the wire and stays where it is, the other is free 60 s after its answer.
        let seen = |held: &[HeldPlace]| held.iter().map(|p| (p.free_in.as_secs(), p.on_the_wire)).collect::<Vec<_>>();
        assert_eq!(
            (seen(&own.held), seen(&observed.held)),
            (vec![(50, false), (60, true)], vec![(50, false), (60, true)])
        );
        own.held.clone_from(&observed.held);
        assert_eq!(observed, own);
        // The other process learns of ours when it looks.
        assert_eq!(other.snapshot().used, 1);
        other.observe(&recorded, &Moment::now(&s.machine));
        assert_eq!(other.snapshot().used, 2);
    });
}

#[test]
fn a_change_that_others_made_is_told() {
    paused(async {
        let s = stand(RateLimit::PerMinute(2));
        let now = Moment::now(&s.machine);
        let place = Place { id: 77, vendor: Source::Massive, started: now, answered: Some(now), timeout: TIMEOUT };
        let begin = Instant::now();
        s.limiter.observe(&Recorded { places: vec![place], ..Recorded::default() }, &now);
        s.limiter.moved().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        s.limiter.moved().await;
        assert_eq!(begin.elapsed().as_secs(), 60, "and when its place is free");
        assert_eq!(s.limiter.snapshot().used, 0);
    });
}

/// A disk that takes longer for the record than half of the request's time.
struct SlowBook(Book, Duration);

#[async_trait]
impl Journal for SlowBook {
    async fn take(&self, request: PlaceRequest) -> Result<Grant, Fault> {
        let grant = self.0.take(request).await;
        tokio::time::sleep(self.1).await;
        grant
    }

    async fn answered(&self, place: i64, now: Moment) {
        self.0.answered(place, now).await;
    }

    async fn record(&self, _: &Attempt) {}
}

#[test]
fn a_request_never_outlasts_its_recorded_place() {
    paused(async {
        let (limiter, machine) = (Limiter::new(RateLimit::PerMinute(3), TIMEOUT), Machine::new());
        let cancel = CancellationToken::new();
        let begin = Instant::now();
        let slow = SlowBook(Book::default(), TIMEOUT / 4);
        let permit = limiter.acquire(&slow, &machine, &cancel).await.unwrap();
        assert_eq!((begin.elapsed(), permit.deadline), (TIMEOUT / 4, begin + TIMEOUT));
        // What comes too late is not used, and passes as if it were on the wire.
        let late = SlowBook(slow.0, TIMEOUT);
        let ended = tokio::time::timeout(Duration::from_secs(50), limiter.acquire(&late, &machine, &cancel)).await;
        assert!(ended.is_err());
        assert_eq!((late.0.0.lock().unwrap().len(), limiter.snapshot().used), (3, 3));
    });
}

#[test]
fn unlimited_stays_under_a_hundred_a_second_and_leaves_the_journal_alone() {
    paused(async {
        let s = stand(RateLimit::Unlimited);
        let mut starts = Vec::new();
        for _ in 0..1_000 {
            s.ask().await;
            starts.push(Instant::now());
        }
        assert_eq!(most_in_any(Duration::from_secs(1), &starts), 95);
        assert!(s.book.0.lock().unwrap().is_empty());
        assert_eq!(s.limiter.snapshot().limit, None);
    });
}

#[test]
fn the_most_urgent_goes_first_whenever_it_came() {
    paused(async {
        let s = Arc::new(stand(RateLimit::PerMinute(1)));
        let order = Arc::new(Mutex::new(Vec::new()));
        let ask = |name: &'static str, rank: u8, after: u64| {
            let (s, order) = (Arc::clone(&s), Arc::clone(&order));
            tokio::spawn(ranked(Rank(rank), 0, async move {
                tokio::time::sleep(Duration::from_secs(after)).await;
                s.ask().await;
                order.lock().unwrap().push((name, Instant::now()));
            }))
        };
        // The first takes the only place; the next waits alone for half a minute before others come.
        let tasks = [
            ask("old", 9, 0),
            ask("low", 9, 1),
            ask("low too", 9, 2),
            ask("usual", Rank::USUAL.0, 30),
            ask("critical", 0, 40),
        ];
        tokio::time::sleep(Duration::from_secs(45)).await;
        assert_eq!(s.limiter.snapshot().waiting, 4);
        let expected = s.limiter.expected_wait();
        assert!(expected > WINDOW * 2 && expected < WINDOW * 3, "behind the critical and the usual one: {expected:?}");
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap().clone();
        assert_eq!(
            order.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["old", "critical", "usual", "low", "low too"]
        );
        for pair in order.windows(2) {
            let apart = pair[1].1 - pair[0].1;
            assert!(apart >= WINDOW && apart < WINDOW + Duration::from_secs(1), "no place is lost by it: {apart:?}");
        }
    });
}

/// Pages follow each other: the next is asked for when the one before has been answered, and others are waiting all along.
#[test]
fn pages_of_an_urgent_range_come_before_what_is_less_urgent() {
    paused(async {
        let s = Arc::new(stand(RateLimit::PerMinute(6)));
        let order = Arc::new(Mutex::new(Vec::new()));
        let chain = |name: &'static str, rank: u8, pages: u32, answer: u64| {
            let (s, order) = (Arc::clone(&s), Arc::clone(&order));
            tokio::spawn(async move {
                for left in (0..pages).rev() {
                    ranked(Rank(rank), left, async {
                        let permit = s.acquire().await;
                        order.lock().unwrap().push((name, Instant::now()));
                        tokio::time::sleep(Duration::from_millis(answer)).await;
                        s.answer(permit).await;
                    })
                    .await;
                    // What came is looked at before the next is asked for.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        };
        let start = Instant::now();
        let lows: Vec<_> = (0..8).map(|_| chain("low", 9, 1, 200)).collect();
        let urgent = chain("urgent", 0, 6, 200);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let first = order.lock().unwrap().clone();
        // Nobody holds a place for what has not begun: the places were free when the low ones came.
        assert_eq!(first.iter().filter(|(name, _)| *name == "low").count(), 6, "{first:?}");
        urgent.await.unwrap();
        for low in lows {
            low.await.unwrap();
        }
        let order = order.lock().unwrap().clone();
        let second: Vec<&str> = order.iter().skip(6).take(6).map(|(name, _)| *name).collect();
        assert_eq!(second, ["urgent"; 6]);
        let (_, last) = order[order.len() - 1];
        assert!(order.len() == 14 && last - start < WINDOW * 2 + Duration::from_secs(5), "no window was left unused");
    });
}

/// Less urgent ones wait for a moment, not for a vendor that takes long.
#[test]
fn places_are_left_to_what_follows_for_a_second_only() {
    paused(async {
        let s = Arc::new(stand(RateLimit::PerMinute(5)));
        let slow = ranked(Rank(0), 4, s.acquire()).await;
        let asked = Instant::now();
        let low = ranked(Rank(9), 0, s.acquire()).await;
        let waited = asked.elapsed();
        assert!(waited >= Duration::from_millis(900) && waited < Duration::from_millis(1_100), "{waited:?}");
        s.answer(slow).await;
        // Its next pages are expected for a second after its answer; an equally urgent one need not wait for them.
        let asked = Instant::now();
        let equal = ranked(Rank(0), 0, s.acquire()).await;
        assert_eq!(asked.elapsed(), Duration::ZERO);
        // It counts as what was expected.
        let other = ranked(Rank(9), 0, s.acquire()).await;
        assert_eq!(asked.elapsed(), Duration::ZERO);
        for permit in [low, equal, other] {
            s.answer(permit).await;
        }
    });
}

#[test]
fn one_that_gives_up_its_turn_lets_the_next_one_go() {
    paused(async {
        let s = Arc::new(stand(RateLimit::PerMinute(1)));
        s.ask().await;
        let first = CancellationToken::new();
        let (waits, goes) = (Arc::clone(&s), Arc::clone(&s));
        let stopped = first.clone();
        let given_up = tokio::spawn(ranked(Rank(0), 0, async move {
            waits.limiter.acquire(&waits.book, &waits.machine, &stopped).await.map(|_| ())
        }));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let next = tokio::spawn(async move { goes.ask().await });
        tokio::time::sleep(Duration::from_secs(30)).await;
        first.cancel();
        assert!(given_up.await.unwrap().is_err());
        tokio::time::timeout(Duration::from_secs(31), next).await.expect("the place that is free next").unwrap();
        assert_eq!(s.limiter.snapshot().waiting, 0);
    });
}

#[test]
fn first_come_first_served() {
    paused(async {
        let s = Arc::new(stand(RateLimit::PerMinute(1)));
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..6)
            .map(|n| {
                let (s, order) = (Arc::clone(&s), Arc::clone(&order));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(n)).await;
                    s.ask().await;
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(s.limiter.snapshot().waiting, 5);
        // The five in the queue take a window each, a sixth would wait for six less the second gone.
        let expected = s.limiter.expected_wait();
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
        let s = stand(RateLimit::PerMinute(8));
        s.ask().await;
        s.refused(Some(Duration::from_secs(7))).await;
        // Those that were under way together count once.
        s.refused(None).await;
        let snapshot = s.limiter.snapshot();
        assert_eq!((snapshot.effective, snapshot.used), (4, 1));
        assert_eq!(snapshot.frozen_for, Some(WINDOW), "until our only place is free");
        let before = Instant::now();
        s.ask().await;
        assert_eq!(before.elapsed().as_secs(), 60);

        s.refused(Some(Duration::from_secs(7))).await;
        let before = Instant::now();
        s.ask().await;
        assert_eq!(before.elapsed().as_secs(), 7);
        for _ in 0..10 {
            tokio::time::sleep(WINDOW * 2).await;
            s.refused(None).await;
        }
        assert_eq!(s.limiter.snapshot().effective, 1);
        // Idle: 36 answers to one request a window say nothing about a higher rate than two.
        for _ in 0..36 {
            tokio::time::sleep(WINDOW * 2).await;
            s.ask().await;
            s.limiter.on_success();
        }
        assert_eq!(s.limiter.snapshot().effective, 2 + 1, "one of three is less than half");
        // Busy: one more place for each window's worth of answers.
        let mut answers = 0;
        while s.limiter.snapshot().effective < 8 {
            s.ask().await;
            s.limiter.on_success();
            answers += 1;
            assert!(answers <= 3 + 4 + 5 + 6 + 7 + 8 + 20, "it never grows back");
        }
        assert!(answers >= 3 + 4 + 5 + 6 + 7, "{answers}");
    });
}

#[test]
fn a_429_without_a_time_costs_what_the_oldest_place_has_left() {
    paused(async {
        let s = stand(RateLimit::PerMinute(8));
        s.ask().await;
        tokio::time::sleep(Duration::from_secs(40)).await;
        s.ask().await;
        s.refused(None).await;
        assert_eq!(s.limiter.snapshot().frozen_for, Some(Duration::from_secs(20)));
    });
}

#[test]
fn a_cancel_ends_the_wait_and_costs_no_place() {
    paused(async {
        let s = stand(RateLimit::PerMinute(1));
        s.ask().await;
        let later = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            s.cancel.cancel();
        };
        let (ended, ()) = tokio::join!(s.limiter.acquire(&s.book, &s.machine, &s.cancel), later);
        assert_eq!(ended.unwrap_err().class, crate::Class::Cancelled);
        assert_eq!(s.limiter.snapshot().waiting, 0);
        assert_eq!(s.book.0.lock().unwrap().len(), 1);
    });
}

#[test]
fn places_of_another_process_show_in_the_snapshot() {
    paused(async {
        let s = stand(RateLimit::PerMinute(1));
        s.book.take(PlaceRequest::new(Source::Massive, 1, TIMEOUT, Moment::now(&s.machine))).await.unwrap();
        let look = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let seen = s.limiter.snapshot();
            s.cancel.cancel();
            seen
        };
        let (_, seen) = tokio::join!(s.limiter.acquire(&s.book, &s.machine, &s.cancel), look);
        assert_eq!((seen.used, seen.next_free_in.as_secs()), (1, 59), "{seen:?}");
    });
}

/// Rate after a quarter of an hour of one request each 10 s with an unlimited key that was refused once.
#[test]
fn an_idle_unlimited_key_does_not_grow_back_and_a_busy_one_does_to_under_a_hundred_a_second() {
    paused(async {
        let s = stand(RateLimit::Unlimited);
        s.refused(None).await;
        let halved = s.limiter.snapshot().effective;
        assert_eq!(halved, 95 / 2);
        for _ in 0..90 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            s.ask().await;
            s.limiter.on_success();
        }
        assert_eq!(s.limiter.snapshot().effective, halved);
        let mut starts = Vec::new();
        for _ in 0..9_000 {
            s.ask().await;
            starts.push(Instant::now());
            s.limiter.on_success();
        }
        assert_eq!(s.limiter.snapshot().effective, 95);
        assert!(most_in_any(Duration::from_secs(1), &starts[8_000..]) < 100);
        assert_eq!(s.limiter.snapshot().foreign_per_minute, None, "an unlimited key has no limit to share");
    });
}

#[test]
fn another_client_of_the_key_is_noticed_and_forgotten() {
    paused(async {
        let s = stand(RateLimit::PerMinute(5));
        // Two of five requests are ours and the second is refused: others made at least four.
        s.ask().await;
        s.limiter.on_success();
        s.ask().await;
        s.refused(None).await;
        assert_eq!(s.limiter.snapshot().foreign_per_minute, Some(4));
        // As many as the vendor allows get through again: nobody else can be there.
        for _ in 0..60 {
            s.ask().await;
            s.limiter.on_success();
        }
        assert_eq!(s.limiter.snapshot().effective, 5);
        assert_eq!(s.limiter.snapshot().foreign_per_minute, None);
    });
}

#[test]
fn a_second_process_of_ours_is_no_foreigner() {
    paused(async {
        let s = stand(RateLimit::PerMinute(5));
        s.ask().await;
        // The journal knows of four more, so the window is full with ours; the vendor's counts a little differently.
        let now = Moment::now(&s.machine);
        let place = |id| Place { id, vendor: Source::Massive, started: now, answered: Some(now), timeout: TIMEOUT };
        let places = vec![place(10), place(11), place(12), place(13)];
        s.limiter.observe(&Recorded { places, ..Recorded::default() }, &now);
        s.refused(None).await;
        assert_eq!(s.limiter.snapshot().foreign_per_minute, None);
        assert_eq!(s.limiter.snapshot().effective, 2);
    });
}

fn most_in_any(window: Duration, starts: &[Instant]) -> usize {
    (0..starts.len()).map(|i| starts[i..].iter().take_while(|s| **s - starts[i] < window).count()).max().unwrap_or(0)
}

#[test]
fn a_vendor_that_counts_by_the_second_has_places_of_its_own() {
    paused(async {
        let (machine, cancel, book) = (Machine::new(), CancellationToken::new(), Book::default());
        let minute = Limiter::new(RateLimit::PerMinute(1), TIMEOUT);
        let second = Limiter::windowed(Source::Coinbase, 2, TIMEOUT);
        let begin = Instant::now();
        let _held = minute.acquire(&book, &machine, &cancel).await.unwrap();
        for _ in 0..4 {
            let permit = second.acquire(&book, &machine, &cancel).await.unwrap();
            second.answered(permit, &book, &machine).await;
        }
        // Two at once, two a second later, whatever the other's minute holds.
        let took = begin.elapsed();
        assert!((Duration::from_secs(1)..Duration::from_millis(1_100)).contains(&took), "{took:?}");
        // Another process with the same record does not start where this one has just filled the second.
        let other = Limiter::windowed(Source::Coinbase, 2, TIMEOUT);
        let permit = other.acquire(&book, &machine, &cancel).await.unwrap();
        other.answered(permit, &book, &machine).await;
        assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
        // While it refuses, the pause doubles.
        let mut waits = Vec::new();
        for _ in 0..3 {
            second.on_rate_limited(None, &book, &machine).await;
            waits.push(second.snapshot().frozen_for.map_or(0, |left| left.as_secs()));
        }
        assert_eq!(waits[0], 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        second.on_rate_limited(None, &book, &machine).await;
        assert_eq!(second.snapshot().frozen_for, Some(Duration::from_secs(2)));
        assert_eq!(second.snapshot().foreign_per_minute, None, "nobody shares a key that there is not");
    });
}

/// A 429 holds for all processes, for those too that start afterwards.
#[test]
fn a_429_of_one_process_slows_all_down() {
    paused(async {
        let s = stand(RateLimit::PerMinute(8));
        let acquire = async |limiter: &Limiter| limiter.acquire(&s.book, &s.machine, &s.cancel).await.unwrap();
        let other = Limiter::new(RateLimit::PerMinute(8), TIMEOUT);
        let permit = acquire(&other).await;
        other.answered(permit, &s.book, &s.machine).await;
        assert_eq!(other.snapshot().effective, 8);
        s.ask().await;
        let begin = Instant::now();
        s.refused(Some(Duration::from_secs(30))).await;
        // So does what only looks at the record.
        let recorded = s.book.recorded().await.unwrap();
        let seen = LimitSnapshot::observed(RateLimit::PerMinute(8), &recorded, &Moment::now(&s.machine));
        assert_eq!(
            (seen.effective, seen.frozen_for.map(|left| left.as_secs()), seen.next_free_in.as_secs()),
            (4, Some(30), 30)
        );
        for limiter in [other, Limiter::new(RateLimit::PerMinute(8), TIMEOUT)] {
            let asked = begin.elapsed().as_secs();
            let permit = acquire(&limiter).await;
            assert_eq!(begin.elapsed().as_secs(), 30.max(asked));
            assert_eq!(limiter.snapshot().effective, 4);
            limiter.answered(permit, &s.book, &s.machine).await;
            limiter.on_success();
            // What is known already does not slow it down again.
            let permit = acquire(&limiter).await;
            limiter.answered(permit, &s.book, &s.machine).await;
            assert!(limiter.snapshot().frozen_for.is_none());
        }
        // The one that was refused does not take its own word for another's.
        assert_eq!((s.limiter.snapshot().effective, s.limiter.snapshot().frozen_for), (4, None));
    });
}

/// A process with so many requests of one rank; when each was let through.
async fn process(book: Arc<Book>, machine: Arc<Machine>, rank: Rank, requests: usize) -> Vec<Instant> {
    let limiter = Arc::new(Limiter::new(RateLimit::PerMinute(5), TIMEOUT));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..requests {
        let (limiter, book, machine) = (Arc::clone(&limiter), Arc::clone(&book), Arc::clone(&machine));
        all.spawn(async move {
            let cancel = CancellationToken::new();
            let permit = ranked(rank, 0, limiter.acquire(&*book, &*machine, &cancel)).await.unwrap();
            let taken = Instant::now();
            tokio::time::sleep(Duration::from_millis(200)).await;
            limiter.answered(permit, &*book, &*machine).await;
            taken
        });
    }
    let mut all = all.join_all().await;
    all.sort_unstable();
    all
}

#[test]
fn the_process_with_the_more_urgent_requests_goes_first() {
    paused(async {
        let (book, machine) = (Arc::<Book>::default(), Arc::new(Machine::new()));
        let start = |rank, n| tokio::spawn(process(Arc::clone(&book), Arc::clone(&machine), Rank(rank), n));
        let begin = Instant::now();
        let low = start(8, 40);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let urgent = start(0, 22).await.unwrap();
        let low = low.await.unwrap();
        let minute = |at: &Instant| (*at - begin).as_secs() / 60;
        // The low one had the first minute. 22 at 5 a minute take the four after it and a part of the next.
        let expected = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5];
        assert_eq!(urgent.iter().map(minute).collect::<Vec<_>>(), expected);
        // Nothing of the limit is lost: three of the low one are let through with the last two.
        assert_eq!(low.iter().map(minute).take(13).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 5, 5, 5, 6, 6, 6, 6, 6]);
    });
}

#[test]
fn a_process_that_died_in_line_costs_the_others_seconds() {
    paused(async {
        let (book, machine) = (Arc::<Book>::default(), Arc::new(Machine::new()));
        let start = |rank, n| tokio::spawn(process(Arc::clone(&book), Arc::clone(&machine), Rank(rank), n));
        let begin = Instant::now();
        let low = start(8, 10);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let urgent = start(0, 5);
        tokio::time::sleep(Duration::from_secs(50)).await;
        urgent.abort();
        let last = *low.await.unwrap().last().unwrap() - begin;
        assert!((Duration::from_mins(1)..Duration::from_secs(73)).contains(&last), "{last:?}");
    });
}
