//! The types that cross the wire, shared by the server and its client.
//!
//! They are not the rows of the database nor the models of the screens: a column can be added or renamed without changing
//! the API. Each is also its own schema in the `OpenAPI` document. A fact has one name; where older clients know it by
//! another one, the description says so.

mod command;
mod detail;
mod execution;
mod holes;
mod names;
mod question;
mod records;
mod report;
mod snapshot;
mod symbols;

/// A wire type with the same members as a model, and the conversions both ways. A member that is missing here or there
/// does not compile.
macro_rules! mirror {
    ($(#[$meta:meta])* $name:ident of $model:path { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)+
        }

        impl From<$model> for $name {
            fn from(model: $model) -> Self {
                let $model { $($field,)+ } = model;
                Self { $($field: $field.into(),)+ }
            }
        }

        impl From<$name> for $model {
            fn from(wire: $name) -> Self {
                let $name { $($field,)+ } = wire;
                Self { $($field: $field.into(),)+ }
            }
        }
    };
}
use mirror;

/// A wire type that is written like a type of another module, with a schema of its own.
macro_rules! wrap {
    ($(#[$meta:meta])* $name:ident($kind:ty) as $schema:ty) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = $schema)]
        pub struct $name($kind);

        impl From<$kind> for $name {
            fn from(value: $kind) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $kind {
            fn from(wire: $name) -> Self {
                wire.0
            }
        }
    };
}
use wrap;

/// Converts every element of a list.
pub fn each<A, B: From<A>>(all: Vec<A>) -> Vec<B> {
    all.into_iter().map(B::from).collect()
}

pub use command::{Command, CommandResult};
pub use execution::{Execution, SeriesRun};
pub use holes::{DoubtfulRange, Hole, HoleCounts};
pub use names::{AssetClassName, CriticalityName, IdempotencyKey, SymbolName, TimeframeName, WhenText};
pub use question::{Question, Reply};
pub use records::QuarantinedBar;
pub use report::{Rpo, SeriesAge};
pub use snapshot::{Data, HelloEvent, Live, Snapshot, SnapshotEvent};
pub use symbols::{TickerEntry, given};
