//! A limiter on a test stand: a journal in memory, and a machine whose clocks run with tokio's.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use uuid::Uuid;

use super::*;
use crate::dispatch::Attempt;
use barkeep_base::clock::Uptime;
use barkeep_market::Ts;

pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// A journal in memory that outlives limiters, as the database does.
#[derive(Debug, Default)]
pub(super) struct Book(pub(super) Mutex<Vec<Place>>, Mutex<(Vec<Queued>, Option<Refusal>)>);

#[async_trait]
impl Journal for Book {
    async fn take(&self, request: PlaceRequest) -> Result<Grant, Fault> {
        let PlaceRequest { vendor, timeout, now, .. } = request;
        let (mut places, mut told) = (self.0.lock().unwrap(), self.1.lock().unwrap());
        let (line, refusal) = &mut *told;
        let taken: Vec<Place> =
            places.iter().filter(|p| p.vendor == vendor && !p.free_in(&now).is_zero()).copied().collect();
        let id = i64::try_from(places.len()).unwrap();
        let decision = request.decide(&taken, line, *refusal);
        *refusal = decision.refusal;
        if let Some(waiting) = request.waiting {
            line.retain(|row| row.waiting.process != waiting.process);
            line.extend(decision.line);
        }
        let place = decision.granted.then(|| {
            places.push(Place { id, vendor, started: now, answered: None, timeout });
            id
        });
        Ok(decision.grant(place, taken))
    }

    async fn answered(&self, place: i64, now: Moment) {
        self.0.lock().unwrap()[usize::try_from(place).unwrap()].answered = Some(now);
    }

    async fn recorded(&self) -> Option<Recorded> {
        let refusals = self.1.lock().unwrap().1.map(|refusal| (Source::default(), refusal));
        Some(Recorded { places: self.0.lock().unwrap().clone(), refusals: Vec::from_iter(refusals) })
    }

    async fn record(&self, _: &Attempt) {}
}

/// A machine whose wall clock runs with tokio's, plus steps.
#[derive(Debug)]
pub(super) struct Machine {
    zero: Instant,
    step: AtomicI64,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { zero: Instant::now(), step: AtomicI64::new(1_700_000_000_000) }
    }

    pub(super) fn step(&self, ms: i64) {
        self.step.fetch_add(ms, Ordering::SeqCst);
    }

    fn ms(&self) -> i64 {
        i64::try_from(self.zero.elapsed().as_millis()).unwrap()
    }
}

impl Clock for Machine {
    fn now(&self) -> Ts {
        Ts(self.ms() + self.step.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Option<Uptime> {
        Some(Uptime { boot: Uuid::nil(), ms: self.ms() })
    }
}

/// A limiter with everything around it.
pub(super) struct Stand {
    pub(super) limiter: Limiter,
    pub(super) book: Book,
    pub(super) machine: Machine,
    pub(super) cancel: CancellationToken,
}

pub(super) fn stand(rate: RateLimit) -> Stand {
    let limiter = Limiter::new(rate, TIMEOUT);
    Stand { limiter, book: Book::default(), machine: Machine::new(), cancel: CancellationToken::new() }
}

impl Stand {
    pub(super) async fn acquire(&self) -> Permit {
        self.limiter.acquire(&self.book, &self.machine, &self.cancel).await.unwrap()
    }

    pub(super) async fn answer(&self, permit: Permit) {
        self.limiter.answered(permit, &self.book, &self.machine).await;
    }

    pub(super) async fn refused(&self, retry_after: Option<Duration>) {
        self.limiter.on_rate_limited(retry_after, &self.book, &self.machine).await;
    }

    /// A request that is answered at once.
    pub(super) async fn ask(&self) {
        let permit = self.acquire().await;
        self.answer(permit).await;
    }
}

pub(super) fn paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test);
}
