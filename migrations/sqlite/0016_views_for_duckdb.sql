-- DuckDB reads an attached file by the text of its views, so they are written in what SQLite and DuckDB both understand and
-- mean alike: no date functions of SQLite's own, no subquery in the ON of an outer join, `/` only where nothing is left over,
-- BIGINT and DOUBLE in casts (INTEGER has 32 bits there, and so has REAL). The numbers are the same as before.

-- The months of UTC, for the days of what trades around the clock. After 2099 there are none.
CREATE TABLE utc_months (
    start_ts INTEGER NOT NULL PRIMARY KEY,
    month TEXT NOT NULL
) STRICT;

WITH RECURSIVE days (day) AS (
    SELECT '1970-01-01' UNION ALL SELECT date(day, '+1 month') FROM days WHERE day < '2099-12-01'
)
INSERT INTO utc_months (start_ts, month) SELECT CAST(strftime('%s', day) AS INTEGER) * 1000, substr(day, 1, 7) FROM days;

DROP VIEW market_data_adjusted;
DROP VIEW market_data;
DROP VIEW features;

-- The time in milliseconds. SQLite and DuckDB share no function that says it; from 1970 to 2099 every fourth year is longer.
CREATE VIEW utc_now AS
SELECT CAST(((365 * (t.year - 1970) + (t.year - 1969 - (t.year - 1969) % 4) / 4 + t.day - 1) * 86400
            + t.hour * 3600 + t.minute * 60 + t.second) * 1000 AS BIGINT) AS ts
FROM (
    SELECT CAST(strftime('%Y', CURRENT_TIMESTAMP) AS BIGINT) AS year, CAST(strftime('%j', CURRENT_TIMESTAMP) AS BIGINT) AS day,
           CAST(strftime('%H', CURRENT_TIMESTAMP) AS BIGINT) AS hour, CAST(strftime('%M', CURRENT_TIMESTAMP) AS BIGINT) AS minute,
           CAST(strftime('%S', CURRENT_TIMESTAMP) AS BIGINT) AS second
) AS t;

-- The series comes first, so that whoever asks for one does not read all.
CREATE VIEW features AS
SELECT s.id AS series_id, CAST((f.id % 549755813888 - 62135596800) * 1000 AS BIGINT) AS ts,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       CAST(CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS TEXT) AS structure_label,
       CAST(CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS TEXT) AS trend_direction,
       CAST(CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS TEXT) AS volatility_regime,
       CAST(CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS TEXT) AS trend_regime,
       CAST(CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS TEXT) AS compression_regime,
       f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS DOUBLE) AS macd_hist, f.sma_20, f.sma_50,
       f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower,
       f.computed_at
FROM series AS s CROSS JOIN feature_values AS f
WHERE f.id >= s.id * 549755813888 AND f.id < (s.id + 1) * 549755813888 AND f.id >> 39 = s.id;

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
       f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS DOUBLE) AS macd_hist, f.sma_20, f.sma_50,
       f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower
FROM bars AS b
JOIN series AS s ON s.id = b.series_id
LEFT JOIN feature_values AS f ON f.id = b.series_id * 549755813888 + CAST(b.ts / 1000 AS BIGINT) + 62135596800;

-- Bars in today's terms, the scale that features have. The close of a week is that of its last day, so a dividend on one of
-- its days is behind it.
CREATE VIEW market_data_adjusted AS
SELECT x.symbol, x.timeframe, x.time,
       CAST(x.open * (x.num / x.den) AS DOUBLE) AS open,
       CAST(x.high * (x.num / x.den) AS DOUBLE) AS high,
       CAST(x.low * (x.num / x.den) AS DOUBLE) AS low,
       CAST(x.close * (x.num / x.den) AS DOUBLE) AS close,
       CAST(x.volume * (x.den / x.num) AS DOUBLE) AS volume,
       CAST(x.vwap * (x.num / x.den) AS DOUBLE) AS vwap,
       x.trades, x.quality_score,
       x.log_return, x.volatility_20, x.volatility_50, x.atr, x.rolling_volume_20, x.volume_ratio,
       x.structure_label, x.trend_direction, x.volatility_regime, x.trend_regime, x.compression_regime, x.rsi_14,
       x.macd, x.macd_signal, x.macd_hist, x.sma_20, x.sma_50, x.ema_20,
       x.ema_50, x.bb_upper, x.bb_middle, x.bb_lower,
       CAST(x.session_date AS TEXT) AS session_date,
       CAST(x.session AS TEXT) AS session,
       CAST(x.num / x.den AS DOUBLE) AS split_factor,
       CAST(x.close * (x.num / x.den) * x.dividend_factor AS DOUBLE) AS close_total_return
FROM (
    SELECT b.symbol, b.timeframe, b.ts AS time,
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
           f.rsi_14, f.macd, f.macd_signal, CAST(f.macd - f.macd_signal AS DOUBLE) AS macd_hist, f.sma_20, f.sma_50,
           f.ema_20, f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower,
           CASE WHEN b.asset_class = 'crypto' THEN c.month || printf('-%02d', CAST((b.ts - b.ts % 86400000 - c.start_ts) / 86400000 AS BIGINT) + 1)
                ELSE m.date END AS session_date,
           CASE WHEN b.asset_class = 'crypto' OR b.timeframe IN ('1d', '1w') THEN 'regular'
                WHEN b.ts < m.pre_ts THEN 'overnight'
                WHEN b.ts < m.open_ts THEN 'pre'
                WHEN b.ts < m.close_ts THEN 'regular'
                WHEN m.date IS NOT NULL THEN 'post' END AS session,
           b.now_from * COALESCE(p.split_to, 1.0) AS num,
           b.now_to * COALESCE(p.split_from, 1.0) AS den,
           b.now_dividend / COALESCE(d.dividend, 1.0) AS dividend_factor
    FROM (
        SELECT s.symbol, s.timeframe, s.asset_class, s.now_from, s.now_to, s.now_dividend,
               b.series_id, b.ts, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.quality_score,
               CASE WHEN s.asset_class = 'crypto'
                    THEN (SELECT MAX(k.start_ts) FROM utc_months AS k WHERE k.start_ts <= b.ts) END AS month_ts,
               CASE WHEN s.asset_class <> 'crypto' AND b.ts >= 1041397200000
                    THEN (SELECT MIN(k.end_ts) FROM market_sessions AS k WHERE k.end_ts > b.ts) END AS session_ts,
               (SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= b.ts) AS split_ts,
               (SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= s.now_ts
                    AND q.at_ts <= b.ts + CASE WHEN s.timeframe = '1w' THEN 561600000 ELSE 0 END) AS dividend_ts
        FROM (
            SELECT s.id, s.symbol, s.timeframe, s.asset_class, s.now_ts, COALESCE(n.split_from, 1.0) AS now_from,
                   COALESCE(n.split_to, 1.0) AS now_to, COALESCE(n.dividend, 1.0) AS now_dividend
            FROM (
                SELECT s.id, s.symbol, s.timeframe, y.asset_class, c.ts AS now_ts,
                       (SELECT MAX(q.at_ts) FROM price_factors AS q WHERE q.symbol = s.symbol AND q.at_ts <= c.ts) AS factor_ts
                FROM series AS s JOIN symbols AS y ON y.symbol = s.symbol CROSS JOIN utc_now AS c
            ) AS s
            LEFT JOIN price_factors AS n ON n.symbol = s.symbol AND n.at_ts = s.factor_ts
        ) AS s
        JOIN bars AS b ON b.series_id = s.id
    ) AS b
    LEFT JOIN split_weeks AS w ON b.timeframe = '1w' AND w.series_id = b.series_id AND w.ts = b.ts
    LEFT JOIN feature_values AS f ON f.id = b.series_id * 549755813888 + CAST(b.ts / 1000 AS BIGINT) + 62135596800
    LEFT JOIN price_factors AS p ON p.symbol = b.symbol AND p.at_ts = b.split_ts
    LEFT JOIN price_factors AS d ON d.symbol = b.symbol AND d.at_ts = b.dividend_ts
    LEFT JOIN market_sessions AS m ON m.end_ts = b.session_ts
    LEFT JOIN utc_months AS c ON c.start_ts = b.month_ts
) AS x;
