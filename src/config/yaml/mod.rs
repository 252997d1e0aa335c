//! The YAML files as a tree that knows its lines.

pub(crate) mod effective;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod path;
pub(crate) mod reader;
pub(crate) mod secret;
pub(crate) mod sources;
pub mod suggest;
pub(crate) mod tree;
pub(crate) mod word;
