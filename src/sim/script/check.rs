//! What is refused in a script before it is in force.

use crate::script::event::{ANY, Change, ScriptEvent};
use crate::script::when::When;

impl ScriptEvent {
    /// What is wrong with it, and what to do. Fields are in backticks, which is how their line is found again.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.ticker().is_some_and(str::is_empty) {
            return Err("`ticker` is empty; write a ticker such as AAPL or X:BTCUSD, or '*' for all".to_owned());
        }
        match self {
            Self::Hole { from, to, .. }
            | Self::Halt { from, to, .. }
            | Self::Late { from: Some(from), to: Some(to), .. } => range(*from, *to),
            Self::Correction { from, to, change, .. } | Self::Wrong { from, to, change, .. } => {
                range(*from, *to)?;
                changes(change)
            }
            Self::Extra { ticker, from, to, price, .. } => {
                one(ticker)?;
                positive("price", *price)?;
                range(*from, *to)
            }
            Self::Listed { ticker, .. }
            | Self::Delisted { ticker, .. }
            | Self::Reused { ticker, .. }
            | Self::Unknown { ticker } => one(ticker),
            Self::Renamed { from, to, .. } => {
                one(from)?;
                one(to)?;
                if from == to { Err("`from` and `to` are the same; name two tickers".to_owned()) } else { Ok(()) }
            }
            Self::Split { ticker, from, to, contradicting, .. } => {
                one(ticker)?;
                positive("from", Some(*from))?;
                positive("to", Some(*to))?;
                positive("contradicting", contradicting.map(|(from, _)| from))?;
                positive("contradicting", contradicting.map(|(_, to)| to))
            }
            Self::Plan { history_days: Some(0), .. } => {
                Err("`history_days` is 0; write at least 1, or leave it out".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn one(ticker: &str) -> Result<(), String> {
    if ticker == ANY || ticker.is_empty() {
        return Err("this happens to one `ticker`; name it, '*' is too many".to_owned());
    }
    Ok(())
}

fn range(from: When, to: When) -> Result<(), String> {
    if to.end(true) <= from.start(true) {
        return Err(format!("`to` {to} is not after `from` {from}; exchange them"));
    }
    Ok(())
}

fn positive(field: &str, value: Option<f64>) -> Result<(), String> {
    match value {
        Some(x) if !(x.is_finite() && x > 0.0) => Err(format!("`{field}` is {x}; write a number above 0")),
        _ => Ok(()),
    }
}

fn changes(change: &Change) -> Result<(), String> {
    if *change == Change::default() {
        return Err(
            "`change` is empty; write a factor on `price` or `volume`, or values of o, h, l, c, v, vw, n".into()
        );
    }
    Ok(())
}
