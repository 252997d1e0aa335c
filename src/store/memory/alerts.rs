//! Alerts that were raised, and what operators did. Neither is ever deleted, so a key is a count.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::{AlertRow, NewAlert, OpenAlertCount, OperatorAction, OperatorActionRow};
use barkeep_market::Ts;

#[derive(Debug, Default)]
pub(super) struct Alerts {
    alerts: Vec<AlertRow>,
    actions: Vec<OperatorActionRow>,
}

impl Alerts {
    /// Newest first.
    pub(super) fn all(&self, only_open: bool, limit: usize) -> Vec<AlertRow> {
        let wanted = |row: &&AlertRow| !only_open || row.resolved_at.is_none();
        let mut rows: Vec<&AlertRow> = self.alerts.iter().filter(wanted).collect();
        rows.sort_by_key(|row| Reverse((row.raised_at, row.id)));
        rows.into_iter().take(limit).cloned().collect()
    }

    /// By kind and severity.
    pub(super) fn open_counts(&self) -> Vec<OpenAlertCount> {
        let mut counts: BTreeMap<(&str, &str), OpenAlertCount> = BTreeMap::new();
        for row in self.alerts.iter().filter(|row| row.resolved_at.is_none()) {
            let none = || OpenAlertCount { kind: row.kind.clone(), severity: row.severity, open: 0 };
            counts.entry((&row.kind, row.severity.name())).or_insert_with(none).open += 1;
        }
        counts.into_values().collect()
    }

    /// Raises an alert unless one of this kind and subject is open; says whether it did.
    pub(super) fn raise(&mut self, alert: &NewAlert) -> bool {
        if self.open(&alert.kind, alert.subject.as_deref()).is_some() {
            return false;
        }
        let NewAlert { kind, severity, subject, message, raised_at } = alert.clone();
        let id = self.alerts.len() as i64 + 1;
        self.alerts.push(AlertRow { id, kind, severity, subject, message, raised_at, resolved_at: None });
        true
    }

    /// Resolves the open alert of this kind and subject; says whether there was one.
    pub(super) fn resolve(&mut self, kind: &str, subject: Option<&str>, at: Ts) -> bool {
        self.open(kind, subject).map(|row| row.resolved_at = Some(at)).is_some()
    }

    fn open(&mut self, kind: &str, subject: Option<&str>) -> Option<&mut AlertRow> {
        let same = |row: &AlertRow| row.kind == kind && row.subject.as_deref() == subject;
        self.alerts.iter_mut().find(|row| row.resolved_at.is_none() && same(row))
    }

    /// Notes an action, unless it was noted before.
    pub(super) fn act(&mut self, action: &OperatorAction) {
        let key = |a: &OperatorAction| (a.at, a.actor.clone(), a.action.clone(), a.target.clone());
        let new = key(action);
        if self.actions.iter().all(|row| key(&row.action) != new) {
            self.actions.push(OperatorActionRow { id: self.actions.len() as i64 + 1, action: action.clone() });
        }
    }

    /// Newest first; all of them or those on one target.
    pub(super) fn actions(&self, target: Option<&str>, limit: usize) -> Vec<OperatorActionRow> {
        let wanted = |row: &&OperatorActionRow| target.is_none() || row.action.target.as_deref() == target;
        let mut rows: Vec<&OperatorActionRow> = self.actions.iter().filter(wanted).collect();
        rows.sort_by_key(|row| Reverse((row.action.at, row.id)));
        rows.into_iter().take(limit).cloned().collect()
    }
}
