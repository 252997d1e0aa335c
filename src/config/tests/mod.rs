//! What a user gets from files, environment and flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::*;
use barkeep_market::freshness::Delay;
use barkeep_market::{AssetClass, Criticality, Symbol};

/// A home of its own in a directory that goes away.
fn env_in(dir: &Path, variables: &[(&'static str, &str)]) -> Environment {
    Environment {
        variables: variables.iter().map(|(n, v)| (*n, v.into())).collect(),
        home: Some(dir.join("home")),
        config_dir: Some(dir.join("xdg-config")),
        data_dir: Some(dir.join("data")),
        state_dir: Some(dir.join("state")),
    }
}

fn with_file(text: &str) -> (tempfile::TempDir, Overrides) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("barkeep.yaml");
    std::fs::write(&path, text).unwrap();
    (dir, Overrides { config: Some(path), ..Overrides::default() })
}

pub(super) fn loaded(text: &str) -> Result<Loaded, ConfigError> {
    let (dir, flags) = with_file(text);
    load_from(&flags, &env_in(dir.path(), &[]))
}

fn sym(s: &str) -> Symbol {
    s.parse().unwrap()
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let all = loaded("").unwrap();
    let (v, b) = (&all.settings.vendor, &all.settings.backfill);
    assert_eq!(v.base_url.as_str(), "https://api.massive.com/");
    assert_eq!((v.rate_limit, v.attempts, v.malformed_attempts), (RateLimit::PerMinute(5), 5, 3));
    assert_eq!(v.delay, Delay::After(Duration::ZERO));
    assert_eq!((v.backoff_base, v.backoff_cap), (Duration::from_secs(1), Duration::from_mins(5)));
    assert_eq!((v.max_body, v.max_pages, v.grouped_daily), (64 * 1024 * 1024, 1000, true));
    assert_eq!((b.mode, b.concurrency, b.max_concurrent_symbols), (Mode::Pipeline, 8, 3));
    assert_eq!(b.database_patience, Duration::from_mins(2));
    assert_eq!(b.history, Duration::from_hours(365 * 24));
    assert_eq!((b.verify_every, b.idle_share), (Some(Duration::from_hours(30 * 24)), 0.2));
    let days = |n: u64| Some(Duration::from_hours(n * 24));
    let kept = loaded("retention:\n  requests: 30d\n  audit: forever\n").unwrap().settings.retention;
    assert_eq!((kept.requests, kept.executions, kept.audit, kept.alerts), (days(30), days(90), None, days(90)));
    assert!(loaded("retention:\n  alerts: 1h\n").is_err());
    let off = loaded("backfill:\n  verify_every: off\n").unwrap();
    assert_eq!(off.settings.backfill.verify_every, None);
    let names: Vec<_> = all.settings.symbols.timeframes.iter().map(|t| t.name()).collect();
    assert_eq!(names, ["5m", "15m", "1h", "4h", "1d"]);
    assert!(all.settings.database.as_str().ends_with("/data/barkeep.db"));
    assert!(all.settings.log.dir.ends_with("state"));
    assert_eq!(all.policy.rto_by_failure_type.feature_computation_failure.target, Duration::from_secs(1));
    assert_eq!(all.policy.rpo_by_symbol_criticality.standard.symbols.len(), 10);
}

#[test]
fn the_shipped_files_load_as_they_are_and_change_nothing() {
    let (dir, flags) = with_file(DEFAULT_SETTINGS);
    std::fs::write(dir.path().join("rto_rpo_config.yaml"), DEFAULT_POLICY).unwrap();
    let shipped = load_from(&flags, &env_in(dir.path(), &[])).unwrap();
    let built_in = load_from(&Overrides { config: None, ..flags }, &env_in(dir.path(), &[])).unwrap();
    assert_eq!(shipped.policy, built_in.policy);
    assert_eq!(shipped.settings, built_in.settings);
    assert!(shipped.sources.policy.unwrap().ends_with("rto_rpo_config.yaml"));
}

#[test]
fn what_print_shows_can_be_loaded_again() {
    let first = loaded("vendor:\n  delay: 15m\nlog:\n  file: 'a # b: c'\n").unwrap();
    let (dir, flags) = with_file(&first.effective.settings_yaml());
    std::fs::write(dir.path().join("rto_rpo_config.yaml"), first.effective.policy_yaml()).unwrap();
    let again = load_from(&flags, &env_in(dir.path(), &[])).unwrap();
    assert_eq!(again.settings, first.settings);
    assert_eq!(again.policy, first.policy);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let (dir, mut flags) = with_file("vendor:\n  rate_limit: 7\n");
    let limit = |flags: &Overrides, vars: &[(&'static str, &str)]| {
        load_from(flags, &env_in(dir.path(), vars)).unwrap().settings.vendor.rate_limit
    };
    assert_eq!(limit(&Overrides::default(), &[]), RateLimit::PerMinute(5));
    assert_eq!(limit(&flags, &[]), RateLimit::PerMinute(7));
    assert_eq!(limit(&flags, &[("BARKEEP_RATE_LIMIT", "")]), RateLimit::PerMinute(7));
    assert_eq!(limit(&flags, &[("BARKEEP_RATE_LIMIT", "9")]), RateLimit::PerMinute(9));
    flags.rate_limit = Some(RateLimit::Unlimited);
    assert_eq!(limit(&flags, &[("BARKEEP_RATE_LIMIT", "9")]), RateLimit::Unlimited);
}

#[test]
fn the_database_variable_of_our_own_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let url = |vars: &[(&'static str, &str)]| {
        load_from(&Overrides::default(), &env_in(dir.path(), vars)).unwrap().settings.database.as_str().to_owned()
    };
    assert_eq!(url(&[("DATABASE_URL", "sqlite:a")]), "sqlite:a");
    assert_eq!(url(&[("DATABASE_URL", "sqlite:a"), ("BARKEEP_DATABASE_URL", "sqlite:b")]), "sqlite:b");
}

#[test]
fn the_policy_drives_what_the_settings_leave_open() {
    let (dir, flags) = with_file("vendor:\n  attempts: 2\n  malformed_attempts: 2\n");
    let policy = "backfill_optimization:\n  max_retries: 9\n  polygon_api:\n    rate_limit_per_minute: 100\n";
    std::fs::write(dir.path().join("rto_rpo_config.yaml"), policy).unwrap();
    let all = load_from(&flags, &env_in(dir.path(), &[])).unwrap();
    assert_eq!(all.settings.vendor.rate_limit, RateLimit::PerMinute(100));
    assert_eq!(all.settings.vendor.attempts, 2, "the settings file wins");
    assert!(all.effective.settings_yaml().contains("rto_rpo_config.yaml:4"));
}

#[test]
fn every_mistake_names_file_line_and_remedy() {
    for (text, line, says) in [
        ("vendor:\n  rate_limt: 5\n", 2, "did you mean 'rate_limit'?"),
        ("vendor:\n  rate_limit: fast\n", 2, "unlimited"),
        ("vendor:\n  rate_limit: 0\n", 2, "1 to 6000"),
        ("vendor:\n  attempts: five\n", 2, "a whole number from 1 to 20"),
        ("vendor:\n  attempts: [5]\n", 2, "is a list"),
        ("vendor:\n  attempts: 2\n", 0, "vendor.attempts (2)"),
        ("vendor:\n  connect_timeout: 5\n", 2, "a duration from 100ms to 5m"),
        ("vendor:\n  total_timeout: 3s\n", 2, "shorter than"),
        ("vendor:\n  backoff_base: 3m\n  backoff_cap: 2m\n", 3, "below vendor.backoff_base"),
        ("vendor:\n  base_url: ftp://x\n", 2, "neither https nor http"),
        ("vendor:\n  base_url: http://example.com\n", 2, "plain http"),
        ("vendor:\n  base_url: https://u:p@example.com\n", 2, "user name or password"),
        ("vendor:\n  base_url: https://example.com/v2\n", 2, "more than scheme, host and port"),
        ("vendor:\n  grouped_daily: yes\n", 2, "true or false"),
        ("vendor:\n  delay: soon\n", 2, "end_of_day"),
        ("database:\n  url: mysql://u:geheim@h/d\n", 2, "sqlite:PATH"),
        ("backfill:\n  mode: fast\n", 2, "pipeline, staggered or sequential"),
        ("symbols:\n  timeframes: [5m, 7m]\n", 2, "'7m' is not a timeframe"),
        ("symbols:\n  timeframes: [5m, 5m]\n", 2, "repeats 5m"),
        ("symbols:\n  timeframes: []\n", 2, "is empty"),
        ("symbols:\n  known_etf: [BTC]\n", 2, "is in symbols.known_crypto too"),
        ("symbols:\n  known_crypto: ['A B']\n", 2, "is not a symbol"),
        ("symbols:\n  known_crypto: [BTC, X:BTCUSD]\n", 2, "repeats BTC"),
        ("symbols:\n  known_crypto: [QWERTYUSD]\n", 2, "X:QWERTYUSD"),
        ("symbols:\n  known_etf: ['I:SPX']\n", 2, "'I:SPX' is an index"),
        ("quality:\n  stock:\n    gap: .nan\n", 3, "a number from"),
        ("staleness:\n  clock: sun\n", 2, "market or wall"),
        ("log:\n  level: loud\n", 2, "debug or trace"),
        ("log:\n  keep: 0\n", 2, "1 to 3650"),
        ("vendor:\n  attempts: 3\nvendor:\n  attempts: 4\n", 3, "written twice"),
        ("just a word\n", 1, "is a section"),
        ("\u{1b}[31mevil: 1\n", 1, "barkeep.yaml"),
    ] {
        let message = loaded(text).unwrap_err().to_string();
        let place = if line == 0 { ":".to_owned() } else { format!("barkeep.yaml:{line}: ") };
        assert!(message.contains(&place) && message.contains(says), "{text:?}: {message}");
        let advice = message.rsplit("; ").next().unwrap_or_default().trim_start_matches("write ");
        assert_eq!(message.matches(advice).count(), 1, "what to do is said once: {message}");
        assert!(!message.contains("geheim") && !message.chars().any(char::is_control), "{message:?}");
    }
}

#[test]
fn policy_mistakes_are_found_too() {
    let (dir, flags) = with_file("");
    for (text, says) in [
        (
            "rpo_by_symbol_criticality:\n  standard:\n    symbols: [SPY]\n",
            "yaml:3: rpo_by_symbol_criticality.standard.symbols[1] (SPY) is in tier critical too",
        ),
        (
            "rpo_by_symbol_criticality:\n  critical:\n    symbols: [SPY, BTC/USD, X:BTCUSD]\n",
            "critical.symbols[3] repeats BTC",
        ),
        ("rpo_by_symbol_criticality:\n  critical:\n    symbols: ['C:EURUSD']\n", "'C:EURUSD' is a currency pair"),
        ("rpo_by_symbol_criticality:\n  low:\n    symbols: [X]\n", "every symbol in no other tier is low"),
        ("rpo_by_symbol_criticality:\n  low:\n    priority: 1\n", "taken by another tier"),
        ("staleness_thresholds:\n  aging: { hours: 0.5 }\n", "not above"),
        ("staleness_thresholds:\n  stale: { hours: 24 }\n", "write null"),
        ("scheduler_recovery:\n  normal_operation:\n    daily_sweep_utc: '25:00'\n", "is not a time of day"),
        ("scheduler_recovery:\n  normal_operation:\n    priority_order: [critical, low]\n", "does not name all tiers"),
        ("monitoring_thresholds:\n  stale_features: { percent: 150 }\n", "from 0 to 100"),
        ("backfill_optimization:\n  batch_size_records: 500\n", "unknown setting"),
        ("cache_policies: 1\n", "did you mean 'cache_policy'?"),
    ] {
        std::fs::write(dir.path().join("rto_rpo_config.yaml"), text).unwrap();
        let message = load_from(&flags, &env_in(dir.path(), &[])).unwrap_err().to_string();
        assert!(message.contains("rto_rpo_config.yaml:") && message.contains(says), "{text:?}: {message}");
    }
}

#[test]
fn files_that_are_none_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("dir")).unwrap();
    std::fs::File::create(at("huge")).unwrap().set_len(100 * 1024 * 1024).unwrap();
    std::fs::write(at("latin1"), b"a: 1\nb: \xe9\n").unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let started = std::time::Instant::now();
    for (name, says) in [
        ("dir", "is a directory"),
        ("huge", "larger than 1 MiB"),
        ("latin1", "latin1:2: not UTF-8"),
        ("fifo", "not a regular file"),
        ("absent", "cannot be read"),
    ] {
        let flags = Overrides { config: Some(at(name)), ..Overrides::default() };
        let message = load_from(&flags, &env_in(dir.path(), &[])).unwrap_err().to_string();
        assert!(message.contains(says) && !message.contains("variable"), "{name}: {message}");
        let named = at(name).display().to_string();
        let by_variable = env_in(dir.path(), &[("BARKEEP_CONFIG", named.as_str())]);
        let message = load_from(&Overrides::default(), &by_variable).unwrap_err().to_string();
        assert!(message.starts_with("environment variable BARKEEP_CONFIG: ") && message.contains(says), "{message}");
    }
    assert!(started.elapsed() < Duration::from_millis(500));
}

#[test]
fn secrets_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let flags = Overrides {
        database_url: Some(SecretString::from("postgres://bar:geheim@db/bars?password=geheim")),
        ..Overrides::default()
    };
    let env = env_in(dir.path(), &[("MASSIVE_API_KEY", "geheim-key")]);
    let all = load_from(&flags, &env).unwrap();
    assert!(all.settings.database.as_str().contains("geheim"));
    let shown = [
        format!("{all:?} {flags:?}"),
        all.effective.settings_yaml(),
        all.effective.json().to_string(),
        format!("{:?}", find_key(&all.settings, &env).unwrap()),
    ];
    for text in shown {
        assert!(!text.contains("geheim"), "{text}");
    }
    assert!(all.effective.settings_yaml().contains("--database-url"));
}

#[cfg(unix)]
#[test]
fn a_key_file_must_be_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("key");
    std::fs::write(&path, "  k3y-of-file\n").unwrap();
    let env = env_in(dir.path(), &[]);
    let mut settings = load_from(&Overrides::default(), &env).unwrap().settings;
    assert!(find_key(&settings, &env).unwrap().is_none());
    settings.vendor.key_file = Some(path.clone());
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let message = find_key(&settings, &env).unwrap_err().to_string();
        assert!(message.contains("chmod 600") && !message.contains("k3y"), "{message}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(find_key(&settings, &env).unwrap().unwrap().0.expose_secret(), "k3y-of-file");
    let env = env_in(dir.path(), &[("POLYGON_API_KEY", "old"), ("MASSIVE_API_KEY", "new")]);
    assert_eq!(find_key(&settings, &env).unwrap().unwrap().0.expose_secret(), "new");
    let env = env_in(dir.path(), &[("MASSIVE_API_KEY", "two words")]);
    assert!(find_key(&settings, &env).unwrap_err().to_string().contains("MASSIVE_API_KEY"));
}

#[test]
fn classes_and_tiers_come_from_the_files() {
    let settings = loaded("").unwrap().settings;
    for (symbol, class, tier) in [
        ("BTC", AssetClass::Crypto, Criticality::Critical),
        ("BTC-USD", AssetClass::Crypto, Criticality::Critical),
        ("X:BTCUSD", AssetClass::Crypto, Criticality::Critical),
        ("btcusd", AssetClass::Crypto, Criticality::Critical),
        ("BTC/USD", AssetClass::Crypto, Criticality::Critical),
        ("BTC-EUR", AssetClass::Crypto, Criticality::Low),
        ("PEPE-USD", AssetClass::Crypto, Criticality::Low),
        ("X:ZZZUSD", AssetClass::Crypto, Criticality::Low),
        ("BRK-B", AssetClass::Stock, Criticality::Low),
        ("TUSD", AssetClass::Stock, Criticality::Low),
        ("SPY", AssetClass::Etf, Criticality::Critical),
        ("AAPL", AssetClass::Stock, Criticality::Standard),
        ("ZVZZT", AssetClass::Stock, Criticality::Low),
    ] {
        assert_eq!(default_class(&settings, &sym(symbol)), class, "{symbol}");
        assert_eq!(criticality_of(&settings, &sym(symbol)), tier, "{symbol}");
    }
}

#[test]
fn the_simulated_vendor_has_no_limit_but_one_that_was_set_for_it() {
    use RateLimit::{PerMinute, Unlimited};
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("barkeep.yaml");
    let policy = "backfill_optimization:\n  polygon_api:\n    rate_limit_per_minute: 7\n";
    std::fs::write(dir.path().join("rto_rpo_config.yaml"), policy).unwrap();
    let limit = |settings: &str, variables: &[(&'static str, &str)], flag, simulated| {
        std::fs::write(&file, settings).unwrap();
        let env = Environment {
            data_dir: Some(dir.path().into()),
            state_dir: Some(dir.path().into()),
            variables: variables.iter().map(|(n, v)| (*n, v.into())).collect(),
            ..Environment::default()
        };
        let overrides = Overrides { config: Some(file.clone()), simulated, rate_limit: flag, ..Overrides::default() };
        load_from(&overrides, &env).unwrap().settings.vendor.rate_limit
    };
    assert_eq!(limit("", &[], None, false), PerMinute(7), "agreed with the real vendor");
    assert_eq!(limit("", &[], None, true), Unlimited);
    assert_eq!(limit("vendor:\n  rate_limit: 8\n", &[], None, true), PerMinute(8));
    assert_eq!(limit("", &[("BARKEEP_RATE_LIMIT", "9")], None, true), PerMinute(9));
    assert_eq!(limit("", &[("BARKEEP_RATE_LIMIT", "9")], Some(PerMinute(10)), true), PerMinute(10));
}

#[test]
fn a_share_of_the_limit_and_at_least_one() {
    let settings = loaded("").unwrap().settings.backfill.clone();
    let of = |limit| settings.idle_per_minute(limit);
    assert_eq!(settings.idle_share, 0.2);
    assert_eq!([3, 5, 300].map(|n| of(RateLimit::PerMinute(n))), [1, 1, 60]);
    assert_eq!(of(RateLimit::Unlimited), 20);
}
