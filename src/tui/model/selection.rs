//! What is selected, and which actions are available for it.

use uuid::Uuid;

use crate::actions::{Spec, operate};
use crate::model::Model;
use crate::model::screen::{ListId, Screen};
use barkeep_market::Ts;
use barkeep_runtime::console::{Access, QuarantineRow, SeriesName};

impl Model {
    /// The series that the selected row is about.
    #[must_use]
    pub fn selected_series(&self) -> Option<SeriesName> {
        if self.screen == Screen::Detail {
            return self.detail_series();
        }
        let list = self.focus();
        let row = self.cursor(list)?;
        Some(match list {
            ListId::Items => {
                let (_, item) = *self.items().get(row)?;
                (item.info.symbol.clone()?, item.info.timeframe?)
            }
            ListId::Symbols | ListId::Coverage => {
                let series = self.series_at(row)?;
                (series.symbol.clone(), series.timeframe)
            }
            ListId::ExecutionSeries => {
                let status = *self.execution_series().get(row)?;
                (status.symbol.clone(), status.timeframe)
            }
            ListId::FailingSeries => {
                let status = self.failing_series().get(row).copied()?;
                (status.symbol.clone(), status.timeframe)
            }
            ListId::FailingFeatures => {
                let failure = &self.failing_features().get(row).copied()?.failure;
                (failure.symbol.clone(), failure.timeframe)
            }
            ListId::Quarantine => {
                let bar = self.quarantine().get(row).copied()?;
                (bar.symbol.clone(), bar.timeframe)
            }
            _ => return None,
        })
    }

    /// The selected bar in quarantine.
    #[must_use]
    pub fn selected_quarantine(&self) -> Option<&QuarantineRow> {
        let list = self.focus();
        let row = self.cursor(list)?;
        match list {
            ListId::Quarantine => self.quarantine().get(row).copied(),
            ListId::DetailQuarantine => self.detail_quarantine().get(row),
            _ => None,
        }
    }

    /// The execution that the selected row is about.
    #[must_use]
    pub fn selected_execution(&self) -> Option<Uuid> {
        let list = self.focus();
        if list == ListId::ExecutionSeries {
            return self.executions.open;
        }
        let row = self.cursor(list)?;
        match list {
            ListId::Items => Some(self.items().get(row)?.0.execution_id),
            ListId::Executions => Some(self.executions().get(row)?.execution_id),
            ListId::OverviewExecutions => Some(self.snap.data.executions.get(row)?.execution_id),
            _ => None,
        }
    }

    /// The stretch of time that the selected row or day is about, with its series.
    #[must_use]
    pub fn selected_stretch(&self) -> Option<(SeriesName, Ts, Ts)> {
        match self.focus() {
            ListId::Gaps => {
                let gap = self.gaps().get(self.cursor(ListId::Gaps)?)?;
                Some((self.detail_series()?, gap.range.start, gap.range.end))
            }
            ListId::Coverage => {
                if let Some((name, gap)) = self.selected_hole() {
                    return Some((name, gap.range.start, gap.range.end));
                }
                let series = self.series_at(self.cursor(ListId::Coverage)?)?;
                let date = self.coverage_date();
                let class = series.asset_class;
                let end = class.midnight(date.succ_opt().unwrap_or(date));
                Some(((series.symbol.clone(), series.timeframe), class.midnight(date), end))
            }
            _ => None,
        }
    }

    /// `Err`: why an action is not available now.
    ///
    /// # Errors
    /// Why the action is not available now.
    pub fn permits(&self, spec: &Spec) -> Result<(), String> {
        if !spec.scope.includes(self.screen) {
            return Err(format!("{} is not available on this screen", spec.any_title()));
        }
        if spec.is_command {
            operate(self)?;
        }
        (spec.enabled)(self)
    }

    /// Whether an action is offered at all: a read-only dashboard offers no commands.
    #[must_use]
    pub fn offers(&self, spec: &Spec) -> bool {
        let reads_only = self.access == Access::Read;
        spec.scope.includes(self.screen) && !(spec.is_command && reads_only)
    }
}
