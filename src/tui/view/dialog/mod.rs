//! Dialogs above a screen: confirmations and menus.

pub(crate) mod command;
pub(crate) mod confirm;
pub(crate) mod menu;
pub(crate) mod messages;
