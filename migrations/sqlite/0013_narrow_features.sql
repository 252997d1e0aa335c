-- Features take most of the bytes of a database, so they are kept narrow: what is a copy or a difference of other columns is
-- made when it is read, and the five labels share one number (two bits each, in the order of the columns of `features`; 0 is
-- no label).
-- `id` is the series and the second: series_id * 549755813888 + ts / 1000 + 62135596800. SQLite appends to a key of one
-- number (2.1 million rows: 1.3 s of processor time; with the key (series_id, ts) 1.9 s, with all 25 columns 3.2 s).
CREATE TABLE feature_values (
    id INTEGER NOT NULL PRIMARY KEY,
    log_return REAL,
    volatility_20 REAL,
    volatility_50 REAL,
    atr REAL,
    rolling_volume_20 REAL,
    volume_ratio REAL,
    rsi_14 REAL,
    macd REAL,
    macd_signal REAL,
    sma_20 REAL,
    sma_50 REAL,
    ema_20 REAL,
    ema_50 REAL,
    bb_upper REAL,
    bb_lower REAL,
    labels INTEGER NOT NULL,
    computed_at INTEGER NOT NULL
) STRICT;

INSERT INTO feature_values
SELECT f.series_id * 549755813888 + f.ts / 1000 + 62135596800,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio, f.rsi_14, f.macd,
       f.macd_signal, f.sma_20, f.sma_50, f.ema_20, f.ema_50, f.bb_upper, f.bb_lower,
       CASE f.structure_label WHEN 'bullish' THEN 1 WHEN 'bearish' THEN 2 WHEN 'range' THEN 3 ELSE 0 END
       + CASE f.trend_direction WHEN 'up' THEN 4 WHEN 'down' THEN 8 WHEN 'neutral' THEN 12 ELSE 0 END
       + CASE f.volatility_regime WHEN 'low' THEN 16 WHEN 'medium' THEN 32 WHEN 'high' THEN 48 ELSE 0 END
       + CASE f.trend_regime WHEN 'uptrend' THEN 64 WHEN 'downtrend' THEN 128 WHEN 'ranging' THEN 192 ELSE 0 END
       + CASE f.compression_regime WHEN 'compressed' THEN 256 WHEN 'expanded' THEN 512 ELSE 0 END,
       f.computed_at
FROM features AS f ORDER BY f.series_id, f.ts;

DROP VIEW market_data_adjusted;
DROP VIEW market_data;
DROP TABLE features;

-- The series comes first, so that whoever asks for one does not read all.
CREATE VIEW features AS
SELECT s.id AS series_id, CAST((f.id % 549755813888 - 62135596800) * 1000 AS INTEGER) AS ts,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       CAST(CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS TEXT) AS structure_label,
       CAST(CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS TEXT) AS trend_direction,
       CAST(CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS TEXT) AS volatility_regime,
       CAST(CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS TEXT) AS trend_regime,
       CAST(CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS TEXT) AS compression_regime,
       f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS REAL) AS macd_hist, f.sma_20, f.sma_50,
       f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower,
       f.computed_at
FROM series AS s CROSS JOIN feature_values AS f ON f.id >= s.id * 549755813888 AND f.id < (s.id + 1) * 549755813888;

-- Rows can be changed by hand as in a table. What is made of other columns (`macd_hist`, `bb_middle`) follows those.
CREATE TRIGGER features_insert INSTEAD OF INSERT ON features
BEGIN
    INSERT INTO feature_values (id, log_return, volatility_20, volatility_50, atr, rolling_volume_20, volume_ratio, rsi_14,
        macd, macd_signal, sma_20, sma_50, ema_20, ema_50, bb_upper, bb_lower, labels, computed_at)
    VALUES (NEW.series_id * 549755813888 + NEW.ts / 1000 + 62135596800, NEW.log_return, NEW.volatility_20, NEW.volatility_50,
        NEW.atr, NEW.rolling_volume_20, NEW.volume_ratio, NEW.rsi_14, NEW.macd, NEW.macd_signal, NEW.sma_20, NEW.sma_50,
        NEW.ema_20, NEW.ema_50, NEW.bb_upper, NEW.bb_lower,
        CASE NEW.structure_label WHEN 'bullish' THEN 1 WHEN 'bearish' THEN 2 WHEN 'range' THEN 3 ELSE 0 END
        + CASE NEW.trend_direction WHEN 'up' THEN 4 WHEN 'down' THEN 8 WHEN 'neutral' THEN 12 ELSE 0 END
        + CASE NEW.volatility_regime WHEN 'low' THEN 16 WHEN 'medium' THEN 32 WHEN 'high' THEN 48 ELSE 0 END
        + CASE NEW.trend_regime WHEN 'uptrend' THEN 64 WHEN 'downtrend' THEN 128 WHEN 'ranging' THEN 192 ELSE 0 END
        + CASE NEW.compression_regime WHEN 'compressed' THEN 256 WHEN 'expanded' THEN 512 ELSE 0 END,
        NEW.computed_at);
END;

CREATE TRIGGER features_update INSTEAD OF UPDATE ON features
BEGIN
    UPDATE feature_values
    SET id = NEW.series_id * 549755813888 + NEW.ts / 1000 + 62135596800,
        log_return = NEW.log_return, volatility_20 = NEW.volatility_20, volatility_50 = NEW.volatility_50, atr = NEW.atr,
        rolling_volume_20 = NEW.rolling_volume_20, volume_ratio = NEW.volume_ratio, rsi_14 = NEW.rsi_14, macd = NEW.macd,
        macd_signal = NEW.macd_signal, sma_20 = NEW.sma_20, sma_50 = NEW.sma_50, ema_20 = NEW.ema_20, ema_50 = NEW.ema_50,
        bb_upper = NEW.bb_upper, bb_lower = NEW.bb_lower,
        labels = CASE NEW.structure_label WHEN 'bullish' THEN 1 WHEN 'bearish' THEN 2 WHEN 'range' THEN 3 ELSE 0 END
        + CASE NEW.trend_direction WHEN 'up' THEN 4 WHEN 'down' THEN 8 WHEN 'neutral' THEN 12 ELSE 0 END
        + CASE NEW.volatility_regime WHEN 'low' THEN 16 WHEN 'medium' THEN 32 WHEN 'high' THEN 48 ELSE 0 END
        + CASE NEW.trend_regime WHEN 'uptrend' THEN 64 WHEN 'downtrend' THEN 128 WHEN 'ranging' THEN 192 ELSE 0 END
        + CASE NEW.compression_regime WHEN 'compressed' THEN 256 WHEN 'expanded' THEN 512 ELSE 0 END,
        computed_at = NEW.computed_at
    WHERE id = OLD.series_id * 549755813888 + OLD.ts / 1000 + 62135596800;
END;

CREATE TRIGGER features_delete INSTEAD OF DELETE ON features
BEGIN
    DELETE FROM feature_values WHERE id = OLD.series_id * 549755813888 + OLD.ts / 1000 + 62135596800;
END;

-- For people with SQL, pandas, polars or DuckDB. `time` is in milliseconds.
CREATE VIEW market_data AS
SELECT s.symbol, s.timeframe, b.ts AS time, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.quality_score,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       CAST(CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS TEXT) AS structure_label,
       CAST(CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS TEXT) AS trend_direction,
       CAST(CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS TEXT) AS volatility_regime,
       CAST(CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS TEXT) AS trend_regime,
       CAST(CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS TEXT) AS compression_regime,
       f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS REAL) AS macd_hist, f.sma_20, f.sma_50,
       f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower
FROM bars AS b
JOIN series AS s ON s.id = b.series_id
LEFT JOIN feature_values AS f ON f.id = b.series_id * 549755813888 + b.ts / 1000 + 62135596800;

-- Bars in today's terms, the scale that features have. The close of a week is that of its last day, so a dividend on one of
-- its days is behind it. Casts give the columns types, which DuckDB and others ask for.
CREATE VIEW market_data_adjusted AS
SELECT x.symbol, x.timeframe, x.time,
       CAST(x.open * (x.num / x.den) AS REAL) AS open,
       CAST(x.high * (x.num / x.den) AS REAL) AS high,
       CAST(x.low * (x.num / x.den) AS REAL) AS low,
       CAST(x.close * (x.num / x.den) AS REAL) AS close,
       CAST(x.volume * (x.den / x.num) AS REAL) AS volume,
       CAST(x.vwap * (x.num / x.den) AS REAL) AS vwap,
       x.trades, x.quality_score,
       x.log_return, x.volatility_20, x.volatility_50, x.atr, x.rolling_volume_20, x.volume_ratio,
       x.structure_label, x.trend_direction, x.volatility_regime, x.trend_regime, x.compression_regime, x.rsi_14,
       x.macd, x.macd_signal, x.macd_hist, x.sma_20, x.sma_50, x.ema_20,
       x.ema_50, x.bb_upper, x.bb_middle, x.bb_lower,
       CAST(x.session_date AS TEXT) AS session_date,
       CAST(x.session AS TEXT) AS session,
       CAST(x.num / x.den AS REAL) AS split_factor,
       CAST(x.close * (x.num / x.den) * x.dividend_factor AS REAL) AS close_total_return
FROM (
    SELECT s.symbol, s.timeframe, b.ts AS time,
           CASE WHEN w.ts IS NULL THEN b.open ELSE w.open END AS open, CASE WHEN w.ts IS NULL THEN b.high ELSE w.high END AS high,
           CASE WHEN w.ts IS NULL THEN b.low ELSE w.low END AS low, CASE WHEN w.ts IS NULL THEN b.close ELSE w.close END AS close,
           CASE WHEN w.ts IS NULL THEN b.volume ELSE w.volume END AS volume,
           CASE WHEN w.ts IS NULL THEN b.vwap ELSE w.vwap END AS vwap, b.trades, b.quality_score,
           f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
           CAST(CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS TEXT) AS structure_label,
           CAST(CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS TEXT) AS trend_direction,
           CAST(CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS TEXT) AS volatility_regime,
           CAST(CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS TEXT) AS trend_regime,
           CAST(CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS TEXT) AS compression_regime,
           f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS REAL) AS macd_hist, f.sma_20, f.sma_50,
           f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower,
           CASE WHEN y.asset_class = 'crypto' THEN date(b.ts / 1000, 'unixepoch') ELSE m.date END AS session_date,
           CASE WHEN y.asset_class = 'crypto' OR s.timeframe IN ('1d', '1w') THEN 'regular'
                WHEN b.ts < m.pre_ts THEN 'overnight'
                WHEN b.ts < m.open_ts THEN 'pre'
                WHEN b.ts < m.close_ts THEN 'regular'
                WHEN m.date IS NOT NULL THEN 'post' END AS session,
           COALESCE(n.split_from, 1.0) * COALESCE(p.split_to, 1.0) AS num,
           COALESCE(n.split_to, 1.0) * COALESCE(p.split_from, 1.0) AS den,
           COALESCE(n.dividend, 1.0) / COALESCE(d.dividend, 1.0) AS dividend_factor
    FROM series AS s
    JOIN symbols AS y ON y.symbol = s.symbol
    LEFT JOIN price_factors AS n ON n.symbol = s.symbol AND n.at_ts = (
        SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= CAST(strftime('%s', 'now') AS INTEGER) * 1000)
    JOIN bars AS b ON b.series_id = s.id
    LEFT JOIN split_weeks AS w ON s.timeframe = '1w' AND w.series_id = b.series_id AND w.ts = b.ts
    LEFT JOIN feature_values AS f ON f.id = b.series_id * 549755813888 + b.ts / 1000 + 62135596800
    LEFT JOIN price_factors AS p ON p.symbol = s.symbol AND p.at_ts = (
        SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= b.ts)
    LEFT JOIN price_factors AS d ON d.symbol = s.symbol AND d.at_ts = (
        SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= CAST(strftime('%s', 'now') AS INTEGER) * 1000
            AND q.at_ts <= b.ts + CASE WHEN s.timeframe = '1w' THEN 561600000 ELSE 0 END)
    LEFT JOIN market_sessions AS m ON y.asset_class <> 'crypto' AND b.ts >= 1041397200000 AND m.end_ts = (
        SELECT MIN(k.end_ts) FROM market_sessions AS k WHERE k.end_ts > b.ts)
) AS x;
