//! Schedules thrown by dice: services and commands on one real PostgreSQL whose clock stands still until it is set. They
//! stop and go on, die, have their clocks set, lose the lease in the middle of a write and while it is committed. Services
//! on standby carry out items of the others' plans.
//!
//! `BARKEEP_SCHEDULES=1000` runs so many, `BARKEEP_SCHEDULE=42` a single one, both so many from that one on. A failure names
//! its seed.

mod helping;
mod server;
mod worker;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use barkeep::market::Timeframe;
use barkeep::service::left_behind;
use barkeep::store::{ExecutionStatus, SeriesId, SeriesRow, StoreError};
use uuid::Uuid;

use self::server::{PausedServer, Stall};
use self::worker::{LEASE_MS, Of, WAITING, Worker};
use crate::sample::symbol_row;

/// Schedules of an ordinary run.
const SCHEDULES: u64 = 20;
/// Length of one, milliseconds; and how long everybody lives undisturbed at its end.
const LENGTH: i64 = 150_000;
const CALM: i64 = 90_000;
/// Places at the vendor within a minute.
const LIMIT: u32 = 6;
const SERVICES: usize = 3;
const COMMANDS: usize = 2;

/// What happened, over all schedules.
#[derive(Debug, Default)]
struct Figures {
    steps: u64,
    leaders: u64,
    pauses: u64,
    deaths: u64,
    clock_steps: u64,
    stalls: u64,
    pages: u64,
    stale: u64,
    refused: u64,
    overtaken: u64,
    places: u64,
    yielded: u64,
    orders: u64,
    taken_up: u64,
    items: u64,
    items_pages: u64,
    items_refused: u64,
    items_buried: u64,
}

pub(super) struct World {
    server: PausedServer,
    dice: fastrand::Rng,
    series: Vec<SeriesRow>,
    workers: Vec<Worker>,
    /// The newest value seen in each series: the vendor's grow with time.
    newest: BTreeMap<SeriesId, f64>,
    /// When requests reached the vendor.
    arrivals: VecDeque<i64>,
    /// Workers that wait for a place: how urgently, until when that counts, and with how many requests.
    line: BTreeMap<Uuid, (u8, i64, u32)>,
    /// Orders whose acceptance was told.
    orders: BTreeSet<Uuid>,
    /// Pages of each item of the plans under way that were written by others than whoever planned.
    helped: BTreeMap<(Uuid, u64), usize>,
    /// A page of an item is being committed: whoever claims its series would wait for that, and this world with it.
    is_committing: bool,
    leader: Option<Uuid>,
    figures: Figures,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn no_schedule_breaks_the_fleet() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = number("BARKEEP_SCHEDULE").unwrap_or_default();
    let seeds = match number("BARKEEP_SCHEDULES") {
        Some(count) => first..first + count,
        None if first > 0 => first..first + 1,
        None => 0..SCHEDULES,
    };
    let begun = std::time::Instant::now();
    let count = seeds.end - seeds.start;
    let mut world = World::new().await;
    for seed in seeds {
        println!("BARKEEP_SCHEDULE={seed}");
        world.run(seed).await;
    }
    println!("{count} schedules in {:.0} s: {:?}", begun.elapsed().as_secs_f64(), world.figures);
    // The dice must have thrown what this is about.
    let f = &world.figures;
    assert!(
        count < SCHEDULES
            || [
                f.leaders,
                f.pauses,
                f.deaths,
                f.stalls,
                f.places,
                f.yielded,
                f.taken_up,
                f.items_pages,
                f.items_refused,
                f.items_buried
            ]
            .iter()
            .all(|n| *n > 0)
    );
    for worker in world.workers {
        worker.store.close().await;
    }
    world.server.finish().await;
}

impl World {
    async fn new() -> Self {
        let server = PausedServer::new().await;
        let store = server.open(Uuid::new_v4(), 0).await.0;
        let names = ["AAPL", "MSFT"].map(|name| symbol_row(name, &[Timeframe::M1]));
        store.put_symbols(&names).await.unwrap();
        let series = store.series().await.unwrap();
        store.close().await;
        Self {
            server,
            dice: fastrand::Rng::new(),
            series,
            workers: Vec::new(),
            newest: BTreeMap::new(),
            arrivals: VecDeque::new(),
            line: BTreeMap::new(),
            orders: BTreeSet::new(),
            helped: BTreeMap::new(),
            is_committing: false,
            leader: None,
            figures: Figures::default(),
        }
    }

    fn now(&self) -> i64 {
        self.server.now()
    }

    async fn run(&mut self, seed: u64) {
        self.dice = fastrand::Rng::with_seed(seed);
        self.server.clear().await;
        self.newest.clear();
        self.arrivals.clear();
        self.line.clear();
        self.orders.clear();
        self.helped.clear();
        self.leader = None;
        for worker in &mut self.workers {
            worker.forget();
        }
        // Those that lived through the schedule before go on: it takes longer to open a store than to step through one.
        for k in self.workers.len()..SERVICES + COMMANDS {
            let worker = self.new_worker(k).await;
            self.workers.push(worker);
        }
        let end = self.now() + LENGTH;
        while self.now() < end {
            self.pass_time().await;
            self.disturb().await;
            self.everybody(&[]).await;
        }
        self.calm_down().await;
    }

    /// The machine of a worker is that of its place, so that a seed throws the same again.
    async fn new_worker(&self, k: usize) -> Worker {
        Worker::open(&self.server, k < SERVICES, k % 2).await
    }

    async fn pass_time(&mut self) {
        let step = self.dice.i64(500..4_000);
        self.server.set(self.now() + step).await;
    }

    /// Pauses, deaths, and clocks that are set.
    async fn disturb(&mut self) {
        let mut k = self.dice.usize(0..self.workers.len());
        if let Some(asked) = self.workers.iter().position(|worker| worker.page.is_some()).filter(|_| self.dice.bool()) {
            k = asked;
        }
        let now = self.now();
        match self.dice.u32(0..100) {
            0..8 => {
                let length = self.dice.i64(1_000..100_000);
                self.workers[k].stopped_until = now + length;
                self.figures.pauses += 1;
            }
            8..10 => {
                let fresh = self.new_worker(k).await;
                // Its connections end with it, as with kill -9; its rows stay.
                let dead = std::mem::replace(&mut self.workers[k], fresh);
                dead.die();
                self.figures.deaths += 1;
            }
            10..15 => {
                let step = self.dice.i64(-90_000..90_000);
                self.workers[k].machine.set_ahead(step);
                self.figures.clock_steps += 1;
            }
            15..35 => self.stall(k).await,
            _ => {}
        }
    }

    /// Everybody makes the steps that are due, in an order that the dice throw.
    async fn everybody(&mut self, stalled: &[usize]) {
        let mut order: Vec<usize> = (0..self.workers.len()).collect();
        self.dice.shuffle(&mut order);
        for k in order {
            if self.now() >= self.workers[k].stopped_until && !stalled.contains(&k) {
                self.figures.steps += 1;
                self.step(k, stalled.is_empty()).await;
            }
        }
    }

    async fn step(&mut self, k: usize, writes_pages: bool) {
        let mut due = [0, 1, 2, 3];
        self.dice.shuffle(&mut due);
        for what in due {
            match what {
                0 => self.workers[k].beat().await,
                1 => self.elect(k).await,
                2 => self.workers[k].renew().await,
                _ => self.work(k, writes_pages).await,
            }
        }
    }

    async fn elect(&mut self, k: usize) {
        let Some(leads) = self.workers[k].elect().await else { return };
        self.note_leader().await;
        if leads {
            assert_eq!(self.leader, Some(self.workers[k].id), "it was told that it leads");
        }
        if let Some((of, write)) = self.workers[k].pending.take() {
            let outcome = write.await.unwrap();
            self.committed(k, of, outcome).await;
        }
    }

    async fn note_leader(&mut self) {
        let leader = self.server.leader().await;
        self.figures.leaders += u64::from(leader.is_some() && leader != self.leader);
        self.leader = leader;
    }

    async fn work(&mut self, k: usize, writes_pages: bool) {
        if self.workers[k].serves && !self.workers[k].leads(self.now()) {
            // What waits for the next election waits on.
            if self.workers[k].lease_is_over(self.now())
                && self.workers[k].pending.is_none()
                && writes_pages
                && let Some(page) = self.workers[k].page.take()
            {
                let task = self.workers[k].commit(&page);
                self.workers[k].pending = Some((page.of, task));
            }
            if self.workers[k].stands_by() {
                self.help(k, writes_pages).await;
            }
            return;
        }
        match self.dice.u32(0..11) {
            0 if self.workers[k].serves => self.order(k).await,
            1 if self.workers[k].serves => self.take_up(k).await,
            0 | 1 => self.begin_command(k).await,
            2..6 if self.workers[k].page.is_none() => self.ask(k).await,
            6 if self.workers[k].page.is_none() => self.end_one(k).await,
            7 | 9 => self.share(k).await,
            8 => self.look_after_one(k).await,
            _ if writes_pages => self.write(k).await,
            _ => {}
        }
    }

    async fn write(&mut self, k: usize) {
        let Some(page) = self.workers[k].page.take() else { return };
        let outcome = self.workers[k].commit(&page).await.unwrap();
        self.committed(k, page.of, outcome).await;
    }

    /// What was written is newer than all before it, and of a service only what the leader wrote, or what belongs to an
    /// item that it has.
    async fn committed(&mut self, k: usize, of: Of, outcome: Result<u64, StoreError>) {
        let Of { execution, series, item } = of;
        let worker = &self.workers[k];
        let mark = worker.store.mark();
        match outcome {
            Ok(stale) => {
                self.figures.pages += 1;
                self.figures.stale += stale;
                if worker.serves && item.is_none() {
                    assert_eq!(self.server.leader().await, Some(worker.id), "a page of a service that does not lead");
                }
                let symbol = &self.series.iter().find(|row| row.id == series).unwrap().symbol;
                for (id, owner) in self.server.holders(symbol).await {
                    assert_eq!(id, execution, "a page for {symbol}, which another execution holds");
                    assert!(owner == mark || item.is_some(), "a page for {symbol}, which another holds");
                }
                if let Some(number) = item {
                    self.helped(k, execution, number).await;
                }
            }
            Err(StoreError::TakenOver(_)) if item.is_some() => {
                self.figures.items_refused += 1;
                self.workers[k].end_item().await;
            }
            Err(StoreError::TakenOver(_)) => {
                self.figures.overtaken += 1;
                self.fail(k, execution).await;
            }
            Err(StoreError::Refused(_)) if worker.serves => self.figures.refused += 1,
            Err(error) => panic!("{error}"),
        }
        let stored = self.workers[k].store.bars(series, (..).into(), None).await.unwrap();
        let value = stored.first().map_or(0.0, |bar| bar.bar.close);
        let before = self.newest.insert(series, value).unwrap_or_default();
        assert!(value >= before, "an older answer replaced a newer one: {value} after {before}");
    }

    /// As a run ends that cannot write any more.
    async fn fail(&mut self, k: usize, execution: Uuid) {
        if !self.workers[k].lease_is_over(self.now()) {
            let row = self.workers[k].execution(execution, ExecutionStatus::Failed);
            self.workers[k].put(&row).await;
        }
        self.workers[k].give_up(execution).await;
    }

    async fn order(&mut self, k: usize) {
        if self.orders.len() > 8 {
            return;
        }
        let id = Uuid::from_u128(u128::from(self.dice.u64(..)));
        let row = self.workers[k].execution(id, ExecutionStatus::Queued);
        if self.workers[k].put(&row).await {
            self.orders.insert(id);
            self.figures.orders += 1;
        }
    }

    /// As the leader does: what is queued and nobody's, what dead processes ran, and what services ran that lost the lease.
    async fn take_up(&mut self, k: usize) {
        let found = self.workers[k].orphans().await;
        for row in found {
            let id = row.execution_id;
            let owner = self.workers[k].store.mark();
            if row.owner != owner {
                let alive = |w: &Worker| w.store.mark() == row.owner && w.serves && w.leads(self.now());
                assert!(!self.workers.iter().any(alive), "taken from one that works on it");
                self.figures.taken_up += 1;
            }
            let taken = self.workers[k].execution(id, ExecutionStatus::Running);
            if self.workers[k].take(&taken, &row.owner).await {
                self.workers[k].running.insert(id);
                self.claim(k, id).await;
            }
        }
    }

    async fn begin_command(&mut self, k: usize) {
        if self.workers[k].running.is_empty() {
            let id = Uuid::from_u128(u128::from(self.dice.u64(..)));
            let row = self.workers[k].execution(id, ExecutionStatus::Running);
            assert!(self.workers[k].put(&row).await);
            self.workers[k].running.insert(id);
            self.orders.insert(id);
        }
        let waiting = self.workers[k].running.iter().find(|id| !self.workers[k].claims.contains_key(*id)).copied();
        if let Some(id) = waiting {
            self.claim(k, id).await;
        }
    }

    /// Series belong to one execution of one process at a time.
    async fn claim(&mut self, k: usize, id: Uuid) {
        let symbol = self.series[(id.as_u128() % 2) as usize].symbol.clone();
        if self.is_committing {
            return;
        }
        if self.workers[k].claim(id, &symbol).await {
            // Items of an earlier plan went with the claim.
            self.helped.retain(|(execution, _), _| *execution != id);
            assert_eq!(self.server.held_items(id).await, [], "items of a plan that is no more");
            let holders = self.server.holders(&symbol).await;
            assert_eq!(holders, [(id, self.workers[k].store.mark())], "holders of {symbol}");
        }
    }

    async fn ask(&mut self, k: usize) {
        let Some((id, symbol)) = self.workers[k].claims.iter().next().map(|(id, symbol)| (*id, symbol.clone())) else {
            return;
        };
        if self.workers[k].shared.contains_key(&id) && !self.take_own(k, id).await {
            return;
        }
        let series = self.series.iter().find(|row| row.symbol == symbol).unwrap().id;
        self.ask_for(k, Of { series, execution: id, item: None }).await;
    }

    async fn ask_for(&mut self, k: usize, of: Of) {
        let (id, rank, now) = (self.workers[k].id, k as u8, self.now());
        let grant = self.workers[k].take_place(LIMIT, rank).await;
        self.line.retain(|worker, (_, until, _)| *worker != id && *until > now);
        let first = self.line.values().filter(|(other, ..)| *other < rank).map(|(.., requests)| *requests).sum::<u32>();
        if grant.place.is_none() {
            self.figures.yielded += u64::from(grant.taken.len() < LIMIT as usize);
            let wait = i64::try_from(grant.ask_again_in.as_millis()).unwrap().min(10_000);
            self.line.insert(id, (rank, now + wait + 2_000, WAITING));
            return;
        }
        // The others of it wait on, which only matters to somebody who waits too.
        if !self.line.is_empty() {
            self.line.insert(id, (rank, now + 2_000, WAITING - 1));
        }
        assert!(grant.taken.len() as u32 + first < LIMIT, "{first} others went first");
        self.figures.places += 1;
        self.arrivals.push_back(now);
        self.arrivals.retain(|at| *at > now - 60_000);
        assert!(self.arrivals.len() <= LIMIT as usize, "{} requests in a minute", self.arrivals.len());
        self.workers[k].ask(of);
    }

    async fn end_one(&mut self, k: usize) {
        let Some(id) = self.workers[k].claims.keys().next().copied() else {
            // Its turn has not come; it asks again.
            if let Some(id) = self.workers[k].running.iter().next().copied() {
                self.claim(k, id).await;
            }
            return;
        };
        if !self.has_ended(k, id).await {
            return;
        }
        let row = self.workers[k].execution(id, ExecutionStatus::Completed);
        // One that was taken over ends without a word of its own.
        if self.workers[k].put(&row).await || !self.workers[k].owns(id).await {
            self.workers[k].give_up(id).await;
        }
    }

    /// One stands still in the middle of a transaction, before its last look at the lease or right before the commit, while
    /// the others go on.
    async fn stall(&mut self, k: usize) {
        let now = self.now();
        let may = now >= self.workers[k].stopped_until && self.workers[k].pending.is_none();
        let Some(of) = self.workers[k].page.as_ref().map(|page| page.of) else { return };
        if !may || self.workers[k].serves && !self.workers[k].leads(now) && of.item.is_none() {
            return;
        }
        // Without a claim of its own it would keep all the others from claiming, too.
        let mark = self.workers[k].store.mark();
        if of.item.is_none() && !self.server.is_claimed(of.execution, &mark).await {
            return;
        }
        let Some(page) = self.workers[k].page.take() else { return };
        let stall = if self.dice.bool() { Stall::Write(of.series) } else { Stall::Commit };
        self.server.stall(stall).await;
        let task = self.workers[k].commit(&page);
        self.server.until_stalled(&task).await;
        self.is_committing = of.item.is_some() && matches!(stall, Stall::Commit);
        let works = |j: &usize| *j == k || self.is_committing && !self.workers[*j].running.is_empty();
        let stalled: Vec<usize> = (0..self.workers.len()).filter(works).collect();
        let end = now + self.dice.i64(1_000..40_000);
        while self.now() < end {
            self.pass_time().await;
            self.everybody(&stalled).await;
        }
        self.is_committing = false;
        self.figures.stalls += 1;
        self.server.go_on(stall).await;
        if self.workers[k].serves
            && matches!(stall, Stall::Write(_))
            && self.workers[k].lease_is_over(self.now())
            && !task.is_finished()
        {
            // It hears at its next election what becomes of it.
            self.workers[k].pending = Some((of, task));
        } else {
            let mut task = task;
            // On a slow machine PostgreSQL's own limit on locks may have ended the transaction: then it waits as well.
            match tokio::time::timeout(Duration::from_secs(5), &mut task).await {
                Ok(outcome) => self.committed(k, of, outcome.unwrap()).await,
                Err(_) => self.workers[k].pending = Some((of, task)),
            }
        }
    }

    /// Nobody is disturbed any more: what was ordered ends.
    async fn calm_down(&mut self) {
        let end = self.now() + LEASE_MS + CALM;
        for worker in &mut self.workers {
            worker.stopped_until = 0;
        }
        while self.now() < end {
            self.server.set(self.now() + 2_000).await;
            for k in 0..self.workers.len() {
                self.workers[k].beat().await;
                self.elect(k).await;
                self.workers[k].renew().await;
                if !self.workers[k].serves || self.workers[k].leads(self.now()) {
                    self.write(k).await;
                    if self.workers[k].serves {
                        self.take_up(k).await;
                    }
                    self.end_one(k).await;
                } else if self.workers[k].stands_by() {
                    self.help(k, true).await;
                }
            }
        }
        let store = &self.workers[0].store;
        for id in &self.orders {
            let row = store.execution(*id).await.unwrap().expect("an order that was accepted is kept");
            assert!(!row.status.is_open(), "lost: {id} is {} of {}", row.status.name(), row.owner);
        }
        assert_eq!(left_behind(store.as_ref(), |_| false).await.unwrap(), []);
        assert_eq!(self.server.items().await, 0, "items of plans that have ended");
    }
}
