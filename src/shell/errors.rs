//! Errors of other modules in the words of the command line.

use barkeep_api::client::AttachError;
use barkeep_pipeline::RunError;
use barkeep_pipeline::open::OpenError;
use barkeep_pipeline::select::SelectError;
use barkeep_report::baseline::BaselineError;
use barkeep_report::loadtest::LoadTestError;
use barkeep_store::StoreError;

use super::exit::{CliError, DATABASE, INTERRUPTED, KEY_REFUSED, SOME_FAILED};

impl From<BaselineError> for CliError {
    fn from(e: BaselineError) -> Self {
        match e {
            BaselineError::Open(OpenError::Store(e)) | BaselineError::Store(e) => scratch_error(e),
            BaselineError::Open(OpenError::Vendor(message)) => Self::usage(message),
            BaselineError::Run(e) => e.into(),
        }
    }
}

/// What goes wrong with a temporary database.
#[must_use]
pub fn scratch_error(e: StoreError) -> CliError {
    match e {
        StoreError::NotFound(message) => CliError::usage(message),
        e => CliError::new(DATABASE, e.to_string()),
    }
}

impl From<LoadTestError> for CliError {
    fn from(e: LoadTestError) -> Self {
        let hint = match &e {
            LoadTestError::NoServer { .. } => {
                "start one with `barkeep run --headless`, give its URL with --url, or use --spawn"
            }
            LoadTestError::NoKey { .. } => "create one with `barkeep keys create NAME` and set BARKEEP_API_KEY",
            LoadTestError::Spawn(_) => return Self::new(SOME_FAILED, e.to_string()),
        };
        Self::usage(e.to_string()).hint(hint)
    }
}

impl From<AttachError> for CliError {
    fn from(e: AttachError) -> Self {
        let message = e.to_string();
        match e {
            AttachError::Url(_) => Self::usage(message),
            AttachError::Refused(_) => Self::usage(format!("the service refused: {message}"))
                .hint("set BARKEEP_API_KEY to one of its keys; `barkeep keys create NAME` on its machine makes one"),
            AttachError::Unreachable(_) => Self::new(SOME_FAILED, format!("no service to attach to: {message}"))
                .hint("start one with `barkeep run --headless`, or give the URL it listens on"),
        }
    }
}

impl From<SelectError> for CliError {
    /// In the words of the command line.
    fn from(e: SelectError) -> Self {
        let message = e.to_string();
        match e {
            SelectError::NoSymbols => Self::usage(message).hint("add some with `barkeep symbols add AAPL SPY BTC`"),
            SelectError::ClassDiffers { symbol, .. } => Self::usage(message)
                .hint(format!("omit --asset-class, or remove it first with `barkeep symbols remove {symbol}`")),
            SelectError::VendorDiffers { symbol, requested, .. } => Self::usage(message).hint(format!(
                "omit --vendor; `barkeep symbols set {symbol} --vendor {requested}` changes it while it has no bars"
            )),
            SelectError::EmptyRange { from, to } => Self::usage(format!("--from {from} is after --to {to}; swap them")),
            SelectError::Future { from } => Self::usage(format!("--from {from} is in the future; there are no bars yet")),
            SelectError::Name(_) => Self::usage(message),
            SelectError::AllPaused => Self::usage(message)
                .hint("resume one with `barkeep symbols set SYMBOL --paused=false --timeframe TF`, or name --timeframes to fetch it anyway"),
        }
    }
}

impl From<RunError> for CliError {
    fn from(e: RunError) -> Self {
        match e {
            RunError::Selection(e) => e.into(),
            RunError::CancelledInLine => Self::new(INTERRUPTED, e.to_string()),
            // The fault itself says that the vendor refused the key.
            RunError::KeyRefused(fault) => Self::new(KEY_REFUSED, fault.to_string())
                .hint("check MASSIVE_API_KEY, POLYGON_API_KEY or vendor.key_file; no more requests were made"),
            RunError::Store(e) => {
                let error = Self::new(DATABASE, e.to_string());
                match e {
                    // What was committed is safe as long as the file is.
                    e if e.is_transient() => {
                        error.hint("what is committed is safe; run the same command again to resume")
                    }
                    StoreError::Unusable(_) => error.hint("`barkeep db check` shows what is wrong with the database"),
                    _ => error,
                }
            }
        }
    }
}
