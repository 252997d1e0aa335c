//! `barkeep status`: what is stored, how fresh it is and what is missing.

use clap::Args;

use super::args::symbol;
use crate::market::Symbol;

/// Show what is stored, how fresh it is and the gaps
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Only these symbols [default: all]
    #[arg(value_name = "SYMBOL", value_parser = symbol)]
    pub symbols: Vec<Symbol>,
}
