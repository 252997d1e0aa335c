//! The console of an engine in this process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::console::{
    Access, Console, ConsoleRequest, ConsoleResponse, FoundTicker, Link, LogLine, MOST_ROWS, ReadError,
};
use barkeep_base::log::Tail;
use barkeep_market::Symbol;
use barkeep_market::ts::DAY;
use barkeep_monitor::coverage;
use barkeep_monitor::detail::detail;
use barkeep_monitor::history::{ExecutionDetail, ExecutionHistory};
use barkeep_monitor::publisher::SnapshotPublisher;
use barkeep_monitor::snapshot::Snapshot;
use barkeep_pipeline::EngineContext;
use barkeep_pipeline::events::Silent;
use barkeep_pipeline::index::series::SeriesIndex;
use barkeep_pipeline::names::search::{self, LONGEST};
use barkeep_pipeline::quarantine::{self, DecisionError};
use barkeep_service::handle::{CommandError, CommandReply, EngineCommand, Handle};
use barkeep_store::{RequestFilter, RequestPurpose, RequestRow, SeriesRunState};

/// Requests of a symbol that its detail shows.
const RECENT_REQUESTS: usize = 20;

/// A search does not wait longer for the rate limit: a run may hold it for hours.
const SEARCH_PATIENCE: Duration = Duration::from_secs(25);

/// An engine in this process, seen by one operator. Cheap to clone.
#[derive(Clone)]
pub struct LocalConsole {
    pub engine: EngineContext,
    pub handle: Handle,
    pub publisher: Arc<SnapshotPublisher>,
    pub tail: Tail,
    /// The name kept with what is ordered here: `tui:alice`, `api:key-name`.
    pub by: String,
    pub access: Access,
    /// Never changes; a console elsewhere has one that does.
    pub(crate) link: watch::Receiver<Link>,
}

impl LocalConsole {
    /// The same engine for somebody else, who may do no more than this one.
    #[must_use]
    pub fn as_somebody(&self, by: &str, access: Access) -> Self {
        let access = if self.access == Access::Read { Access::Read } else { access };
        Self { by: by.to_owned(), access, ..self.clone() }
    }

    /// An inventory in which `find` finds: the board's, or a new one when somebody has just added what is looked for.
    async fn index(&self, find: impl Fn(&SeriesIndex) -> bool) -> Arc<SeriesIndex> {
        let at_hand = self.publisher.reading().index;
        if find(&at_hand) { at_hand } else { self.publisher.fresh().await.index }
    }

    async fn ticker(&self, symbol: &Symbol) -> Result<Option<String>, ReadError> {
        let row = |index: &SeriesIndex| index.symbols.iter().find(|row| row.symbol == *symbol).cloned();
        let index = self.index(|index| row(index).is_some()).await;
        let row = row(&index).ok_or_else(|| ReadError::NotFound(format!("{symbol} is not tracked")))?;
        Ok(Some(row.vendor_ticker))
    }

    async fn requests(&self, ticker: Option<String>, limit: usize) -> Result<Vec<RequestRow>, ReadError> {
        let filter = RequestFilter { ticker, ..RequestFilter::default() };
        Ok(self.engine.store.requests(&filter, limit).await?)
    }

    /// One request for the vendor's tickers, unless the limit is taken.
    async fn tickers(&self, search: &str) -> Result<Vec<FoundTicker>, ReadError> {
        let refused = |why: String| Err(ReadError::Refused(why));
        let text = search.trim();
        if text.is_empty() || text.chars().count() > LONGEST {
            return refused(format!("search for 1 to {LONGEST} characters of a ticker or a name"));
        }
        if self.access == Access::Read {
            return refused("a search costs a request to the vendor, and this console is read-only".to_owned());
        }
        let wait = self.engine.limiter.expected_wait();
        if wait > SEARCH_PATIENCE {
            let seconds = wait.as_secs();
            return refused(format!(
                "the rate limit is taken for the next {seconds} s; try again then, or write the symbol"
            ));
        }
        let mut run = self.engine.for_run();
        Arc::make_mut(&mut run.settings).vendor.attempts = 1;
        let (cancel, text) = (CancellationToken::new(), text.to_owned());
        // Whoever asked may be gone, but a request is never dropped on its way.
        let given_up = cancel.clone().drop_guard();
        let asked = tokio::spawn(async move {
            let dispatcher = run.dispatcher(None, RequestPurpose::Lookup, Arc::new(Silent));
            search::search(&dispatcher, &text, &cancel).await
        });
        let answer = asked.await;
        drop(given_up);
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(fault)) => refused(fault.to_string()),
            Err(e) => Err(ReadError::Unavailable(e.to_string())),
        }
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.publisher.watch().borrow().clone()
    }
}

#[async_trait]
impl Console for LocalConsole {
    fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.publisher.watch()
    }

    fn notices(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.tail.subscribe()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    fn access(&self) -> Access {
        self.access
    }

    async fn order(&self, action: EngineCommand) -> Result<CommandReply, CommandError> {
        if self.access == Access::Read && !matches!(action, EngineCommand::Preview(_)) {
            return Err(CommandError::Refused("this console is read-only".to_owned()));
        }
        self.handle.order(action, &self.by).await
    }

    async fn ask(&self, question: ConsoleRequest) -> Result<ConsoleResponse, ReadError> {
        let store = self.engine.store.as_ref();
        Ok(match question {
            ConsoleRequest::Detail { symbol, timeframe } => {
                let ticker = self.ticker(&symbol).await?;
                let requests = self.requests(ticker, RECENT_REQUESTS).await?;
                let detail = detail(&self.engine, &symbol, timeframe, requests).await?;
                ConsoleResponse::Detail(Box::new(detail))
            }
            ConsoleRequest::Coverage { series, from, to } => {
                let has_all = |index: &SeriesIndex| series.iter().all(|(s, tf)| index.find(s, *tf).is_some());
                let index = self.index(has_all).await;
                ConsoleResponse::Coverage(coverage::days(&self.engine, &index, &series, from, to).await?)
            }
            ConsoleRequest::Session { symbol, timeframe, date } => {
                let index = self.index(|index| index.find(&symbol, timeframe).is_some()).await;
                ConsoleResponse::Session(coverage::session(&self.engine, &index, &symbol, timeframe, date).await?)
            }
            ConsoleRequest::History { limit } => {
                ConsoleResponse::History(ExecutionHistory::read(store, limit.min(MOST_ROWS)).await?.executions)
            }
            ConsoleRequest::Execution { id } => {
                ConsoleResponse::Execution(Box::new(ExecutionDetail::read(store, id).await?))
            }
            ConsoleRequest::Requests { symbol, limit } => {
                let ticker = match &symbol {
                    Some(symbol) => self.ticker(symbol).await?,
                    None => None,
                };
                ConsoleResponse::Requests(self.requests(ticker, limit.min(MOST_ROWS)).await?)
            }
            ConsoleRequest::Quarantine { limit } => {
                let mut rows = store.quarantine(true).await?;
                rows.truncate(limit.min(MOST_ROWS));
                ConsoleResponse::Quarantine(rows)
            }
            ConsoleRequest::QuarantinedBar { id } => {
                let view = quarantine::view(store, id).await.map_err(|e| match e {
                    DecisionError::Store(e) => e.into(),
                    e => ReadError::NotFound(e.to_string()),
                })?;
                ConsoleResponse::QuarantinedBar(Box::new(view))
            }
            ConsoleRequest::Failures { limit } => {
                let limit = limit.min(MOST_ROWS);
                let mut series = store.latest_statuses(self.engine.clock.now() - 7 * DAY).await?;
                series.retain(|row| row.status == SeriesRunState::Failed);
                series.sort_by_key(|row| std::cmp::Reverse(row.completed_at));
                series.truncate(limit);
                ConsoleResponse::Failures { series, features: store.feature_failures(true, limit).await? }
            }
            ConsoleRequest::Alerts { limit } => {
                ConsoleResponse::Alerts(store.alerts(false, limit.min(MOST_ROWS)).await?)
            }
            ConsoleRequest::Actions { limit } => {
                ConsoleResponse::Actions(store.operator_actions(None, limit.min(MOST_ROWS)).await?)
            }
            ConsoleRequest::Tickers { search } => ConsoleResponse::Tickers(self.tickers(&search).await?),
            ConsoleRequest::Log { limit } => ConsoleResponse::Log(self.tail.last(limit.min(MOST_ROWS))),
        })
    }
}
