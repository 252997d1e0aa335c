//! The policy out of its tree: types, ranges, contradictions.

use std::time::Duration;

use chrono::NaiveTime;

use super::symbol_list::tracked;
use crate::policy::{
    BackfillOptimization, CachePolicy, HotSymbols, MonitoringThresholds, Policy, QueryCache, RpoByCriticality,
    RpoPolicy, Rto, RtoByFailure, SchedulerRecovery, Severity, StalenessThresholds, StalenessTier,
};
use crate::settings::RateLimit;
use crate::yaml::error::ConfigError;
use crate::yaml::reader::Reader;
use crate::yaml::tree::Node;
use barkeep_market::pair::Pair;
use barkeep_market::{AssetClass, Criticality, Symbol};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: Duration = Duration::from_hours(24);

pub(crate) fn policy(tree: &Node) -> Result<Policy, ConfigError> {
    let root = Reader::root(tree);
    Ok(Policy {
        staleness_thresholds: staleness(&root.get("staleness_thresholds")?)?,
        rto_by_failure_type: rto(&root.get("rto_by_failure_type")?)?,
        rpo_by_symbol_criticality: rpo(&root.get("rpo_by_symbol_criticality")?)?,
        scheduler_recovery: recovery(&root.get("scheduler_recovery")?)?,
        monitoring_thresholds: monitoring(&root.get("monitoring_thresholds")?)?,
        cache_policy: cache(&root.get("cache_policy")?)?,
        backfill_optimization: optimization(&root.get("backfill_optimization")?)?,
    })
}

/// A number of units as a duration; the range keeps it finite and not negative.
fn amount(at: &Reader<'_>, unit: f64, range: std::ops::RangeInclusive<f64>) -> Result<Duration, ConfigError> {
    // Milliseconds are as fine as any of these targets needs, and print without 0.016699999s.
    Ok(Duration::from_millis((at.float(range)? * unit * 1000.0).round() as u64))
}

fn severity(at: &Reader<'_>) -> Result<Severity, ConfigError> {
    match at.text()? {
        "info" => Ok(Severity::Info),
        "warning" => Ok(Severity::Warning),
        "critical" => Ok(Severity::Critical),
        _ => Err(at.error("is not a severity", "write info, warning or critical")),
    }
}

fn staleness(at: &Reader<'_>) -> Result<StalenessThresholds, ConfigError> {
    let tier = |name: &str| -> Result<StalenessTier, ConfigError> {
        let tier = at.get(name)?;
        let until = tier.get("hours")?.optional().map(|h| amount(&h, HOUR, 0.0..=8760.0)).transpose()?;
        let level = tier.get("alert_severity")?.optional().map(|s| severity(&s)).transpose()?;
        let alert = match (tier.get("alert")?.bool()?, level) {
            (false, _) => None,
            (true, Some(level)) => Some(level),
            (true, None) => {
                return Err(tier
                    .get("alert")?
                    .error("needs a severity", "set alert_severity to info, warning or critical"));
            }
        };
        Ok(StalenessTier { until, action: tier.get("action")?.text()?.to_owned(), alert })
    };
    let all = StalenessThresholds {
        fresh: tier("fresh")?,
        aging: tier("aging")?,
        stale: tier("stale")?,
        missing: tier("missing")?,
        unknown: tier("unknown")?,
    };
    let ends = |name: &str| at.get(name)?.get("hours");
    match (all.fresh.until, all.aging.until) {
        (Some(fresh), Some(aging)) if fresh < aging => {}
        (Some(_), Some(_)) => {
            return Err(
                ends("aging")?.error("is not above staleness_thresholds.fresh.hours", "aging begins where fresh ends")
            );
        }
        (None, _) => {
            return Err(ends("fresh")?.error("is empty", "write the hours after which data is no longer fresh"));
        }
        (_, None) => return Err(ends("aging")?.error("is empty", "write the hours after which data is stale")),
    }
    for (name, tier) in [("stale", &all.stale), ("missing", &all.missing), ("unknown", &all.unknown)] {
        if tier.until.is_some() {
            return Err(ends(name)?.error("is set", "this tier has no end; write null"));
        }
    }
    Ok(all)
}

fn rto(at: &Reader<'_>) -> Result<RtoByFailure, ConfigError> {
    let one = |name: &str| -> Result<Rto, ConfigError> {
        let row = at.get(name)?;
        Ok(Rto {
            target: amount(&row.get("rto_minutes")?, MINUTE, 0.01..=1440.0)?,
            recovery: row.get("recovery")?.text()?.to_owned(),
            fallback: row.get("fallback")?.text()?.to_owned(),
            alert_threshold: row.get("alert_threshold")?.int(1..=1000)?,
        })
    };
    Ok(RtoByFailure {
        scheduler_crash: one("scheduler_crash")?,
        polygon_api_rate_limit: one("polygon_api_rate_limit")?,
        database_connection_loss: one("database_connection_loss")?,
        feature_computation_failure: one("feature_computation_failure")?,
    })
}

fn rpo(at: &Reader<'_>) -> Result<RpoByCriticality, ConfigError> {
    let mut seen: Vec<(Symbol, &str)> = Vec::new();
    let mut priorities: Vec<u32> = Vec::new();
    let mut one = |name: &'static str| -> Result<RpoPolicy, ConfigError> {
        let row = at.get(name)?;
        let list = row.get("symbols")?;
        // A pair is one symbol however it is written; whether a bare name is a coin does not matter for its tier.
        let is_pair = |symbol: &Symbol| Pair::is_plain(symbol.as_str());
        let class = |symbol: &Symbol| if is_pair(symbol) { AssetClass::Crypto } else { AssetClass::Stock };
        let symbols = tracked(&list, class)?;
        if name == Criticality::Low.name() && !symbols.is_empty() {
            return Err(list.error("is not empty", "remove these symbols: every symbol in no other tier is low"));
        }
        for (symbol, item) in symbols.iter().zip(list.items()?) {
            if let Some((_, tier)) = seen.iter().find(|(s, _)| s == symbol) {
                return Err(item.error(format_args!("({symbol}) is in tier {tier} too"), "keep it in one tier"));
            }
            seen.push((symbol.clone(), name));
        }
        let priority = row.get("priority")?.int(1..=100)?;
        if priorities.contains(&priority) {
            return Err(row.get("priority")?.error("is taken by another tier", "give each tier its own"));
        }
        priorities.push(priority);
        Ok(RpoPolicy {
            symbols,
            acceptable_staleness: amount(&row.get("acceptable_staleness_hours")?, HOUR, 0.1..=8760.0)?,
            refresh_every: row.get("refresh_every")?.duration(Duration::from_mins(1)..=30 * DAY)?,
            max_data_loss: amount(&row.get("max_acceptable_data_loss_minutes")?, MINUTE, 0.0..=525_600.0)?,
            priority,
        })
    };
    Ok(RpoByCriticality { critical: one("critical")?, standard: one("standard")?, low: one("low")? })
}

fn recovery(at: &Reader<'_>) -> Result<SchedulerRecovery, ConfigError> {
    let order = |section: &str| -> Result<Vec<Criticality>, ConfigError> {
        let list = at.get(section)?.get("priority_order")?;
        let order: Vec<Criticality> = list.set("write critical, standard, low")?;
        if order.len() == Criticality::ALL.len() {
            Ok(order)
        } else {
            Err(list.error("does not name all tiers", "write critical, standard and low in the order you want"))
        }
    };
    let sweep = at.get("normal_operation")?.get("daily_sweep_utc")?;
    let daily_sweep = NaiveTime::parse_from_str(sweep.text()?, "%H:%M")
        .map_err(|_| sweep.error("is not a time of day", "write it in UTC with quotes, like \"02:00\""))?;
    Ok(SchedulerRecovery {
        daily_sweep,
        priority_order: order("normal_operation")?,
        resume_interrupted: at.get("after_crash")?.get("resume_interrupted")?.bool()?,
        catch_up_after: amount(&at.get("after_extended_downtime")?.get("threshold_hours")?, HOUR, 1.0..=8760.0)?,
        catch_up_order: order("after_extended_downtime")?,
    })
}

fn monitoring(at: &Reader<'_>) -> Result<MonitoringThresholds, ConfigError> {
    let share = |name: &str| -> Result<(f64, Severity), ConfigError> {
        let row = at.get(name)?;
        Ok((row.get("percent")?.float(0.0..=100.0)? / 100.0, severity(&row.get("severity")?)?))
    };
    let silence = at.get("no_successful_backfill")?;
    Ok(MonitoringThresholds {
        no_successful_backfill: (
            amount(&silence.get("hours")?, HOUR, 0.1..=8760.0)?,
            severity(&silence.get("severity")?)?,
        ),
        high_symbol_failure_rate: share("high_symbol_failure_rate")?,
        features_missing: share("features_missing")?,
        stale_features: share("stale_features")?,
    })
}

fn cache(at: &Reader<'_>) -> Result<CachePolicy, ConfigError> {
    let hot = at.get("hot_symbols_cache")?;
    let hot_symbols = HotSymbols {
        top_symbols: hot.get("top_symbols")?.int(1..=10_000)?,
        ttl: hot.get("ttl")?.duration(Duration::ZERO..=DAY)?,
        max_records_per_symbol: hot.get("max_records_per_symbol")?.int(1..=1_000_000)?,
    };
    let query = at.get("query_cache")?;
    let queries = QueryCache {
        ttl: query.get("ttl")?.duration(Duration::ZERO..=DAY)?,
        max_queries: query.get("max_queries")?.int(1..=1_000_000)?,
    };
    Ok(CachePolicy {
        hot_symbols: hot.get("enabled")?.bool()?.then_some(hot_symbols),
        queries: query.get("enabled")?.bool()?.then_some(queries),
    })
}

fn optimization(at: &Reader<'_>) -> Result<BackfillOptimization, ConfigError> {
    let api = at.get("polygon_api")?;
    let all = BackfillOptimization {
        max_concurrent_symbols: at.get("max_concurrent_symbols")?.int(1..=256)?,
        max_concurrent_api_requests: at.get("max_concurrent_api_requests")?.int(1..=256)?,
        max_retries: at.get("max_retries")?.int(0..=19)?,
        retry_backoff: amount(&at.get("retry_backoff_seconds")?, 1.0, 0.01..=300.0)?,
        rate_limit: api.get("rate_limit_per_minute")?.parse::<RateLimit>(RateLimit::EXPECTED)?,
        max_backoff: amount(&api.get("max_backoff_seconds")?, 1.0, 0.01..=3600.0)?,
    };
    if all.max_backoff < all.retry_backoff {
        let what = "is below backfill_optimization.retry_backoff_seconds";
        return Err(api.get("max_backoff_seconds")?.error(what, "the longest pause cannot be below the first"));
    }
    Ok(all)
}
