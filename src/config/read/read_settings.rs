//! The settings out of their tree: types, ranges, contradictions.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::symbol_list::tracked;
use super::vendors;
use crate::environment::Environment;
use crate::policy::Policy;
use crate::settings::{
    BackfillSettings, DatabaseUrl, FeatureSettings, Mode, QualitySettings, RateLimit, RetentionSettings, Settings,
    StalenessSettings, SymbolSettings, VendorSettings, parse_delay,
};
use crate::yaml::error::ConfigError;
use crate::yaml::path::path;
use crate::yaml::reader::Reader;
use crate::yaml::tree::Node;
use barkeep_base::log::{LogFormat, LogSettings};
use barkeep_market::freshness::{StalenessClock, TierLimits};
use barkeep_market::quality::Thresholds;
use barkeep_market::{AssetClass, Criticality, Timeframe};

const MS: fn(u64) -> Duration = Duration::from_millis;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

pub(crate) fn settings(tree: &Node, policy: &Policy, env: &Environment) -> Result<Settings, ConfigError> {
    let root = Reader::root(tree);
    Ok(Settings {
        database: database(&root.get("database")?.get("url")?, env)?,
        database_connections: root.get("database")?.get("connections")?.int(2..=50)?,
        database_writers: root.get("database")?.get("writers")?.int(1..=8)?,
        retention: retention(&root.get("retention")?)?,
        vendor: vendor(&root.get("vendor")?, env)?,
        coinbase: vendors::coinbase(&root.get("vendors")?.get("coinbase")?)?,
        backfill: backfill(&root.get("backfill")?)?,
        symbols: symbols(&root.get("symbols")?, policy)?,
        quality: quality(&root.get("quality")?)?,
        staleness: StalenessSettings {
            clock: clock(&root.get("staleness")?.get("clock")?)?,
            acceptable: Criticality::ALL.map(|c| policy.rpo_by_symbol_criticality.of(c).acceptable_staleness),
            limits: limits(policy),
        },
        features: FeatureSettings { enabled: root.get("features")?.get("enabled")?.bool()? },
        log: log(&root.get("log")?, env)?,
        alerts: crate::alerts::read(&root.get("alerts")?, env)?,
        tui: crate::screen::read(&root.get("tui")?, env)?,
        keys: crate::screen::keys(&root.get("keys")?)?,
        api: crate::api::read(&root.get("api")?)?,
    })
}

/// The policy file named in the settings.
pub(crate) fn policy_file(tree: &Node, env: &Environment) -> Result<Option<PathBuf>, ConfigError> {
    Reader::root(tree).get("policy_file")?.optional().map(|r| path(&r, env)).transpose()
}

fn no_home(at: &Reader<'_>) -> ConfigError {
    at.error("has no default here: the home directory is unknown", "set it, or the variable HOME")
}

fn database(at: &Reader<'_>, env: &Environment) -> Result<DatabaseUrl, ConfigError> {
    let in_file = |path: &Path| {
        let text = path.to_str().ok_or_else(|| at.error("is not UTF-8", "use another path"))?;
        DatabaseUrl::from_str(&format!("sqlite:{text}")).map_err(|e| at.error(e, DatabaseUrl::EXPECTED))
    };
    let Ok(text) = at.text() else {
        let dir = env.data_dir.as_ref().ok_or_else(|| no_home(at))?;
        return in_file(&dir.join("barkeep.db"));
    };
    match text.strip_prefix("sqlite:") {
        Some(path) if path.starts_with("~/") => in_file(&env.path(path)),
        // The text is not repeated: it may hold a password.
        _ => text.parse().map_err(|e| at.error(format_args!("cannot be used: {e}"), DatabaseUrl::EXPECTED)),
    }
}

fn retention(at: &Reader<'_>) -> Result<RetentionSettings, ConfigError> {
    let one = |name: &str| {
        let row = at.get(name)?;
        match row.text() {
            Ok("forever") => Ok(None),
            _ => row.duration(DAY..=3653 * DAY).map(Some),
        }
    };
    Ok(RetentionSettings {
        requests: one("requests")?,
        executions: one("executions")?,
        audit: one("audit")?,
        alerts: one("alerts")?,
    })
}

fn vendor(at: &Reader<'_>, env: &Environment) -> Result<VendorSettings, ConfigError> {
    let all = VendorSettings {
        base_url: vendors::origin(&at.get("base_url")?, "https://api.massive.com")?,
        key_file: at.get("key_file")?.optional().map(|r| path(&r, env)).transpose()?,
        rate_limit: at.get("rate_limit")?.parse(RateLimit::EXPECTED)?,
        delay: {
            let delay = at.get("delay")?;
            parse_delay(delay.text()?).map_err(|e| delay.error("cannot be used", e))?
        },
        connect_timeout: at.get("connect_timeout")?.duration(MS(100)..=5 * MINUTE)?,
        read_timeout: at.get("read_timeout")?.duration(MS(100)..=10 * MINUTE)?,
        total_timeout: at.get("total_timeout")?.duration(MS(100)..=HOUR)?,
        max_body: at.get("max_body_mib")?.int::<usize>(1..=1024)? * 1024 * 1024,
        attempts: at.get("attempts")?.int(1..=20)?,
        malformed_attempts: at.get("malformed_attempts")?.int(1..=20)?,
        backoff_base: at.get("backoff_base")?.duration(MS(10)..=5 * MINUTE)?,
        backoff_cap: at.get("backoff_cap")?.duration(MS(10)..=HOUR)?,
        max_pages: at.get("max_pages")?.int(1..=100_000)?,
        grouped_daily: at.get("grouped_daily")?.bool()?,
        flat_files: vendors::flat_files(&at.get("flat_files")?, env)?,
    };
    if all.total_timeout < all.connect_timeout.max(all.read_timeout) {
        let what = "is shorter than vendor.connect_timeout or vendor.read_timeout";
        return Err(at.get("total_timeout")?.error(what, "raise it, or lower those"));
    }
    if all.malformed_attempts > all.attempts {
        let what = format!("is above vendor.attempts ({})", all.attempts);
        return Err(at.get("malformed_attempts")?.error(what, "lower it, or raise vendor.attempts"));
    }
    if all.backoff_cap < all.backoff_base {
        return Err(at
            .get("backoff_cap")?
            .error("is below vendor.backoff_base", "raise it, or lower vendor.backoff_base"));
    }
    Ok(all)
}

fn backfill(at: &Reader<'_>) -> Result<BackfillSettings, ConfigError> {
    let all = BackfillSettings {
        mode: at.get("mode")?.parse::<Mode>("write pipeline, staggered or sequential")?,
        concurrency: at.get("concurrency")?.int(1..=256)?,
        max_concurrent_symbols: at.get("max_concurrent_symbols")?.int(1..=256)?,
        stagger: at.get("stagger")?.duration(Duration::ZERO..=HOUR)?,
        group_pause: at.get("group_pause")?.duration(Duration::ZERO..=HOUR)?,
        history: at.get("history")?.duration(DAY..=36_525 * DAY)?,
        settle: at.get("settle")?.duration(Duration::ZERO..=7 * DAY)?,
        overlap: at.get("overlap")?.duration(Duration::ZERO..=30 * DAY)?,
        empty_recheck: at.get("empty_recheck")?.duration(HOUR..=3650 * DAY)?,
        recent_empty_recheck: at.get("recent_empty_recheck")?.duration(MINUTE..=3650 * DAY)?,
        not_entitled_recheck: at.get("not_entitled_recheck")?.duration(MINUTE..=3650 * DAY)?,
        splits_recheck: at.get("splits_recheck")?.duration(HOUR..=365 * DAY)?,
        verify_every: {
            let every = at.get("verify_every")?;
            // `off` is text here, as YAML 1.2 has it.
            match every.text() {
                Ok("off") => None,
                _ => Some(every.duration(DAY..=3650 * DAY)?),
            }
        },
        idle_share: at.get("idle_share")?.float(0.01..=1.0)?,
        database_patience: at.get("database_patience")?.duration(Duration::ZERO..=DAY)?,
    };
    if all.recent_empty_recheck > all.empty_recheck {
        let what = "is longer than backfill.empty_recheck";
        return Err(at.get("recent_empty_recheck")?.error(what, "recent answers age faster: make it shorter"));
    }
    Ok(all)
}

fn symbols(at: &Reader<'_>, policy: &Policy) -> Result<SymbolSettings, ConfigError> {
    let mut timeframes: Vec<Timeframe> = at.get("timeframes")?.set("write some of 1m 5m 15m 30m 1h 4h 1d 1w")?;
    if timeframes.is_empty() {
        return Err(at.get("timeframes")?.error("is empty", "write at least one, such as 1d"));
    }
    timeframes.sort_unstable();
    let known_crypto = tracked(&at.get("known_crypto")?, |_| AssetClass::Crypto)?;
    let funds = at.get("known_etf")?;
    let known_etf = tracked(&funds, |_| AssetClass::Etf)?;
    for (symbol, item) in known_etf.iter().zip(funds.items()?) {
        if known_crypto.contains(symbol) {
            return Err(item.error(format_args!("({symbol}) is in symbols.known_crypto too"), "keep it in one list"));
        }
    }
    let rpo = &policy.rpo_by_symbol_criticality;
    let tier = |c: Criticality| rpo.of(c).symbols.iter().map(move |s| (s.clone(), c));
    Ok(SymbolSettings {
        timeframes,
        known_crypto,
        known_etf,
        criticality: Criticality::ALL.into_iter().flat_map(tier).collect(),
    })
}

fn quality(at: &Reader<'_>) -> Result<QualitySettings, ConfigError> {
    let one = |name: &str| -> Result<Thresholds, ConfigError> {
        let row = at.get(name)?;
        let all = Thresholds {
            gap: row.get("gap")?.float(0.001..=10.0)?,
            volume_low: row.get("volume_low")?.float(0.0..=1.0)?,
            volume_high: row.get("volume_high")?.float(1.0..=100_000.0)?,
        };
        if all.volume_low >= all.volume_high {
            return Err(row.get("volume_low")?.error("is not below volume_high", "lower it, or raise volume_high"));
        }
        Ok(all)
    };
    Ok(QualitySettings { stock: one("stock")?, etf: one("etf")?, crypto: one("crypto")? })
}

fn clock(at: &Reader<'_>) -> Result<StalenessClock, ConfigError> {
    match at.text()? {
        "market" => Ok(StalenessClock::Market),
        "wall" => Ok(StalenessClock::Wall),
        _ => Err(at.error("is not a clock", "write market or wall")),
    }
}

fn limits(policy: &Policy) -> TierLimits {
    let tiers = &policy.staleness_thresholds;
    let default = TierLimits::default();
    TierLimits { fresh: tiers.fresh.until.unwrap_or(default.fresh), aging: tiers.aging.until.unwrap_or(default.aging) }
}

fn log(at: &Reader<'_>, env: &Environment) -> Result<LogSettings, ConfigError> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let dir = at.get("dir")?;
    let dir = match at.get("dir")?.optional() {
        Some(given) => path(&given, env)?,
        None => env.state_dir.clone().ok_or_else(|| no_home(&dir))?,
    };
    let level = at.get("level")?;
    if !LEVELS.contains(&level.text()?) {
        return Err(level.error("is not a log level", "write error, warn, info, debug or trace"));
    }
    let format = at.get("format")?;
    Ok(LogSettings {
        dir,
        file: at.get("file")?.optional().map(|r| path(&r, env)).transpose()?,
        level: level.text()?.to_owned(),
        format: match format.text()? {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err(format.error("is not a log format", "write text or json")),
        },
        keep: at.get("keep")?.int(1..=3650)?,
    })
}
