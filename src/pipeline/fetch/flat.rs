//! One date of the whole market's minutes, from a flat file.
//!
//! Like a grouped day it proves nothing by absence: a symbol that the file does not hold, or holds in contradiction to
//! itself, gets a request of its own, and so does every symbol when the file is unusable. The file stays on the disk until
//! all of its bars are committed, so that a run that was killed goes on with it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use tokio::sync::mpsc;

use super::{Fetcher, ItemError, VendorCapabilities};
use crate::index::registry::SeriesIds;
use crate::ingest::{AnswerVerdict, FamilyAnswer, PageJob, PendingCommit};
use barkeep_config::VendorSettings;
use barkeep_flatfiles::{FlatFiles, TickerBars, newest, read};
use barkeep_market::resample::resample;
use barkeep_market::{Family, Interval, Symbol, Timeframe, Ts};
use barkeep_plan::Item;
use barkeep_store::StoreError;
use barkeep_vendor::{Class, Fault};

/// A refused file that is younger means that the plan has none.
const LONGEST_EXCUSE: TimeDelta = TimeDelta::days(30);

/// Pieces of a file that may wait for their commit before the next is read.
const UNCOMMITTED: usize = 2;

/// The files of a run, and whose bars are taken from them.
pub struct FlatSource {
    files: FlatFiles,
    ids: tokio::sync::Mutex<HashMap<Symbol, Arc<SeriesIds>>>,
}

impl FlatSource {
    /// `None` where the settings want no files, hold no keys, or no client can be made from them.
    #[must_use]
    pub fn new(settings: &VendorSettings) -> Option<Self> {
        let files = FlatFiles::new(settings).unwrap_or_else(|fault| {
            tracing::warn!(error = %fault, "flat files cannot be used");
            None
        });
        files.map(|files| Self { files, ids: tokio::sync::Mutex::default() })
    }
}

/// What a plan may do with files.
#[must_use]
pub fn terms(settings: &VendorSettings, known: &VendorCapabilities, now: Ts) -> Option<barkeep_plan::FlatFileTerms> {
    let files = &settings.flat_files;
    let used = files.enabled && files.keys.is_some() && !known.files_refused;
    Some(barkeep_plan::FlatFileTerms {
        newest: newest(now).filter(|_| used)?,
        cost: files.cost.into(),
        without: known.not_in_files.clone(),
        without_dates: known.no_files.clone(),
    })
}

impl Fetcher {
    pub(super) async fn flat_file(&self, number: u64, item: &Item, date: NaiveDate) -> Result<(), ItemError> {
        let Some(source) = &self.flat_files else {
            return Err(Fault::new(Class::Permanent, "flat files need keys; see vendor.flat_files").into());
        };
        if self.capabilities().files_refused {
            return Ok(());
        }
        let (files, clock, journal) = (&source.files, &*self.engine.clock, self.dispatcher.journal());
        let answer = self.request(item, 0, |token| async move { files.fetch(date, clock, journal, &token).await });
        let ((stored, checked, attempt), permit) = match answer.await {
            Ok(answer) => answer,
            Err(fault) => return self.no_file(date, fault),
        };
        let left_out = checked.left_out.len();
        tracing::info!(%date, rows = checked.rows, tickers = checked.tickers, left_out, "a flat file was downloaded");
        self.report_page(number, 1.0, false);
        self.record(&attempt).await?;
        self.capabilities().needed += 1;
        let mut lacking = self.lacking(source, item).await?;
        let wanted: BTreeSet<String> = lacking.keys().cloned().collect();
        let (pieces, mut arriving) = mpsc::channel::<Vec<TickerBars>>(1);
        let reading = tokio::task::spawn_blocking(move || {
            let sink = |piece| match pieces.blocking_send(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let outcome = read(&stored, &checked, date, &wanted, sink);
            (stored, outcome)
        });
        let mut pending: VecDeque<PendingCommit> = VecDeque::new();
        while let Some(piece) = arriving.recv().await {
            if permit.token.is_cancelled() {
                break;
            }
            let answers = self.answers_of(piece, date, &mut lacking);
            // It is as old as its request.
            let job = PageJob::fetched(answers, None, attempt.started_at);
            pending.push_back(self.ingest.send(job).await);
            if pending.len() > UNCOMMITTED
                && let Some(first) = pending.pop_front()
            {
                first.wait().await?;
            }
        }
        drop(arriving);
        for commit in pending {
            commit.wait().await?;
        }
        if permit.token.is_cancelled() {
            return Err(Fault::cancelled().into());
        }
        let ended = reading.await.map_err(|e| Fault::malformed(format!("a flat file could not be read: {e}")))?;
        let (stored, outcome) = ended;
        if let Err(fault) = outcome {
            return self.no_file(date, fault);
        }
        stored.discard();
        if !lacking.is_empty() {
            let absent = lacking.into_values().map(|ids| ids.symbol.clone());
            self.learn(|capabilities| capabilities.not_in_files.extend(absent));
        }
        Ok(())
    }

    /// The symbols of an item by their tickers.
    async fn lacking(&self, source: &FlatSource, item: &Item) -> Result<HashMap<String, Arc<SeriesIds>>, StoreError> {
        let mut known = source.ids.lock().await;
        let mut all = HashMap::with_capacity(item.symbols.len());
        for symbol in item.symbols.iter() {
            let ids = if let Some(ids) = known.get(symbol) {
                Arc::clone(ids)
            } else {
                let ids = self.registry.series_ids(symbol, Family::Minute, &self.engine.settings).await?;
                Arc::clone(known.entry(symbol.clone()).or_insert(Arc::new(ids)))
            };
            all.insert(ids.ticker.clone(), ids);
        }
        Ok(all)
    }

    /// What a piece of a file says, ticker by ticker; these are no longer lacking.
    fn answers_of(
        &self,
        piece: Vec<TickerBars>,
        date: NaiveDate,
        lacking: &mut HashMap<String, Arc<SeriesIds>>,
    ) -> Vec<FamilyAnswer> {
        let mut answers = Vec::with_capacity(piece.len());
        for TickerBars { ticker, bars } in piece {
            let Some((_, ids)) = lacking.remove_entry(&ticker) else { continue };
            let day = Timeframe::D1.span(ids.class, ids.class.midnight(date));
            let answered: Interval = ids.base.snap_out(ids.class, day);
            let bars = if ids.base == Timeframe::M1 { bars } else { resample(&bars, ids.base, ids.class) };
            let horizon = self.horizon(ids.vendor, ids.class, Family::Minute);
            answers.push(FamilyAnswer { ids, answered, verdict: AnswerVerdict::Answered, bars, horizon });
        }
        answers
    }

    fn refuse_files(&self, fault: &Fault) {
        let mut told = true;
        self.learn(|capabilities| told = std::mem::replace(&mut capabilities.files_refused, true));
        if !told {
            tracing::warn!("{fault}; bars are requested symbol by symbol");
        }
    }

    /// A date without a usable file, or a plan without files: its bars are requested symbol by symbol.
    fn no_file(&self, date: NaiveDate, fault: Fault) -> Result<(), ItemError> {
        // An old file may only be older than what the plan includes.
        let recent = newest(self.now).is_none_or(|newest| newest - date < LONGEST_EXCUSE);
        match fault.class {
            Class::NotEntitled if recent || self.flat_files.as_ref().is_some_and(|s| s.files.is_refused()) => {
                self.refuse_files(&fault);
            }
            Class::Cancelled | Class::Journal => return Err(fault.into()),
            _ => {
                tracing::warn!("{fault}; the bars of {date} are requested symbol by symbol");
                self.learn(|capabilities| {
                    capabilities.no_files.insert(date);
                });
            }
        }
        Ok(())
    }
}
