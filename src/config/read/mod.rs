//! From a tree of YAML to settings and policy.

pub(crate) mod load;
pub(crate) mod read_policy;
pub(crate) mod read_settings;
mod symbol_list;
mod vendors;
