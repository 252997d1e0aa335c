//! What is new and what is over: each kind of alert is raised once and resolved once, across restarts.
//!
//! The state is in memory, so that a lost database can be told at once; what the table does not have yet is written as
//! soon as it answers again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::conditions::{AlertCondition, Kind};
use barkeep_config::policy::Severity;
use barkeep_market::Ts;
use barkeep_store::{AlertRow, NewAlert, Store, StoreError};

/// Changes kept for a database that does not answer. Some kinds come and go; a day of flapping each minute is cut short.
const MOST_UNSAVED: usize = 256;
/// Alerts of one kind about different things that are open at once; the rest is told in one of its own.
const MOST_SUBJECTS: usize = 20;
/// More alerts than this are never open.
const MOST_OPEN: usize = 1_000;

/// An alert that came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertChange {
    pub kind: Kind,
    /// What it is about, of a kind that can be about several things.
    pub subject: Option<String>,
    pub severity: Severity,
    pub message: String,
    pub raised_at: Ts,
    /// Set when it is over.
    pub resolved_at: Option<Ts>,
}

impl AlertChange {
    fn row(&self) -> NewAlert {
        NewAlert {
            kind: self.kind.name().to_owned(),
            severity: self.severity,
            subject: self.subject.clone(),
            message: self.message.clone(),
            raised_at: self.raised_at,
        }
    }
}

type Key = (Kind, Option<String>);

/// The open alerts, and what the table does not know yet.
#[derive(Debug, Default)]
pub struct AlertState {
    open: BTreeMap<Key, AlertChange>,
    unsaved: VecDeque<AlertChange>,
}

impl AlertState {
    /// Takes up the alerts a former process left open: they are not reported again.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let rows = store.alerts(true, MOST_OPEN).await?;
        let known = rows.into_iter().filter_map(|row| {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == row.kind)?;
            let AlertRow { severity, subject, message, raised_at, .. } = row;
            Some((
                (kind, subject.clone()),
                AlertChange { kind, subject, severity, message, raised_at, resolved_at: None },
            ))
        });
        Ok(Self { open: known.collect(), unsaved: VecDeque::new() })
    }

    /// The open alerts.
    pub fn open(&self) -> impl Iterator<Item = &AlertChange> {
        self.open.values()
    }

    /// Compares what is wrong now with what was; gives what changed, to be told. A condition that lasts is no change.
    ///
    /// `judged` names the kinds that could be judged: while the database is lost the others stay as they are.
    pub fn step(&mut self, now: Ts, judged: &[Kind], conditions: &[AlertCondition]) -> Vec<AlertChange> {
        let mut changes = Vec::new();
        for kind in judged {
            let holds = self.held(*kind, conditions);
            let known: Vec<Key> = self.open.keys().filter(|key| key.0 == *kind).cloned().collect();
            for key in known.iter().filter(|key| !holds.contains_key(&key.1)) {
                if let Some(over) = self.open.remove(key) {
                    // A clock set back must not make an alert end before it began.
                    changes.push(AlertChange { resolved_at: Some(now.max(over.raised_at)), ..over });
                }
            }
            for (subject, (severity, message)) in holds {
                let key = (*kind, subject);
                if let Entry::Vacant(place) = self.open.entry(key) {
                    let subject = place.key().1.clone();
                    let change =
                        AlertChange { kind: *kind, subject, severity, message, raised_at: now, resolved_at: None };
                    changes.push(place.insert(change).clone());
                }
            }
        }
        for change in &changes {
            if self.unsaved.len() == MOST_UNSAVED {
                self.unsaved.pop_front();
                tracing::warn!("the database has been unreachable for too long: the oldest alert change is dropped");
            }
            self.unsaved.push_back(change.clone());
        }
        changes
    }

    /// What holds of one kind, by subject: what is open stays open, new ones come up to a limit, and the rest is one.
    fn held(&self, kind: Kind, conditions: &[AlertCondition]) -> BTreeMap<Option<String>, (Severity, String)> {
        let of_kind = || conditions.iter().filter(|c| c.kind == kind);
        let is_open = |c: &&AlertCondition| self.open.contains_key(&(kind, c.subject.clone()));
        let told = |c: &AlertCondition| (c.subject.clone(), (c.severity, c.message.clone()));
        let mut held: BTreeMap<_, _> = of_kind().filter(is_open).map(told).collect();
        let mut rest: Option<(usize, &AlertCondition)> = None;
        for new in of_kind().filter(|c| !is_open(c) && !c.is_excused) {
            if held.len() < MOST_SUBJECTS {
                held.extend([told(new)]);
            } else {
                rest = Some(rest.map_or((1, new), |(n, first)| (n + 1, first)));
            }
        }
        if let Some((n, first)) = rest {
            let severity = of_kind().map(|c| c.severity).max().unwrap_or(first.severity);
            held.insert(None, (severity, format!("{n} more, the first of them: {}", first.message)));
        }
        held
    }

    /// Writes what the table does not have.
    ///
    /// # Errors
    /// When the database cannot be written; what is not stored yet stays for the next call.
    pub async fn save(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        while let Some(change) = self.unsaved.front() {
            match change.resolved_at {
                None => store.raise_alert(&change.row()).await.map(drop)?,
                Some(at) => {
                    store.resolve_alert(change.kind.name(), change.subject.as_deref(), at).await.map(drop)?;
                }
            }
            self.unsaved.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(kind: Kind) -> AlertCondition {
        AlertCondition {
            kind,
            subject: None,
            severity: Severity::Warning,
            message: format!("{kind} is wrong"),
            is_excused: false,
        }
    }

    fn told(changes: &[AlertChange]) -> Vec<(Kind, bool)> {
        changes.iter().map(|c| (c.kind, c.resolved_at.is_some())).collect()
    }

    #[tokio::test]
    async fn raised_once_resolved_once_and_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = barkeep_store::open(&format!("sqlite:{}", dir.path().join("a.db").display()), false).await.unwrap();
        let (stale, key) = (Kind::StaleFeatures, Kind::VendorKeyRefused);
        let mut watch = AlertState::load(store.as_ref()).await.unwrap();
        assert_eq!(told(&watch.step(Ts(1), &Kind::ALL, &[wrong(stale)])), [(stale, false)]);
        assert_eq!(told(&watch.step(Ts(2), &Kind::ALL, &[wrong(stale)])), [], "it lasts");
        watch.save(store.as_ref()).await.unwrap();

        let mut watch = AlertState::load(store.as_ref()).await.unwrap();
        assert_eq!(told(&watch.step(Ts(3), &Kind::ALL, &[wrong(stale), wrong(key)])), [(key, false)]);
        assert_eq!(told(&watch.step(Ts(4), &Kind::ALL, &[wrong(key)])), [(stale, true)]);
        watch.save(store.as_ref()).await.unwrap();
        let rows = store.alerts(false, 9).await.unwrap();
        let rows: Vec<_> = rows.iter().map(|r| (r.kind.as_str(), r.raised_at, r.resolved_at)).collect();
        assert_eq!(rows, [("vendor_key_refused", Ts(3), None), ("stale_features", Ts(1), Some(Ts(4)))]);
        store.close().await;
    }

    #[tokio::test]
    async fn while_the_database_is_away_nothing_is_lost_and_nothing_else_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("a.db").display());
        let store = barkeep_store::open(&url, false).await.unwrap();
        let deaf = barkeep_store::open(&url, true).await.unwrap();
        let (stale, lost) = (Kind::StaleFeatures, Kind::DatabaseLost);
        let mut watch = AlertState::default();
        watch.step(Ts(1), &Kind::ALL, &[wrong(stale)]);
        assert_eq!(told(&watch.step(Ts(2), &[lost], &[wrong(lost)])), [(lost, false)]);
        assert!(watch.save(deaf.as_ref()).await.is_err());
        assert_eq!(told(&watch.step(Ts(3), &Kind::ALL, &[])), [(stale, true), (lost, true)]);
        watch.save(store.as_ref()).await.unwrap();
        let rows = store.alerts(false, 9).await.unwrap();
        let rows: Vec<_> = rows.iter().map(|r| (r.kind.as_str(), r.raised_at, r.resolved_at)).collect();
        assert_eq!(rows, [("database_lost", Ts(2), Some(Ts(3))), ("stale_features", Ts(1), Some(Ts(3)))]);
        deaf.close().await;
        store.close().await;
    }

    fn late(series: usize, is_excused: bool) -> AlertCondition {
        AlertCondition { subject: Some(format!("S{series:03} 5m")), is_excused, ..wrong(Kind::RpoBreached) }
    }

    #[tokio::test]
    async fn each_subject_comes_and_goes_by_itself_and_across_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = barkeep_store::open(&format!("sqlite:{}", dir.path().join("a.db").display()), false).await.unwrap();
        let subjects = |changes: &[AlertChange]| {
            changes.iter().map(|c| (c.subject.clone().unwrap(), c.resolved_at.is_some())).collect::<Vec<_>>()
        };
        let mut watch = AlertState::default();
        let told = watch.step(Ts(1), &Kind::ALL, &[late(1, false), late(2, false), late(3, true)]);
        assert_eq!(subjects(&told), [("S001 5m".to_owned(), false), ("S002 5m".to_owned(), false)], "one is excused");
        watch.save(store.as_ref()).await.unwrap();
        let mut watch = AlertState::load(store.as_ref()).await.unwrap();
        let told = watch.step(Ts(2), &Kind::ALL, &[late(1, true), late(3, false)]);
        assert_eq!(subjects(&told), [("S002 5m".to_owned(), true), ("S003 5m".to_owned(), false)], "one stays");
        watch.save(store.as_ref()).await.unwrap();
        let rows = store.alerts(true, 9).await.unwrap();
        let mut open: Vec<_> = rows.into_iter().filter_map(|row| row.subject).collect();
        open.sort();
        assert_eq!(open, ["S001 5m", "S003 5m"]);
        store.close().await;
    }

    #[test]
    fn many_subjects_at_once_are_not_many_messages() {
        let mut watch = AlertState::default();
        let all: Vec<AlertCondition> = (0..500).map(|k| late(k, false)).collect();
        let told = watch.step(Ts(1), &Kind::ALL, &all);
        assert_eq!(told.len(), MOST_SUBJECTS + 1);
        let rest: Vec<_> = told.iter().filter(|c| c.subject.is_none()).map(|c| c.message.as_str()).collect();
        assert_eq!(rest, ["480 more, the first of them: rpo_breached is wrong"]);
        assert_eq!(watch.step(Ts(2), &Kind::ALL, &all[..490]), [], "it lasts");
        let over = watch.step(Ts(3), &Kind::ALL, &all[..5]);
        assert_eq!(over.iter().filter(|c| c.resolved_at.is_some()).count(), MOST_SUBJECTS - 5 + 1);
        assert_eq!(watch.open().count(), 5);
    }

    #[test]
    fn a_long_outage_keeps_a_bounded_number_of_changes() {
        let mut watch = AlertState::default();
        for t in 0..2_000 {
            let now = if t % 2 == 0 { vec![wrong(Kind::StaleFeatures)] } else { Vec::new() };
            watch.step(Ts(t), &[Kind::StaleFeatures], &now);
        }
        assert_eq!(watch.unsaved.len(), MOST_UNSAVED);
    }
}
