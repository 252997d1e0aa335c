//! The console protocol as the document shows it: the shapes of [`barkeep_service::handle::EngineCommand`] and
//! [`barkeep_runtime::console::ConsoleRequest`]. Schemas only; a test holds their names against the real types.
#![allow(dead_code, reason = "schemas only")]

use utoipa::openapi::schema::{ArrayBuilder, ArrayItems};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::docs::{AssetClassName, CriticalityName, SymbolName, TimeframeName, WhenText};

/// Which series.
#[derive(ToSchema)]
pub(super) struct SelectionBody {
    /// None at all: every active symbol.
    symbols: Vec<SymbolName>,
    timeframes: Option<Vec<TimeframeName>>,
    from: Option<WhenText>,
    to: Option<WhenText>,
    /// Of symbols not registered yet.
    class: Option<AssetClassName>,
}

/// What a trigger is about.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum WhatBody {
    Selection(SelectionBody),
    Tier(CriticalityName),
    Stale,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum TriggerName {
    Schedule,
    Manual,
    Api,
    CatchUp,
    Cli,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum VerdictName {
    Accepted,
    Rejected,
}

/// The id of an execution.
#[derive(ToSchema)]
#[schema(format = "uuid")]
pub(super) struct ExecutionId(String);

/// A series by name: `["AAPL", "5m"]`. A derived schema of a pair would let `[]` pass.
pub(super) struct SeriesPair;

impl PartialSchema for SeriesPair {
    fn schema() -> RefOr<Schema> {
        let parts = [SymbolName::schema(), TimeframeName::schema()];
        let parts = parts.into_iter().filter_map(|part| match part {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(_) => None,
        });
        let pair = ArrayBuilder::new().prefix_items(parts).items(ArrayItems::False);
        pair.min_items(Some(2)).max_items(Some(2)).into()
    }
}

impl ToSchema for SeriesPair {}

/// An action of the console protocol.
#[derive(ToSchema)]
#[serde(tag = "action", content = "of", rename_all = "snake_case")]
pub(super) enum ActionBody {
    Trigger {
        what: WhatBody,
        trigger: TriggerName,
    },
    Preview(WhatBody),
    Pause,
    Resume,
    PauseSymbols(Vec<SymbolName>),
    ResumeSymbols(Vec<SymbolName>),
    PauseSeries(Vec<SeriesPair>),
    ResumeSeries(Vec<SeriesPair>),
    /// One execution, or all of them.
    Cancel(Option<ExecutionId>),
    CancelSeries {
        execution: ExecutionId,
        series: Vec<SeriesPair>,
    },
    RetryFailed(Option<ExecutionId>),
    Decide {
        id: i64,
        verdict: VerdictName,
    },
}

/// A question of the console protocol.
#[derive(ToSchema)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum QuestionBody {
    Detail {
        symbol: SymbolName,
        timeframe: TimeframeName,
    },
    Coverage {
        #[schema(max_items = 200)]
        series: Vec<SeriesPair>,
        #[schema(format = Date)]
        from: String,
        #[schema(format = Date)]
        to: String,
    },
    Session {
        symbol: SymbolName,
        timeframe: TimeframeName,
        #[schema(format = Date)]
        date: String,
    },
    History {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Execution {
        #[schema(format = "uuid")]
        id: String,
    },
    Requests {
        symbol: Option<SymbolName>,
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Quarantine {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Failures {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Alerts {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Actions {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
    Log {
        #[schema(minimum = 0, maximum = 1000)]
        limit: u32,
    },
}
