-- The first schema. The same names in both dialects; times are INTEGER milliseconds since 1970-01-01 UTC,
-- dates are TEXT (2024-05-31), flags are 0 or 1.

CREATE TABLE symbols (
    symbol TEXT NOT NULL PRIMARY KEY,
    asset_class TEXT NOT NULL CHECK (asset_class IN ('stock', 'etf', 'crypto')),
    vendor_ticker TEXT NOT NULL,
    criticality TEXT NOT NULL CHECK (criticality IN ('critical', 'standard', 'low')),
    timeframes TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One symbol at one timeframe. The counts are kept by every commit, so that a report never scans bars.
-- AUTOINCREMENT: a key must never come back for another series while somebody still holds it.
CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol TEXT NOT NULL REFERENCES symbols (symbol) ON DELETE CASCADE,
    timeframe TEXT NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w')),
    bar_count INTEGER NOT NULL DEFAULT 0 CHECK (bar_count >= 0),
    first_ts INTEGER,
    last_ts INTEGER,
    checked_at INTEGER,
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    UNIQUE (symbol, timeframe)
) STRICT;

CREATE TABLE bars (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL CHECK (ts BETWEEN -62135596800000 AND 253402300799999),
    open REAL NOT NULL CHECK (open BETWEEN 0 AND 1.7976931348623157e308),
    high REAL NOT NULL CHECK (high BETWEEN 0 AND 1.7976931348623157e308),
    low REAL NOT NULL CHECK (low BETWEEN 0 AND 1.7976931348623157e308),
    close REAL NOT NULL CHECK (close BETWEEN 0 AND 1.7976931348623157e308),
    volume REAL NOT NULL CHECK (volume BETWEEN 0 AND 1.7976931348623157e308),
    vwap REAL CHECK (vwap BETWEEN 0 AND 1.7976931348623157e308),
    trades INTEGER CHECK (trades >= 0),
    provisional INTEGER NOT NULL DEFAULT 0 CHECK (provisional IN (0, 1)),
    quality_score REAL NOT NULL DEFAULT 1 CHECK (quality_score BETWEEN 0 AND 1),
    quality_notes TEXT,
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

-- What a bar was before the vendor changed it or took it back.
CREATE TABLE bar_revisions (
    id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL,
    open REAL NOT NULL CHECK (open BETWEEN 0 AND 1.7976931348623157e308),
    high REAL NOT NULL CHECK (high BETWEEN 0 AND 1.7976931348623157e308),
    low REAL NOT NULL CHECK (low BETWEEN 0 AND 1.7976931348623157e308),
    close REAL NOT NULL CHECK (close BETWEEN 0 AND 1.7976931348623157e308),
    volume REAL NOT NULL CHECK (volume BETWEEN 0 AND 1.7976931348623157e308),
    vwap REAL CHECK (vwap BETWEEN 0 AND 1.7976931348623157e308),
    trades INTEGER CHECK (trades >= 0),
    provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
    fetched_at INTEGER NOT NULL,
    superseded_at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('changed', 'removed', 'accepted'))
) STRICT;

CREATE INDEX bar_revisions_series ON bar_revisions (series_id, ts);

-- Bars that cannot be true, as they came. A value that is no number is NULL here and spelled out in `fingerprint`, which
-- also keeps the same bar from being noted twice.
CREATE TABLE bar_quarantine (
    id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL,
    open REAL,
    high REAL,
    low REAL,
    close REAL,
    volume REAL,
    vwap REAL,
    trades INTEGER,
    reason TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request_id TEXT,
    detected_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'rejected')),
    decided_at INTEGER,
    UNIQUE (series_id, ts, reason, fingerprint)
) STRICT;

CREATE INDEX bar_quarantine_status ON bar_quarantine (status, detected_at);

-- What the vendor has answered for, with the evidence; half-open intervals that never overlap within a series.
CREATE TABLE coverage (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts INTEGER NOT NULL CHECK (start_ts BETWEEN -62135596800000 AND 253402300799999),
    end_ts INTEGER NOT NULL CHECK (end_ts BETWEEN -62135596800000 AND 253402300799999),
    state TEXT NOT NULL CHECK (state IN ('present', 'empty', 'not_entitled')),
    request_id TEXT,
    fetched_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (series_id, start_ts),
    CHECK (start_ts < end_ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE splits (
    symbol TEXT NOT NULL,
    execution_date TEXT NOT NULL CHECK (execution_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    split_from REAL NOT NULL CHECK (split_from > 0 AND split_from <= 1.7976931348623157e308),
    split_to REAL NOT NULL CHECK (split_to > 0 AND split_to <= 1.7976931348623157e308),
    fetched_at INTEGER NOT NULL,
    PRIMARY KEY (symbol, execution_date)
) STRICT, WITHOUT ROWID;

-- When splits of a symbol were last asked for, also when it has none.
CREATE TABLE splits_checked (
    symbol TEXT NOT NULL PRIMARY KEY,
    fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Corrections of the built-in calendar. No `close_ts`: closed all day.
CREATE TABLE holidays (
    date TEXT NOT NULL CHECK (date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]') PRIMARY KEY,
    close_ts INTEGER,
    name TEXT NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE features (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL,
    log_return REAL CHECK (log_return BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    volatility_20 REAL CHECK (volatility_20 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    volatility_50 REAL CHECK (volatility_50 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    atr REAL CHECK (atr BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    rolling_volume_20 REAL CHECK (rolling_volume_20 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    volume_ratio REAL CHECK (volume_ratio BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    structure_label TEXT,
    trend_direction TEXT,
    volatility_regime TEXT,
    trend_regime TEXT,
    compression_regime TEXT,
    rsi_14 REAL CHECK (rsi_14 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    macd REAL CHECK (macd BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    macd_signal REAL CHECK (macd_signal BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    macd_hist REAL CHECK (macd_hist BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    sma_20 REAL CHECK (sma_20 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    sma_50 REAL CHECK (sma_50 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    ema_20 REAL CHECK (ema_20 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    ema_50 REAL CHECK (ema_50 BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    bb_upper REAL CHECK (bb_upper BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    bb_middle REAL CHECK (bb_middle BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    bb_lower REAL CHECK (bb_lower BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308),
    computed_at INTEGER NOT NULL,
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

-- How far the features of a series are up to date. Written by the transaction that changes its bars, so that nothing a
-- crash leaves behind is forgotten. A series with bars and without a row here has no features yet.
CREATE TABLE feature_progress (
    series_id INTEGER NOT NULL PRIMARY KEY REFERENCES series (id) ON DELETE CASCADE,
    stale_from INTEGER,
    changes INTEGER NOT NULL DEFAULT 0,
    splits TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- What the averages that never forget knew after a bar, so that a change need not be computed from the first bar on.
CREATE TABLE feature_states (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (series_id, ts)
) STRICT, WITHOUT ROWID;

-- Every request as it was made; never a key.
CREATE TABLE vendor_requests (
    id INTEGER PRIMARY KEY,
    execution_id TEXT,
    endpoint TEXT NOT NULL,
    ticker TEXT,
    timeframe TEXT,
    asked_from INTEGER,
    asked_to INTEGER,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    started_at INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    error TEXT,
    row_count INTEGER NOT NULL,
    query_count INTEGER,
    bytes INTEGER NOT NULL,
    request_id TEXT,
    -- Bars the answer inserted, revised or removed; NULL when no page was committed from it.
    changed INTEGER CHECK (changed >= 0)
) STRICT;

CREATE INDEX vendor_requests_started_at ON vendor_requests (started_at DESC);
CREATE INDEX vendor_requests_ticker ON vendor_requests (ticker, started_at DESC);
CREATE INDEX vendor_requests_execution_id ON vendor_requests (execution_id);

-- Request starts of the last minutes, over all processes: the vendor's window survives a restart.
CREATE TABLE rate_limit_state (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL
) STRICT;

CREATE INDEX rate_limit_state_started_at ON rate_limit_state (started_at);

CREATE TABLE operator_actions (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    detail TEXT,
    result TEXT NOT NULL
) STRICT;

CREATE INDEX operator_actions_at ON operator_actions (at DESC);

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    subject TEXT,
    message TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    resolved_at INTEGER
) STRICT;

CREATE INDEX alerts_raised_at ON alerts (raised_at DESC);

CREATE TABLE plans (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- The four monitoring tables, by the names and columns people already query.
CREATE TABLE scheduler_execution_log (
    execution_id TEXT NOT NULL PRIMARY KEY,
    trigger_kind TEXT NOT NULL CHECK (trigger_kind IN ('schedule', 'manual', 'api', 'catch_up', 'cli')),
    mode TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    duration_seconds REAL,
    total_symbols INTEGER NOT NULL DEFAULT 0,
    successful_symbols INTEGER NOT NULL DEFAULT 0,
    failed_symbols INTEGER NOT NULL DEFAULT 0,
    total_records_processed INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    rate_limited INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'completed_with_errors', 'failed', 'cancelled', 'interrupted')),
    error_message TEXT,
    owner TEXT NOT NULL,
    -- What was asked for, so that an interrupted execution can be taken up again.
    selection TEXT
) STRICT;

CREATE INDEX scheduler_execution_log_started_at ON scheduler_execution_log (started_at DESC);
CREATE INDEX scheduler_execution_log_status ON scheduler_execution_log (status);

CREATE TABLE feature_computation_failures (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    error_message TEXT NOT NULL,
    execution_id TEXT REFERENCES scheduler_execution_log (execution_id) ON DELETE SET NULL,
    failed_at INTEGER NOT NULL,
    retry_count INTEGER NOT NULL DEFAULT 0,
    resolved INTEGER NOT NULL DEFAULT 0 CHECK (resolved IN (0, 1)),
    resolved_at INTEGER
) STRICT;

CREATE INDEX feature_computation_failures_series ON feature_computation_failures (symbol, timeframe);
CREATE INDEX feature_computation_failures_failed_at ON feature_computation_failures (failed_at DESC);
CREATE INDEX feature_computation_failures_resolved ON feature_computation_failures (resolved);

CREATE TABLE feature_freshness (
    symbol TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    last_computed_at INTEGER,
    data_point_count INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'unknown' CHECK (status IN ('unknown', 'fresh', 'aging', 'stale', 'missing')),
    staleness_seconds INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (symbol, timeframe)
) STRICT;

CREATE INDEX feature_freshness_status ON feature_freshness (status);
CREATE INDEX feature_freshness_staleness_seconds ON feature_freshness (staleness_seconds DESC);

CREATE TABLE symbol_computation_status (
    id INTEGER PRIMARY KEY,
    execution_id TEXT NOT NULL REFERENCES scheduler_execution_log (execution_id) ON DELETE CASCADE,
    symbol TEXT NOT NULL,
    asset_class TEXT NOT NULL CHECK (asset_class IN ('stock', 'etf', 'crypto')),
    timeframe TEXT NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'in_progress', 'completed', 'failed')),
    records_processed INTEGER NOT NULL DEFAULT 0,
    records_inserted INTEGER NOT NULL DEFAULT 0,
    features_computed INTEGER NOT NULL DEFAULT 0,
    error_message TEXT,
    started_at INTEGER,
    completed_at INTEGER,
    duration_seconds REAL,
    UNIQUE (execution_id, symbol, timeframe)
) STRICT;

CREATE INDEX symbol_computation_status_execution_id ON symbol_computation_status (execution_id);
CREATE INDEX symbol_computation_status_symbol ON symbol_computation_status (symbol);
CREATE INDEX symbol_computation_status_status ON symbol_computation_status (status);

-- For people with SQL, pandas, polars or DuckDB. `time` is in milliseconds.
CREATE VIEW market_data AS
SELECT s.symbol, s.timeframe, b.ts AS time, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.quality_score,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       f.structure_label, f.trend_direction, f.volatility_regime, f.trend_regime, f.compression_regime, f.rsi_14,
       f.macd, f.macd_signal, f.macd_hist, f.sma_20, f.sma_50, f.ema_20,
       f.ema_50, f.bb_upper, f.bb_middle, f.bb_lower
FROM bars AS b
JOIN series AS s ON s.id = b.series_id
LEFT JOIN features AS f ON f.series_id = b.series_id AND f.ts = b.ts;
