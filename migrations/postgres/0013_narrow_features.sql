-- Features take most of the bytes of a database, so they are kept narrow: what is a copy or a difference of other columns is
-- made when it is read, and the five labels share one number (two bits each, in the order of the columns of `features`; 0 is
-- no label).
-- No foreign key, as for bars, and no check of each number: with the checks COPY takes half as long again.
CREATE TABLE feature_values (
    series_id BIGINT NOT NULL,
    ts TIMESTAMPTZ NOT NULL,
    log_return DOUBLE PRECISION,
    volatility_20 DOUBLE PRECISION,
    volatility_50 DOUBLE PRECISION,
    atr DOUBLE PRECISION,
    rolling_volume_20 DOUBLE PRECISION,
    volume_ratio DOUBLE PRECISION,
    rsi_14 DOUBLE PRECISION,
    macd DOUBLE PRECISION,
    macd_signal DOUBLE PRECISION,
    sma_20 DOUBLE PRECISION,
    sma_50 DOUBLE PRECISION,
    ema_20 DOUBLE PRECISION,
    ema_50 DOUBLE PRECISION,
    bb_upper DOUBLE PRECISION,
    bb_lower DOUBLE PRECISION,
    labels SMALLINT NOT NULL DEFAULT 0,
    computed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (series_id, ts)
);

INSERT INTO feature_values
SELECT f.series_id, f.ts,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio, f.rsi_14, f.macd,
       f.macd_signal, f.sma_20, f.sma_50, f.ema_20, f.ema_50, f.bb_upper, f.bb_lower,
       CASE f.structure_label WHEN 'bullish' THEN 1 WHEN 'bearish' THEN 2 WHEN 'range' THEN 3 ELSE 0 END
       + CASE f.trend_direction WHEN 'up' THEN 4 WHEN 'down' THEN 8 WHEN 'neutral' THEN 12 ELSE 0 END
       + CASE f.volatility_regime WHEN 'low' THEN 16 WHEN 'medium' THEN 32 WHEN 'high' THEN 48 ELSE 0 END
       + CASE f.trend_regime WHEN 'uptrend' THEN 64 WHEN 'downtrend' THEN 128 WHEN 'ranging' THEN 192 ELSE 0 END
       + CASE f.compression_regime WHEN 'compressed' THEN 256 WHEN 'expanded' THEN 512 ELSE 0 END,
       f.computed_at
FROM features AS f;

DROP VIEW market_data_adjusted;
DROP VIEW market_data;
DROP TABLE features;

CREATE VIEW features AS
SELECT f.series_id, f.ts,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS structure_label,
       CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS trend_direction,
       CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS volatility_regime,
       CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS trend_regime,
       CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS compression_regime, f.rsi_14,
       f.macd, f.macd_signal, f.macd - f.macd_signal AS macd_hist, f.sma_20, f.sma_50, f.ema_20, f.ema_50, f.bb_upper,
       f.sma_20 AS bb_middle, f.bb_lower,
       f.computed_at
FROM feature_values AS f;

-- For people with SQL, pandas, polars or DuckDB.
CREATE VIEW market_data AS
SELECT s.symbol, s.timeframe, b.ts AS time, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.quality_score,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       f.structure_label, f.trend_direction, f.volatility_regime, f.trend_regime, f.compression_regime, f.rsi_14,
       f.macd, f.macd_signal, f.macd_hist, f.sma_20, f.sma_50, f.ema_20,
       f.ema_50, f.bb_upper, f.bb_middle, f.bb_lower
FROM bars AS b
JOIN series AS s ON s.id = b.series_id
LEFT JOIN features AS f ON f.series_id = b.series_id AND f.ts = b.ts;

-- Bars in today's terms, the scale that features have. The close of a week is that of its last day, so a dividend on one of
-- its days is behind it.
CREATE VIEW market_data_adjusted AS
SELECT x.symbol, x.timeframe, x.time,
       x.open * (x.num / x.den) AS open,
       x.high * (x.num / x.den) AS high,
       x.low * (x.num / x.den) AS low,
       x.close * (x.num / x.den) AS close,
       x.volume * (x.den / x.num) AS volume,
       x.vwap * (x.num / x.den) AS vwap,
       x.trades, x.quality_score,
       x.log_return, x.volatility_20, x.volatility_50, x.atr, x.rolling_volume_20, x.volume_ratio,
       x.structure_label, x.trend_direction, x.volatility_regime, x.trend_regime, x.compression_regime, x.rsi_14,
       x.macd, x.macd_signal, x.macd_hist, x.sma_20, x.sma_50, x.ema_20,
       x.ema_50, x.bb_upper, x.bb_middle, x.bb_lower,
       x.session_date AS session_date,
       x.session AS session,
       x.num / x.den AS split_factor,
       x.close * (x.num / x.den) * x.dividend_factor AS close_total_return
FROM (
    SELECT s.symbol, s.timeframe, b.ts AS time,
           CASE WHEN w.ts IS NULL THEN b.open ELSE w.open END AS open, CASE WHEN w.ts IS NULL THEN b.high ELSE w.high END AS high,
           CASE WHEN w.ts IS NULL THEN b.low ELSE w.low END AS low, CASE WHEN w.ts IS NULL THEN b.close ELSE w.close END AS close,
           CASE WHEN w.ts IS NULL THEN b.volume ELSE w.volume END AS volume,
           CASE WHEN w.ts IS NULL THEN b.vwap ELSE w.vwap END AS vwap, b.trades, b.quality_score,
           f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
           f.structure_label, f.trend_direction, f.volatility_regime, f.trend_regime, f.compression_regime, f.rsi_14,
           f.macd, f.macd_signal, f.macd_hist, f.sma_20, f.sma_50, f.ema_20,
           f.ema_50, f.bb_upper, f.bb_middle, f.bb_lower,
           CASE WHEN y.asset_class = 'crypto' THEN (b.ts AT TIME ZONE 'UTC')::date ELSE m.date END AS session_date,
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
    LEFT JOIN LATERAL (SELECT q.split_from, q.split_to, q.dividend FROM price_factors AS q
        WHERE q.symbol = s.symbol AND q.at_ts <= now() ORDER BY q.at_ts DESC LIMIT 1) AS n ON TRUE
    JOIN bars AS b ON b.series_id = s.id
    LEFT JOIN split_weeks AS w ON s.timeframe = '1w' AND w.series_id = b.series_id AND w.ts = b.ts
    LEFT JOIN features AS f ON f.series_id = b.series_id AND f.ts = b.ts
    LEFT JOIN LATERAL (SELECT q.split_from, q.split_to, q.dividend FROM price_factors AS q
        WHERE q.symbol = s.symbol AND q.at_ts <= b.ts ORDER BY q.at_ts DESC LIMIT 1) AS p ON TRUE
    LEFT JOIN LATERAL (SELECT q.dividend FROM price_factors AS q
        WHERE q.symbol = s.symbol AND q.at_ts <= now()
            AND q.at_ts <= b.ts + CASE WHEN s.timeframe = '1w' THEN INTERVAL '156 hours' ELSE INTERVAL '0' END
        ORDER BY q.at_ts DESC LIMIT 1) AS d ON TRUE
    LEFT JOIN LATERAL (SELECT k.date, k.pre_ts, k.open_ts, k.close_ts FROM market_sessions AS k
        WHERE k.end_ts > b.ts AND y.asset_class <> 'crypto' ORDER BY k.end_ts LIMIT 1) AS m
        ON b.ts >= TIMESTAMPTZ '2003-01-01 05:00:00+00'
) AS x;
