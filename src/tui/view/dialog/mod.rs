//! What lies above a screen: questions and menus.

pub(crate) mod confirm;
pub(crate) mod menu;
