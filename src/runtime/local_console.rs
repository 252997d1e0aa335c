//! The console of an engine in this process.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};

use crate::console::{Access, AskError, Console, Link, MOST_ROWS, Notice, Question, Reply};
use barkeep_base::log::Tail;
use barkeep_config::Policy;
use barkeep_market::Symbol;
use barkeep_market::ts::DAY;
use barkeep_monitor::coverage;
use barkeep_monitor::detail::detail;
use barkeep_monitor::history::{ExecutionDetail, ExecutionHistory};
use barkeep_monitor::publisher::Board;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_pipeline::Engine;
use barkeep_pipeline::series_index::Inventory;
use barkeep_service::handle::{Action, Answer, Handle, OrderError};
use barkeep_store::{RequestFilter, RequestRow, SeriesState};

/// Requests of a symbol that its detail shows.
const RECENT_REQUESTS: usize = 20;

/// An engine in this process, seen by one operator. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub engine: Engine,
    pub policy: Arc<Policy>,
    pub handle: Handle,
    pub board: Arc<Board>,
    pub tail: Tail,
    /// The name kept with what is ordered here: `tui:alice`, `api:key-name`.
    pub by: String,
    pub access: Access,
    /// Never changes; a console elsewhere has one that does.
    pub(crate) link: watch::Receiver<Link>,
}

impl Desk {
    /// The same engine for somebody else.
    #[must_use]
    pub fn as_somebody(&self, by: &str, access: Access) -> Self {
        Self { by: by.to_owned(), access, ..self.clone() }
    }

    /// An inventory in which `find` finds: the board's, or a new one when somebody has just added what is looked for.
    async fn inventory(&self, find: impl Fn(&Inventory) -> bool) -> Arc<Inventory> {
        let at_hand = self.board.reading().inventory;
        if find(&at_hand) { at_hand } else { self.board.fresh().await.inventory }
    }

    async fn ticker(&self, symbol: &Symbol) -> Result<Option<String>, AskError> {
        let row = |inventory: &Inventory| inventory.symbols.iter().find(|row| row.symbol == *symbol).cloned();
        let inventory = self.inventory(|inventory| row(inventory).is_some()).await;
        let row = row(&inventory).ok_or_else(|| AskError::NotFound(format!("{symbol} is not kept")))?;
        Ok(Some(row.vendor_ticker))
    }

    async fn requests(&self, ticker: Option<String>, limit: usize) -> Result<Vec<RequestRow>, AskError> {
        let filter = RequestFilter { ticker, ..RequestFilter::default() };
        Ok(self.engine.store.requests(&filter, limit).await?)
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.board.watch().borrow().clone()
    }
}

#[async_trait]
impl Console for Desk {
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.board.watch()
    }

    fn notices(&self) -> broadcast::Receiver<Arc<Notice>> {
        self.tail.subscribe()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    fn access(&self) -> Access {
        self.access
    }

    async fn order(&self, action: Action) -> Result<Answer, OrderError> {
        if self.access == Access::Read && !matches!(action, Action::Preview(_)) {
            return Err(OrderError::Refused("this console may only look".to_owned()));
        }
        self.handle.order(action, &self.by).await
    }

    async fn ask(&self, question: Question) -> Result<Reply, AskError> {
        let store = self.engine.store.as_ref();
        Ok(match question {
            Question::Detail { symbol, timeframe } => {
                let ticker = self.ticker(&symbol).await?;
                let requests = self.requests(ticker, RECENT_REQUESTS).await?;
                let detail = detail(&self.engine, &self.policy, &symbol, timeframe, requests).await?;
                Reply::Detail(Box::new(detail))
            }
            Question::Coverage { series, from, to } => {
                let has_all = |inventory: &Inventory| series.iter().all(|(s, tf)| inventory.find(s, *tf).is_some());
                let inventory = self.inventory(has_all).await;
                Reply::Coverage(coverage::days(&self.engine, &inventory, &series, from, to).await?)
            }
            Question::Session { symbol, timeframe, date } => {
                let inventory = self.inventory(|inventory| inventory.find(&symbol, timeframe).is_some()).await;
                Reply::Session(coverage::session(&self.engine, &inventory, &symbol, timeframe, date).await?)
            }
            Question::History { limit } => {
                Reply::History(ExecutionHistory::read(store, limit.min(MOST_ROWS)).await?.executions)
            }
            Question::Execution { id } => Reply::Execution(Box::new(ExecutionDetail::read(store, id).await?)),
            Question::Requests { symbol, limit } => {
                let ticker = match &symbol {
                    Some(symbol) => self.ticker(symbol).await?,
                    None => None,
                };
                Reply::Requests(self.requests(ticker, limit.min(MOST_ROWS)).await?)
            }
            Question::Quarantine { limit } => {
                let mut rows = store.quarantine(true).await?;
                rows.truncate(limit.min(MOST_ROWS));
                Reply::Quarantine(rows)
            }
            Question::Failures { limit } => {
                let limit = limit.min(MOST_ROWS);
                let mut series = store.latest_statuses(self.engine.clock.now() - 7 * DAY).await?;
                series.retain(|row| row.status == SeriesState::Failed);
                series.sort_by_key(|row| std::cmp::Reverse(row.completed_at));
                series.truncate(limit);
                Reply::Failures { series, features: store.feature_failures(true, limit).await? }
            }
            Question::Alerts { limit } => Reply::Alerts(store.alerts(false, limit.min(MOST_ROWS)).await?),
            Question::Actions { limit } => Reply::Actions(store.operator_actions(None, limit.min(MOST_ROWS)).await?),
            Question::Log { limit } => Reply::Log(self.tail.last(limit.min(MOST_ROWS))),
        })
    }
}
