//! One service or command: what it does when it is its turn, as the engine does it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use barkeep::base::clock::{Clock as _, CorrectedClock, Moment};
use barkeep::market::{Family, Source, Symbol, Ts};
use barkeep::pipeline::backfill::close_dead_executions;
use barkeep::service::{idle_services, left_behind};
use barkeep::store::{
    Attempts, Coverage, CoverageState, Election, ExecutionRow, ExecutionStatus, ItemPage, PageCommit, PageOfItem,
    RequestRow, SeriesClaim, SeriesClaiming, SeriesId, SeriesWrite, SharedPlans, Store, StoreError, StoredBar, Trigger,
};
use barkeep::vendor::limit::{Grant, PlaceRequest, Rank, Waiting};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::server::{Machine, PausedServer};
use crate::sample::{bar, covered, request, span, write};
use crate::support::rows;

pub const LEASE_MS: i64 = 15_000;
/// How often a heartbeat, an election, a renewal is due.
const DUE_MS: i64 = 5_000;
/// Requests of a worker that wait for a place together.
pub const WAITING: u32 = 14;
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many of the writes of a page were dropped as stale.
type Write = JoinHandle<Result<u64, StoreError>>;

/// What a page belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Of {
    pub series: SeriesId,
    pub execution: Uuid,
    /// Of whoever's plan it is; `None` of its own.
    pub item: Option<u64>,
}

/// An item of a shared plan that a worker has.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub execution: Uuid,
    pub number: u64,
}

/// A plan that others take items of.
#[derive(Debug, Default)]
pub struct SharedPlan {
    pub published: u64,
    /// What the last look brought: its rows are deleted with the next.
    pub heard: Vec<u64>,
}

/// An answer that is to be stored.
pub struct Page {
    pub of: Of,
    asked_at: Ts,
    value: f64,
    place: i64,
}

pub struct Worker {
    pub id: Uuid,
    pub store: Arc<dyn Store>,
    pub machine: Arc<Machine>,
    /// What its requests are dated by.
    clock: CorrectedClock,
    pub serves: bool,
    pub stopped_until: i64,
    elected: i64,
    /// Until when it may believe that it leads; `None` on standby.
    leads_until: Option<i64>,
    beaten: i64,
    renewed: i64,
    pub running: BTreeSet<Uuid>,
    pub claims: BTreeMap<Uuid, Symbol>,
    pub page: Option<Page>,
    pub item: Option<Item>,
    pub shared: BTreeMap<Uuid, SharedPlan>,
    /// Taken for the next request.
    place: Option<i64>,
    /// Waits for the next election.
    pub pending: Option<(Of, Write)>,
}

impl Worker {
    pub async fn open(server: &PausedServer, serves: bool, host: usize) -> Self {
        let id = Uuid::new_v4();
        let (store, machine) = server.open(id, host).await;
        let clock = CorrectedClock::new(machine.clone());
        let mut worker = Self {
            id,
            store,
            machine,
            clock,
            serves,
            stopped_until: 0,
            elected: 0,
            leads_until: None,
            beaten: 0,
            renewed: 0,
            running: BTreeSet::new(),
            claims: BTreeMap::new(),
            page: None,
            item: None,
            shared: BTreeMap::new(),
            place: None,
            pending: None,
        };
        worker.beat().await;
        worker
    }

    /// A new schedule begins, in a database that was emptied.
    pub fn forget(&mut self) {
        self.stopped_until = 0;
        self.machine.set_ahead(0);
        (self.elected, self.beaten, self.renewed, self.leads_until) = (0, 0, 0, None);
        self.running.clear();
        self.claims.clear();
        (self.page, self.item, self.place) = (None, None, None);
        self.shared.clear();
        assert!(self.pending.is_none(), "every write has ended by the end of a schedule");
    }

    pub fn die(self) {
        if let Some((_, task)) = self.pending {
            task.abort();
        }
        drop(self.store);
    }

    /// Time that no step of a clock moves.
    fn now(&self) -> i64 {
        self.machine.true_now()
    }

    pub fn leads(&self, now: i64) -> bool {
        self.leads_until.is_some_and(|until| now < until)
    }

    pub fn lease_is_over(&self, now: i64) -> bool {
        self.leads_until.is_some_and(|until| now >= until)
    }

    pub async fn beat(&mut self) {
        if self.now() < self.beaten + DUE_MS {
            return;
        }
        let asked = self.clock.machines();
        let server = self.store.heartbeat().await.unwrap().unwrap();
        self.clock.correct(asked, server, self.clock.machines());
        self.beaten = self.now();
    }

    /// Whether it leads, when an election was due.
    pub async fn elect(&mut self) -> Option<bool> {
        let now = self.now();
        if !self.serves || now < self.elected + DUE_MS {
            return None;
        }
        self.elected = now;
        self.beaten = now;
        match self.store.elect().await.unwrap() {
            Election::Leads => {
                if !self.leads(now) {
                    // What it has of another's plan it gives back.
                    self.page = self.page.take().filter(|page| page.of.item.is_none());
                    self.end_item().await;
                }
                self.leads_until = Some(now + LEASE_MS);
            }
            Election::StandsBy(_) => {
                self.leads_until = None;
                if !self.running.is_empty() {
                    (self.page, self.item) = (None, None);
                }
                for id in std::mem::take(&mut self.running) {
                    self.give_up(id).await;
                }
            }
        }
        Some(self.leads_until.is_some())
    }

    pub async fn renew(&mut self) {
        if self.now() >= self.renewed + DUE_MS && !self.claims.is_empty() {
            let mine: Vec<Uuid> = self.claims.keys().copied().collect();
            self.store.renew_claims(&mine).await.unwrap();
            self.renewed = self.now();
        }
    }

    pub async fn give_up(&mut self, id: Uuid) {
        self.running.remove(&id);
        self.claims.remove(&id);
        self.shared.remove(&id);
        self.item = self.item.filter(|item| item.execution != id);
        self.store.release_claim(id).await.unwrap();
    }

    pub fn plans(&self) -> &dyn SharedPlans {
        self.store.shared_plans().unwrap()
    }

    /// Whether it is on standby, as far as it knows.
    pub const fn stands_by(&self) -> bool {
        self.serves && self.leads_until.is_none()
    }

    pub async fn end_item(&mut self) {
        if let Some(Item { execution, number }) = self.item.take() {
            let outcome = (!self.claims.contains_key(&execution)).then(|| "{}".to_owned());
            self.plans().end(execution, number, outcome).await.unwrap();
        }
    }

    /// Whether what it has is its own, and to be carried out.
    pub async fn keeps(&self, item: Item) -> bool {
        let own = self.plans().own().await.unwrap();
        own.iter().any(|own| (own.execution_id, own.number) == (item.execution, item.number) && !own.is_stopped)
    }

    pub fn execution(&self, id: Uuid, status: ExecutionStatus) -> ExecutionRow {
        ExecutionRow {
            trigger: Trigger::Manual,
            started_at: self.clock.now(),
            completed_at: (!status.is_open()).then(|| self.clock.now()),
            owner: self.store.mark(),
            selection: Some("{}".into()),
            ..rows::execution(id, status)
        }
    }

    /// Whether it was kept.
    pub async fn put(&self, row: &ExecutionRow) -> bool {
        self.take(row, &row.owner).await
    }

    pub async fn owns(&self, id: Uuid) -> bool {
        self.store.execution(id).await.unwrap().is_some_and(|row| row.owner == self.store.mark())
    }

    /// The same for one that is another's until now.
    pub async fn take(&self, row: &ExecutionRow, from: &str) -> bool {
        match self.store.take_execution(row, from).await {
            Ok(()) => true,
            Err(StoreError::TakenOver(_) | StoreError::Refused(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn orphans(&self) -> Vec<ExecutionRow> {
        let store = self.store.as_ref();
        let active = |id| self.running.contains(&id);
        let kept = |row: &ExecutionRow| !active(row.execution_id);
        let mut found = close_dead_executions(store, self.clock.now(), kept).await.unwrap();
        found.extend(left_behind(store, active).await.unwrap());
        let queued = store.queued_executions().await.unwrap();
        let marks: Vec<String> = queued.iter().map(|row| row.owner.clone()).collect();
        let gone = store.dead(&marks).await.unwrap();
        let idle = idle_services(store).await.unwrap();
        found.extend(queued.into_iter().filter(|row| gone.contains(&row.owner) || idle.contains(&row.owner)));
        found.retain(kept);
        found
    }

    /// Whether the series are its own now.
    pub async fn claim(&mut self, id: Uuid, symbol: &Symbol) -> bool {
        let claim = SeriesClaim {
            execution_id: id,
            owner: self.store.mark(),
            scheduled: false,
            families: vec![(symbol.clone(), Family::Minute)],
        };
        let granted = matches!(self.store.claim_series(&claim).await.unwrap(), SeriesClaiming::Granted(_));
        if granted {
            self.claims.insert(id, symbol.clone());
            self.renewed = self.now();
        }
        granted
    }

    /// One of `limit` places, for a request that is as urgent as `rank` says.
    pub async fn take_place(&mut self, limit: u32, rank: u8) -> Grant {
        let moment = Moment::now(self.machine.as_ref());
        let waiting = Some(Waiting { process: self.id, rank: Rank(rank), requests: WAITING });
        let request = PlaceRequest { waiting, ..PlaceRequest::new(Source::Massive, limit, TIMEOUT, moment) };
        let grant = self.store.take_place(request).await.unwrap();
        self.place = grant.place;
        grant
    }

    /// The vendor's answer of this moment: its value grows with time.
    pub fn ask(&mut self, of: Of) {
        let Some(place) = self.place.take() else { return };
        let value = (self.now() % 1_000_000_000) as f64;
        self.page = Some(Page { of, asked_at: self.clock.now(), value, place });
    }

    /// Stores a page on a task of its own.
    pub fn commit(&self, page: &Page) -> Write {
        let (store, moment) = (Arc::clone(&self.store), Moment::now(self.machine.as_ref()));
        let Page { of: Of { series, execution, item }, asked_at: at, value, place } = *page;
        tokio::spawn(async move {
            store.place_answered(place, moment).await?;
            let known = Coverage { fetched_at: at, ..covered(0, 1, CoverageState::Present, 1, None) };
            let written = SeriesWrite {
                coverage: vec![known],
                replaces: Some(span(0, 1)),
                asked: Some(span(0, 1)),
                ..write(series, vec![StoredBar { fetched_at: at, ..bar(0, value) }])
            };
            let request = RequestRow { execution_id: Some(execution), started_at: at, ..request(1, Some(200), "ok") };
            let told = ItemPage {
                number: 0,
                received: vec![],
                outcomes: vec![],
                fetched_at: at,
                done: None,
                attempts: Attempts { requests: 1, answered: 1, ..Attempts::default() },
            };
            let page = PageCommit {
                writes: vec![written],
                request: Some(request),
                statuses: vec![],
                of_item: item.map(|number| PageOfItem { execution_id: execution, number, page: told }),
                features: vec![],
            };
            Ok(store.commit_page(page).await?[0].stale)
        })
    }
}
