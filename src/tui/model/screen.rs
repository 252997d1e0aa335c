//! The screens, and the lists on each of them.

/// A screen; its number is its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    #[default]
    Overview,
    Symbols,
    Coverage,
    Detail,
    Executions,
    Vendor,
    Failures,
    Log,
}

/// Something with rows, one of which is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListId {
    /// Items of the running executions.
    Items,
    /// The open and the last alerts, on the overview.
    OverviewAlerts,
    /// The last executions, on the overview.
    OverviewExecutions,
    /// The freshness wall; it has no rows.
    Freshness,
    /// Series, filtered and sorted.
    Symbols,
    /// The same series in the coverage map.
    Coverage,
    Gaps,
    DetailQuarantine,
    Attempts,
    DetailRequests,
    Executions,
    /// Series of the execution that was opened.
    ExecutionSeries,
    /// The newest requests of all symbols.
    Requests,
    FailingSeries,
    FailingFeatures,
    Quarantine,
    Alerts,
    /// Who did what.
    Actions,
    Log,
}

impl Screen {
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Symbols,
        Self::Coverage,
        Self::Detail,
        Self::Executions,
        Self::Vendor,
        Self::Failures,
        Self::Log,
    ];

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Symbols => "Symbols",
            Self::Coverage => "Coverage",
            Self::Detail => "Detail",
            Self::Executions => "Executions",
            Self::Vendor => "Vendor",
            Self::Failures => "Failures & alerts",
            Self::Log => "Log",
        }
    }

    /// Its title where there is little room.
    #[must_use]
    pub const fn short_title(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Symbols => "Symb",
            Self::Coverage => "Cover",
            Self::Executions => "Runs",
            Self::Failures => "Fails",
            Self::Detail | Self::Vendor | Self::Log => self.title(),
        }
    }

    /// 1 to 8.
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize + 1
    }

    /// Its lists, in the order in which Tab goes through them.
    #[must_use]
    pub const fn lists(self) -> &'static [ListId] {
        match self {
            Self::Overview => &[ListId::Items, ListId::OverviewAlerts, ListId::OverviewExecutions, ListId::Freshness],
            Self::Symbols => &[ListId::Symbols],
            Self::Coverage => &[ListId::Coverage],
            Self::Detail => &[ListId::Gaps, ListId::DetailQuarantine, ListId::Attempts, ListId::DetailRequests],
            // The second is there once an execution was opened.
            Self::Executions => &[ListId::Executions, ListId::ExecutionSeries],
            Self::Vendor => &[ListId::Requests],
            Self::Failures => {
                &[ListId::FailingSeries, ListId::FailingFeatures, ListId::Quarantine, ListId::Alerts, ListId::Actions]
            }
            Self::Log => &[ListId::Log],
        }
    }
}

impl ListId {
    /// Its title on a screen where only one list is shown in full.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Items => "Running",
            Self::OverviewAlerts | Self::Alerts => "Alerts",
            Self::OverviewExecutions | Self::Executions => "Executions",
            Self::Freshness => "Freshness",
            Self::Symbols => "Symbols",
            Self::Coverage => "Coverage",
            Self::Gaps => "Gaps",
            Self::DetailQuarantine | Self::Quarantine => "Quarantine",
            Self::Attempts => "Attempts",
            Self::DetailRequests | Self::Requests => "Requests",
            Self::ExecutionSeries => "Series",
            Self::FailingSeries => "Failing series",
            Self::FailingFeatures => "Failing features",
            Self::Actions => "Operator actions",
            Self::Log => "Log",
        }
    }
}
