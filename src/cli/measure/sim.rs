//! `barkeep sim`: the simulated vendor, until a signal ends it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use crate::args::{TimeBound, duration, symbol};
use crate::exit::CliError;
use crate::globals::{Globals, block_on};
use crate::output::print;
use crate::signals::Signals;
use barkeep_base::clock::SystemClock;
use barkeep_base::text::printable;
use barkeep_config::{ParseWordError, RateLimit, parse_delay};
use barkeep_market::freshness::Delay;
use barkeep_market::split::Split;
use barkeep_market::{AssetClass, Symbol};
use barkeep_sim::{FaultRule, Script, Sim, SimConfig, SimDelay, Window, fault_names};

/// How the simulated vendor counts requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WindowArg {
    /// In the last 60 seconds
    Sliding,
    /// In each minute since the start
    Fixed,
}

/// Run a simulated vendor: an HTTP server that behaves like the real one
///
/// It serves generated bars, the same for the same seed, or recorded ones. No key is needed.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example, in two terminals:
  barkeep sim --limit unlimited
  MASSIVE_API_KEY=any barkeep backfill AAPL --vendor-url http://127.0.0.1:8800")]
pub struct SimArgs {
    /// Address to listen on; port 0 is any free port
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8800")]
    pub listen: SocketAddr,

    /// Seed of the generated bars
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Accept only this key; may be repeated [default: any key]
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,

    /// Requests per minute, or unlimited; more are answered with 429
    #[arg(long, value_name = "N|unlimited", default_value = "5")]
    pub limit: RateLimit,

    /// How requests are counted
    #[arg(long, value_enum, default_value_t = WindowArg::Sliding)]
    pub window: WindowArg,

    /// Send Retry-After with 429
    #[arg(long)]
    pub retry_after: bool,

    /// Delay of each answer, such as 80ms
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = duration)]
    pub latency: Duration,

    /// Years of history that the plan includes [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub plan_years: Option<u32>,

    /// How far behind real time the data is: realtime, end_of_day, or a duration such as 15m
    #[arg(long, value_name = "DELAY", default_value = "realtime", value_parser = parse_delay)]
    pub delay: Delay,

    /// Serve recorded bars from this directory
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,

    /// Recording to serve where a symbol has several
    #[arg(long, value_name = "TAG", requires = "replay")]
    pub replay_source: Option<String>,

    /// Add a split, such as AAPL:2020-08-31:1:4; may be repeated
    #[arg(long, value_name = "SYMBOL:DATE:FROM:TO")]
    pub split: Vec<SplitArg>,

    /// Fixed time of the vendor [default: the clock of this machine]
    #[arg(long, value_name = "TIME")]
    pub now: Option<TimeBound>,

    /// Compute each answer only once, for measurements
    #[arg(long, requires = "now")]
    pub keep_answers: bool,

    /// Add a fault, as the control endpoint takes it, such as '{"kind":"html_502"}'; may be repeated
    #[arg(long, value_name = "JSON")]
    pub fault: Vec<String>,

    /// Play a script of events and faults, YAML or JSON: late bars, holes, corrections, delistings
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
}

/// A split on the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitArg {
    pub symbol: Symbol,
    pub split: Split,
}

impl FromStr for SplitArg {
    type Err = ParseWordError;
    fn from_str(s: &str) -> Result<Self, ParseWordError> {
        let parsed = || {
            // From the right: a symbol may hold a colon.
            let mut parts = s.rsplitn(4, ':');
            let to: f64 = parts.next()?.parse().ok()?;
            let from: f64 = parts.next()?.parse().ok()?;
            let date: NaiveDate = parts.next()?.parse().ok()?;
            let symbol = symbol(parts.next()?).ok()?;
            let split = Split { date, from, to };
            split.is_sound().then_some(Self { symbol, split })
        };
        parsed().ok_or_else(|| ParseWordError::new(s, "a split; use SYMBOL:DATE:FROM:TO such as AAPL:2020-08-31:1:4"))
    }
}

impl SimArgs {
    fn config(&self) -> Result<SimConfig, CliError> {
        let faults = self.fault.iter().map(|text| {
            serde_json::from_str::<FaultRule>(text).map_err(|e| {
                CliError::usage(format!("--fault {} is not a fault: {}", printable(text), printable(&e.to_string())))
                    .hint(format!(
                        "for example: {{\"kind\":\"html_502\",\"page\":3}}; kinds: {}",
                        fault_names().join(", ")
                    ))
            })
        });
        Ok(SimConfig {
            seed: self.seed,
            keys: (!self.key.is_empty()).then(|| self.key.clone()),
            rate_limit: self.limit.per_minute(),
            window: match self.window {
                WindowArg::Sliding => Window::Sliding,
                WindowArg::Fixed => Window::Fixed,
            },
            retry_after: self.retry_after,
            latency: self.latency,
            plan_years: self.plan_years,
            delay: match self.delay {
                Delay::EndOfDay => SimDelay::EndOfDay,
                Delay::After(d) if d.is_zero() => SimDelay::Realtime,
                Delay::After(d) if d == QUARTER => SimDelay::Minutes15,
                Delay::After(_) => {
                    return Err(CliError::usage("--delay: the vendor's plans know realtime, 15m and end_of_day"));
                }
            },
            now: self.now.map(|when| when.start(AssetClass::Stock)),
            replay: self.replay.clone(),
            replay_source: self.replay_source.clone(),
            splits: self.split.iter().map(|s| (s.symbol.to_string(), s.split)).collect(),
            faults: faults.collect::<Result<_, _>>()?,
            script: self.script.as_deref().map_or_else(|| Ok(Script::default()), script)?,
            keep_answers: self.keep_answers,
            ..SimConfig::default()
        })
    }
}

/// Reads a script.
fn script(path: &Path) -> Result<Script, CliError> {
    let name = printable(&path.display().to_string());
    let text = std::fs::read_to_string(path)
        .map_err(|e| CliError::usage(format!("--script {name} cannot be read: {e}; name a readable file")))?;
    Script::parse(&text, &name).map_err(|e| CliError::usage(e.to_string()))
}

/// The delay of the vendor's middle plans.
const QUARTER: Duration = Duration::from_mins(15);

pub(crate) fn run(args: &SimArgs, globals: &Globals) -> Result<(), CliError> {
    let _session = globals.start_without_database()?;
    let config = args.config()?;
    block_on(async {
        let sim =
            Sim::start(args.listen, config, Arc::new(SystemClock)).await.map_err(|e| CliError::usage(e.to_string()))?;
        print(&format!("simulated vendor on {}; Ctrl-C stops it\n", sim.url()))?;
        let mut signals = Signals::listen(false);
        signals.next().await;
        sim.stop().await;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_or_its_mistake_is_placed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("night.yaml");
        std::fs::write(&path, "- {kind: late, ticker: SPY, delay: 3h}\n").unwrap();
        assert_eq!(script(&path).unwrap().events.len(), 1);
        std::fs::write(&path, "- kind: late\n  ticker: SPY\n  delay: soon\n").unwrap();
        let why = script(&path).unwrap_err().message;
        assert!(why.contains("night.yaml:3: ") && why.contains("write one such as 90m, 3h or 2d"), "{why}");
        let why = script(&dir.path().join("none.yaml")).unwrap_err().message;
        assert!(why.contains("none.yaml cannot be read"), "{why}");
    }

    #[test]
    fn splits_on_the_command_line() {
        let split: SplitArg = "X:BTCUSD:2024-01-02:8:1".parse().unwrap();
        assert_eq!((split.symbol.as_str(), split.split.from, split.split.to), ("X:BTCUSD", 8.0, 1.0));
        for bad in
            ["", "AAPL", "AAPL:2024-01-02:1", "AAPL:2024-01-02:0:4", "AAPL:2024-13-02:1:4", "AAPL:2024-01-02:1:inf"]
        {
            assert!(bad.parse::<SplitArg>().is_err(), "{bad}");
        }
    }
}
