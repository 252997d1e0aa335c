//! Alerts: when something is wrong, who hears of it, once, and again when it is over.
//!
//! [`mod@conditions`] decides from plain inputs and the policy, [`state`] turns what holds now into what is new and what is
//! over and keeps that in the table `alerts`, [`notify`] tells the log, a webhook and a mailbox. A receiver that is slow,
//! dead or refusing never holds up the first two.

pub mod conditions;
pub mod inputs;
pub mod mail;
pub mod monitor;
pub mod notify;
mod receiver;
pub mod state;
pub mod webhook;

pub use conditions::{AlertCondition, DatabaseLoss, Inputs, Kind, conditions};
pub use monitor::{AlertMonitor, DatabaseHealth};
pub use notify::Notifier;
pub use receiver::Notification;
pub use state::{AlertChange, AlertState};
