//! PostgreSQL only: items of one plan that several workers take, and whose pages may be written.

use std::sync::Arc;

use barkeep::market::{Family, Timeframe};
use barkeep::store::{
    AsWorker, Attempts, Collected, Election, ItemPage, PageCommit, PageOfItem, PlanItem, RequestRow, SeriesClaim,
    SeriesClaiming, SeriesId, SharedPlans, Store, StoreError, StoreOptions, open_with,
};
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use crate::database::Db;
use crate::sample::{T0, bar, page, request, symbol_row, write};

const EXECUTION: Uuid = Uuid::from_u128(7);

/// A worker of its own. The first one leads and has claimed four symbols for the execution.
struct Worker(Arc<dyn Store>);

impl Worker {
    async fn open(db: &Db) -> Self {
        let worker = AsWorker { id: Uuid::new_v4(), ..AsWorker::default() };
        let store = open_with(db.url(), false, StoreOptions { worker, ..StoreOptions::default() }).await.unwrap();
        store.heartbeat().await.unwrap();
        Self(store)
    }

    async fn planner(db: &Db) -> (Self, Vec<SeriesId>) {
        let one = Self::open(db).await;
        assert_eq!(one.0.elect().await.unwrap(), Election::Leads);
        one.0.put_symbols(&["A", "B", "C", "D"].map(|name| symbol_row(name, &[Timeframe::M1]))).await.unwrap();
        one.claim().await;
        let series = one.0.series().await.unwrap().into_iter().map(|row| row.id).collect();
        (one, series)
    }

    async fn claim(&self) -> SeriesClaiming {
        let families = ["A", "B", "C", "D"].map(|name| (name.parse().unwrap(), Family::Minute)).to_vec();
        let claim = SeriesClaim { execution_id: EXECUTION, owner: self.0.mark(), scheduled: false, families };
        self.0.claim_series(&claim).await.unwrap()
    }

    async fn helper(db: &Db) -> Self {
        let one = Self::open(db).await;
        assert!(matches!(one.0.elect().await.unwrap(), Election::StandsBy(_)));
        one
    }

    fn plans(&self) -> &dyn SharedPlans {
        self.0.shared_plans().unwrap()
    }

    async fn take(&self) -> Option<u64> {
        self.plans().take(None).await.unwrap().map(|item| item.number)
    }

    async fn end(&self, number: u64) {
        self.plans().end(EXECUTION, number, Some("{}".into())).await.unwrap();
    }

    async fn collect(&self) -> Collected {
        self.plans().collect(EXECUTION, vec![]).await.unwrap()
    }
}

fn item(number: u64, priority: i64, symbol: &str) -> PlanItem {
    let families = vec![(symbol.parse().unwrap(), Family::Minute)];
    PlanItem { execution_id: EXECUTION, number, priority, item: "{}".into(), families }
}

/// A page of an item, of three bars.
fn of_item(number: u64, nth: u64, series: SeriesId) -> PageCommit {
    let told = ItemPage {
        number: nth,
        received: vec![("A".parse().unwrap(), Timeframe::M1, 3)],
        outcomes: vec![],
        fetched_at: barkeep::market::Ts(T0),
        done: Some(0.5),
        attempts: Attempts { requests: 2, answered: 2, retries: 1, rate_limited: 1 },
    };
    let first = nth as i64 * 3;
    let bars = (first..first + 3).map(|minute| bar(minute, 1.0)).collect();
    let request = RequestRow { execution_id: Some(EXECUTION), ..request(1, Some(200), "ok") };
    let of_item = Some(PageOfItem { execution_id: EXECUTION, number, page: told });
    PageCommit { request: Some(request), of_item, ..page(write(series, bars)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn items_are_taken_in_order_and_no_two_of_a_family_at_a_time() {
    let db = Db::postgres().await;
    let (planner, _) = Worker::planner(&db).await;
    let (one, two) = (Worker::helper(&db).await, Worker::helper(&db).await);
    assert_eq!(one.take().await, None);
    let items = vec![item(1, 8, "A"), item(2, 8, "A"), item(3, 8, "B"), item(4, 0, "C"), item(5, 8, "D")];
    planner.plans().publish(items, false).await.unwrap();
    // What this process has is nobody else's either.
    planner.plans().publish(vec![item(6, 0, "D")], true).await.unwrap();
    assert_eq!(one.take().await, Some(4), "the most important one");
    assert_eq!(two.take().await, Some(1));
    assert_eq!(one.take().await, Some(3), "2 is of a family that another has");
    assert_eq!(one.take().await, None, "so are 2 and 5");
    assert_eq!(two.take().await, Some(2), "but its own");
    two.end(1).await;
    two.end(2).await;
    planner.plans().end(EXECUTION, 6, None).await.unwrap();
    assert_eq!(planner.plans().take(Some(EXECUTION)).await.unwrap().map(|item| item.number), Some(5));
    let Collected { ended, held } = planner.collect().await;
    assert_eq!(ended.iter().map(|item| item.number).collect::<Vec<_>>(), [1, 2]);
    // An answer that was lost comes again, until it was heard.
    assert_eq!(planner.collect().await.ended, ended);
    // One that was given back is published again; of what is published twice nothing is lost.
    planner.plans().publish(vec![item(2, 8, "B"), item(3, 8, "B")], false).await.unwrap();
    assert_eq!(planner.plans().collect(EXECUTION, vec![1]).await.unwrap().ended, []);
    assert_eq!(planner.plans().withdraw(EXECUTION, vec![]).await.unwrap(), [2]);
    assert_eq!(
        held.iter().map(|item| (item.number, item.holder.clone())).collect::<Vec<_>>(),
        [(3, one.0.mark()), (4, one.0.mark())]
    );
    planner.plans().stop(EXECUTION, vec![3]).await.unwrap();
    let own = one.plans().own().await.unwrap();
    assert_eq!(own.iter().filter(|item| item.is_stopped).map(|item| item.number).collect::<Vec<_>>(), [3]);
    let items = planner.0.workers().await.unwrap().iter().map(|worker| worker.items).collect::<Vec<_>>();
    assert_eq!((items.iter().sum::<u64>(), items[0]), (3, 1), "{items:?}");
    // Nobody else decides about the plan.
    let error = one.plans().publish(vec![item(9, 0, "A")], false).await.unwrap_err();
    assert!(matches!(error, StoreError::TakenOver(_)), "{error}");
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn workers_that_take_at_once_take_each_item_once() {
    let db = Db::postgres().await;
    let (planner, _) = Worker::planner(&db).await;
    let items = (0..60).map(|n| item(n, 0, ["A", "B", "C", "D"][n as usize % 4])).collect();
    planner.plans().publish(items, false).await.unwrap();
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let worker = Worker::helper(&db).await;
        takers.spawn(async move {
            let mut taken = Vec::new();
            let mut idle = 0;
            while idle < 20 {
                if let Some(number) = worker.take().await {
                    taken.push(number);
                    worker.end(number).await;
                    idle = 0;
                } else {
                    idle += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            }
            taken
        });
    }
    let mut all: Vec<u64> = takers.join_all().await.into_iter().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<u64>>());
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_page_is_written_while_its_item_is_its_writers_and_counted_with_it() {
    let db = Db::postgres().await;
    let (planner, series) = Worker::planner(&db).await;
    let helper = Worker::helper(&db).await;
    planner.plans().publish(vec![item(1, 0, "A"), item(2, 0, "B")], false).await.unwrap();
    let refused = |error: StoreError| assert!(matches!(error, StoreError::TakenOver(_)), "{error}");
    refused(helper.0.commit_page(of_item(1, 0, series[0])).await.unwrap_err());
    assert_eq!(helper.take().await, Some(1));
    helper.0.commit_page(of_item(1, 0, series[0])).await.unwrap();
    // A service on standby writes nothing else.
    let other = PageCommit { of_item: None, ..of_item(1, 1, series[0]) };
    assert!(matches!(helper.0.commit_page(other).await.unwrap_err(), StoreError::Refused(_)));
    refused(helper.0.commit_page(of_item(2, 0, series[1])).await.unwrap_err());
    // Of two pages in one transaction both are refused.
    let both = Arc::new([of_item(1, 1, series[0]), of_item(2, 0, series[1])]);
    refused(helper.0.commit_pages(both).await.unwrap_err());
    let held = planner.collect().await.held;
    let [page] = held[0].pages.as_slice() else { panic!("{held:?}") };
    assert_eq!((page.outcomes[0].inserted, page.attempts.requests, page.attempts.retries), (3, 2, 1));
    let count = planner.0.series().await.unwrap().iter().map(|row| row.bar_count).sum::<i64>();
    assert_eq!(count, 3);

    // It dies: what it had is its no more, but what it stored is told.
    let mut raw = sqlx::PgConnection::connect(db.url()).await.unwrap();
    let id = helper.0.mark();
    // Its heartbeat could not be old enough: while a server starts nobody can send one.
    let buried = "DELETE FROM workers WHERE 'worker:' || worker_id = $1";
    sqlx::query(buried).bind(&id).execute(&mut raw).await.unwrap();
    let Collected { ended, held } = planner.collect().await;
    assert_eq!((ended.len(), held.len(), ended[0].pages.len(), &ended[0].outcome), (1, 0, 1, &None));
    refused(helper.0.commit_page(of_item(1, 1, series[0])).await.unwrap_err());
    helper.0.heartbeat().await.unwrap();
    refused(helper.0.commit_page(of_item(1, 1, series[0])).await.unwrap_err());

    // Items go with the claim of their execution, and with them the right to write.
    assert_eq!(helper.take().await, Some(2));
    helper.0.commit_page(of_item(2, 0, series[1])).await.unwrap();
    planner.0.release_claim(EXECUTION).await.unwrap();
    refused(helper.0.commit_page(of_item(2, 1, series[1])).await.unwrap_err());
    assert_eq!(helper.plans().own().await.unwrap(), []);
    raw.close().await.unwrap();
    db.finish().await;
}

/// A commit under way holds the item and the claim until it has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn what_is_just_committing_is_not_taken_away() {
    let db = Db::postgres().await;
    let (planner, _) = Worker::planner(&db).await;
    let helper = Worker::helper(&db).await;
    planner.plans().publish(vec![item(1, 0, "A")], false).await.unwrap();
    assert_eq!(helper.take().await, Some(1));
    let mut raw = sqlx::PgConnection::connect(db.url()).await.unwrap();
    raw.execute("DELETE FROM workers").await.unwrap();
    // As the end of a transaction of the helper's page leaves it.
    let mut committing = sqlx::PgConnection::connect(db.url()).await.unwrap();
    committing
        .execute("BEGIN; SELECT 1 FROM series_claims FOR KEY SHARE; UPDATE plan_items SET pages = ''")
        .await
        .unwrap();
    let collected = planner.collect().await;
    assert_eq!((collected.ended.len(), collected.held.len()), (0, 1));
    let next = Worker::open(&db).await;
    next.claim().await;
    let claims: i64 = sqlx::query_scalar("SELECT count(*) FROM plan_items").fetch_one(&mut raw).await.unwrap();
    assert_eq!(claims, 1, "neither is the claim of its plan");
    committing.execute("COMMIT").await.unwrap();
    raw.execute("DELETE FROM workers").await.unwrap();
    assert_eq!(planner.collect().await.ended.len(), 1);
    db.finish().await;
}

/// Whoever takes over a plan waits until the pages of it that are under way elsewhere are stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(without_postgres, ignore = "needs PostgreSQL: apt-get install postgresql, or set BARKEEP_TEST_POSTGRES_URL")]
async fn a_plan_is_taken_over_once_the_living_have_ended_what_they_have() {
    let db = Db::postgres().await;
    let (planner, series) = Worker::planner(&db).await;
    let (helper, next) = (Worker::helper(&db).await, Worker::helper(&db).await);
    planner.plans().publish(vec![item(1, 0, "A"), item(2, 0, "B"), item(3, 0, "C")], false).await.unwrap();
    assert_eq!((helper.take().await, next.take().await), (Some(1), Some(2)));
    let mut raw = sqlx::PgConnection::connect(db.url()).await.unwrap();
    let gone = "DELETE FROM workers WHERE 'worker:' || worker_id = $1";
    sqlx::query(gone).bind(planner.0.mark()).execute(&mut raw).await.unwrap();
    assert!(matches!(next.claim().await, SeriesClaiming::Waits(_)));
    let own = helper.plans().own().await.unwrap();
    assert_eq!(own.iter().map(|item| (item.number, item.is_stopped)).collect::<Vec<_>>(), [(1, true)]);
    assert_eq!(helper.take().await, None, "nothing more begins");
    helper.0.commit_page(of_item(1, 0, series[0])).await.unwrap();
    helper.end(1).await;
    // The schedule does not come in between.
    let families = vec![("A".parse().unwrap(), Family::Minute)];
    let owner = next.0.mark();
    let claim = SeriesClaim { execution_id: Uuid::from_u128(8), owner, scheduled: true, families };
    assert!(matches!(next.0.claim_series(&claim).await.unwrap(), SeriesClaiming::Waits(_)));
    next.0.release_claim(Uuid::from_u128(8)).await.unwrap();
    assert!(matches!(next.claim().await, SeriesClaiming::Granted(_)));
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM plan_items").fetch_one(&mut raw).await.unwrap();
    assert_eq!(left, 0);
    db.finish().await;
}
