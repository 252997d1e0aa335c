-- Dividends, the hours of the exchange, and bars as people compare them.

-- As the vendor lists them; several may share a date.
CREATE TABLE dividends (
    symbol TEXT COLLATE "C" NOT NULL,
    ex_date DATE NOT NULL,
    -- The vendor's name for this payment.
    id TEXT NOT NULL,
    -- A share, in the terms of its date.
    cash_amount DOUBLE PRECISION NOT NULL CHECK (cash_amount > 0 AND cash_amount <= 1.7976931348623157e308),
    currency TEXT,
    kind TEXT,
    -- Payments a year.
    frequency BIGINT,
    declaration_date DATE,
    record_date DATE,
    pay_date DATE,
    fetched_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (symbol, ex_date, id)
);

-- When dividends of a symbol were last asked for, also when it has none or the vendor refused.
CREATE TABLE dividends_checked (
    symbol TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fetched_at TIMESTAMPTZ NOT NULL
);

-- What splits and dividends did to a price, from the first of them up to `at_ts`, that one included: `split_from` old
-- shares became `split_to` new ones, and `dividend` of the price is left after payments. Made from `splits`, `dividends` and
-- the closes before each dividend whenever one of them changes.
CREATE TABLE price_factors (
    symbol TEXT COLLATE "C" NOT NULL,
    at_ts TIMESTAMPTZ NOT NULL,
    split_from DOUBLE PRECISION NOT NULL CHECK (split_from > 0),
    split_to DOUBLE PRECISION NOT NULL CHECK (split_to > 0),
    dividend DOUBLE PRECISION NOT NULL CHECK (dividend > 0 AND dividend <= 1),
    PRIMARY KEY (symbol, at_ts)
);

-- Weeks in which shares were split, made of their days in the terms of the first; the stored week has an open before the
-- split and a close after it.
CREATE TABLE split_weeks (
    series_id BIGINT NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts TIMESTAMPTZ NOT NULL,
    open DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL,
    volume DOUBLE PRECISION NOT NULL,
    vwap DOUBLE PRECISION,
    PRIMARY KEY (series_id, ts)
);

-- The sessions of the exchange: 04:00, the open, the close, and 20:00 in New York. After 2040 there are none.
CREATE TABLE market_sessions (
    end_ts TIMESTAMPTZ NOT NULL PRIMARY KEY,
    date DATE NOT NULL UNIQUE,
    pre_ts TIMESTAMPTZ NOT NULL,
    open_ts TIMESTAMPTZ NOT NULL,
    close_ts TIMESTAMPTZ NOT NULL
);

WITH days AS (
    SELECT d::date AS day FROM generate_series(DATE '2003-01-01', DATE '2040-12-31', INTERVAL '1 day') AS d
), closed (day) AS (VALUES
    (DATE '2003-01-01'), ('2003-01-20'), ('2003-02-17'), ('2003-04-18'), ('2003-05-26'), ('2003-07-04'), ('2003-09-01'),
    ('2003-11-27'), ('2003-12-25'), ('2004-01-01'), ('2004-01-19'), ('2004-02-16'), ('2004-04-09'), ('2004-05-31'),
    ('2004-06-11'), ('2004-07-05'), ('2004-09-06'), ('2004-11-25'), ('2004-12-24'), ('2005-01-17'), ('2005-02-21'),
    ('2005-03-25'), ('2005-05-30'), ('2005-07-04'), ('2005-09-05'), ('2005-11-24'), ('2005-12-26'), ('2006-01-02'),
    ('2006-01-16'), ('2006-02-20'), ('2006-04-14'), ('2006-05-29'), ('2006-07-04'), ('2006-09-04'), ('2006-11-23'),
    ('2006-12-25'), ('2007-01-01'), ('2007-01-02'), ('2007-01-15'), ('2007-02-19'), ('2007-04-06'), ('2007-05-28'),
    ('2007-07-04'), ('2007-09-03'), ('2007-11-22'), ('2007-12-25'), ('2008-01-01'), ('2008-01-21'), ('2008-02-18'),
    ('2008-03-21'), ('2008-05-26'), ('2008-07-04'), ('2008-09-01'), ('2008-11-27'), ('2008-12-25'), ('2009-01-01'),
    ('2009-01-19'), ('2009-02-16'), ('2009-04-10'), ('2009-05-25'), ('2009-07-03'), ('2009-09-07'), ('2009-11-26'),
    ('2009-12-25'), ('2010-01-01'), ('2010-01-18'), ('2010-02-15'), ('2010-04-02'), ('2010-05-31'), ('2010-07-05'),
    ('2010-09-06'), ('2010-11-25'), ('2010-12-24'), ('2011-01-17'), ('2011-02-21'), ('2011-04-22'), ('2011-05-30'),
    ('2011-07-04'), ('2011-09-05'), ('2011-11-24'), ('2011-12-26'), ('2012-01-02'), ('2012-01-16'), ('2012-02-20'),
    ('2012-04-06'), ('2012-05-28'), ('2012-07-04'), ('2012-09-03'), ('2012-10-29'), ('2012-10-30'), ('2012-11-22'),
    ('2012-12-25'), ('2013-01-01'), ('2013-01-21'), ('2013-02-18'), ('2013-03-29'), ('2013-05-27'), ('2013-07-04'),
    ('2013-09-02'), ('2013-11-28'), ('2013-12-25'), ('2014-01-01'), ('2014-01-20'), ('2014-02-17'), ('2014-04-18'),
    ('2014-05-26'), ('2014-07-04'), ('2014-09-01'), ('2014-11-27'), ('2014-12-25'), ('2015-01-01'), ('2015-01-19'),
    ('2015-02-16'), ('2015-04-03'), ('2015-05-25'), ('2015-07-03'), ('2015-09-07'), ('2015-11-26'), ('2015-12-25'),
    ('2016-01-01'), ('2016-01-18'), ('2016-02-15'), ('2016-03-25'), ('2016-05-30'), ('2016-07-04'), ('2016-09-05'),
    ('2016-11-24'), ('2016-12-26'), ('2017-01-02'), ('2017-01-16'), ('2017-02-20'), ('2017-04-14'), ('2017-05-29'),
    ('2017-07-04'), ('2017-09-04'), ('2017-11-23'), ('2017-12-25'), ('2018-01-01'), ('2018-01-15'), ('2018-02-19'),
    ('2018-03-30'), ('2018-05-28'), ('2018-07-04'), ('2018-09-03'), ('2018-11-22'), ('2018-12-05'), ('2018-12-25'),
    ('2019-01-01'), ('2019-01-21'), ('2019-02-18'), ('2019-04-19'), ('2019-05-27'), ('2019-07-04'), ('2019-09-02'),
    ('2019-11-28'), ('2019-12-25'), ('2020-01-01'), ('2020-01-20'), ('2020-02-17'), ('2020-04-10'), ('2020-05-25'),
    ('2020-07-03'), ('2020-09-07'), ('2020-11-26'), ('2020-12-25'), ('2021-01-01'), ('2021-01-18'), ('2021-02-15'),
    ('2021-04-02'), ('2021-05-31'), ('2021-07-05'), ('2021-09-06'), ('2021-11-25'), ('2021-12-24'), ('2022-01-17'),
    ('2022-02-21'), ('2022-04-15'), ('2022-05-30'), ('2022-06-20'), ('2022-07-04'), ('2022-09-05'), ('2022-11-24'),
    ('2022-12-26'), ('2023-01-02'), ('2023-01-16'), ('2023-02-20'), ('2023-04-07'), ('2023-05-29'), ('2023-06-19'),
    ('2023-07-04'), ('2023-09-04'), ('2023-11-23'), ('2023-12-25'), ('2024-01-01'), ('2024-01-15'), ('2024-02-19'),
    ('2024-03-29'), ('2024-05-27'), ('2024-06-19'), ('2024-07-04'), ('2024-09-02'), ('2024-11-28'), ('2024-12-25'),
    ('2025-01-01'), ('2025-01-09'), ('2025-01-20'), ('2025-02-17'), ('2025-04-18'), ('2025-05-26'), ('2025-06-19'),
    ('2025-07-04'), ('2025-09-01'), ('2025-11-27'), ('2025-12-25'), ('2026-01-01'), ('2026-01-19'), ('2026-02-16'),
    ('2026-04-03'), ('2026-05-25'), ('2026-06-19'), ('2026-07-03'), ('2026-09-07'), ('2026-11-26'), ('2026-12-25'),
    ('2027-01-01'), ('2027-01-18'), ('2027-02-15'), ('2027-03-26'), ('2027-05-31'), ('2027-06-18'), ('2027-07-05'),
    ('2027-09-06'), ('2027-11-25'), ('2027-12-24'), ('2028-01-17'), ('2028-02-21'), ('2028-04-14'), ('2028-05-29'),
    ('2028-06-19'), ('2028-07-04'), ('2028-09-04'), ('2028-11-23'), ('2028-12-25'), ('2029-01-01'), ('2029-01-15'),
    ('2029-02-19'), ('2029-03-30'), ('2029-05-28'), ('2029-06-19'), ('2029-07-04'), ('2029-09-03'), ('2029-11-22'),
    ('2029-12-25'), ('2030-01-01'), ('2030-01-21'), ('2030-02-18'), ('2030-04-19'), ('2030-05-27'), ('2030-06-19'),
    ('2030-07-04'), ('2030-09-02'), ('2030-11-28'), ('2030-12-25'), ('2031-01-01'), ('2031-01-20'), ('2031-02-17'),
    ('2031-04-11'), ('2031-05-26'), ('2031-06-19'), ('2031-07-04'), ('2031-09-01'), ('2031-11-27'), ('2031-12-25'),
    ('2032-01-01'), ('2032-01-19'), ('2032-02-16'), ('2032-03-26'), ('2032-05-31'), ('2032-06-18'), ('2032-07-05'),
    ('2032-09-06'), ('2032-11-25'), ('2032-12-24'), ('2033-01-17'), ('2033-02-21'), ('2033-04-15'), ('2033-05-30'),
    ('2033-06-20'), ('2033-07-04'), ('2033-09-05'), ('2033-11-24'), ('2033-12-26'), ('2034-01-02'), ('2034-01-16'),
    ('2034-02-20'), ('2034-04-07'), ('2034-05-29'), ('2034-06-19'), ('2034-07-04'), ('2034-09-04'), ('2034-11-23'),
    ('2034-12-25'), ('2035-01-01'), ('2035-01-15'), ('2035-02-19'), ('2035-03-23'), ('2035-05-28'), ('2035-06-19'),
    ('2035-07-04'), ('2035-09-03'), ('2035-11-22'), ('2035-12-25'), ('2036-01-01'), ('2036-01-21'), ('2036-02-18'),
    ('2036-04-11'), ('2036-05-26'), ('2036-06-19'), ('2036-07-04'), ('2036-09-01'), ('2036-11-27'), ('2036-12-25'),
    ('2037-01-01'), ('2037-01-19'), ('2037-02-16'), ('2037-04-03'), ('2037-05-25'), ('2037-06-19'), ('2037-07-03'),
    ('2037-09-07'), ('2037-11-26'), ('2037-12-25'), ('2038-01-01'), ('2038-01-18'), ('2038-02-15'), ('2038-04-23'),
    ('2038-05-31'), ('2038-06-18'), ('2038-07-05'), ('2038-09-06'), ('2038-11-25'), ('2038-12-24'), ('2039-01-17'),
    ('2039-02-21'), ('2039-04-08'), ('2039-05-30'), ('2039-06-20'), ('2039-07-04'), ('2039-09-05'), ('2039-11-24'),
    ('2039-12-26'), ('2040-01-02'), ('2040-01-16'), ('2040-02-20'), ('2040-03-30'), ('2040-05-28'), ('2040-06-19'),
    ('2040-07-04'), ('2040-09-03'), ('2040-11-22'), ('2040-12-25')
), early (day) AS (VALUES
    (DATE '2003-07-03'), ('2003-11-28'), ('2003-12-24'), ('2003-12-26'), ('2004-11-26'), ('2005-11-25'), ('2006-07-03'),
    ('2006-11-24'), ('2007-07-03'), ('2007-11-23'), ('2007-12-24'), ('2008-07-03'), ('2008-11-28'), ('2008-12-24'),
    ('2009-11-27'), ('2009-12-24'), ('2010-11-26'), ('2011-11-25'), ('2012-07-03'), ('2012-11-23'), ('2012-12-24'),
    ('2013-07-03'), ('2013-11-29'), ('2013-12-24'), ('2014-07-03'), ('2014-11-28'), ('2014-12-24'), ('2015-11-27'),
    ('2015-12-24'), ('2016-11-25'), ('2017-07-03'), ('2017-11-24'), ('2018-07-03'), ('2018-11-23'), ('2018-12-24'),
    ('2019-07-03'), ('2019-11-29'), ('2019-12-24'), ('2020-11-27'), ('2020-12-24'), ('2021-11-26'), ('2022-11-25'),
    ('2023-07-03'), ('2023-11-24'), ('2024-07-03'), ('2024-11-29'), ('2024-12-24'), ('2025-07-03'), ('2025-11-28'),
    ('2025-12-24'), ('2026-11-27'), ('2026-12-24'), ('2027-11-26'), ('2028-07-03'), ('2028-11-24'), ('2029-07-03'),
    ('2029-11-23'), ('2029-12-24'), ('2030-07-03'), ('2030-11-29'), ('2030-12-24'), ('2031-07-03'), ('2031-11-28'),
    ('2031-12-24'), ('2032-11-26'), ('2033-11-25'), ('2034-07-03'), ('2034-11-24'), ('2035-07-03'), ('2035-11-23'),
    ('2035-12-24'), ('2036-07-03'), ('2036-11-28'), ('2036-12-24'), ('2037-11-27'), ('2037-12-24'), ('2038-11-26'),
    ('2039-11-25'), ('2040-07-03'), ('2040-11-23'), ('2040-12-24')
), noon AS (
    SELECT day, (day + TIME '12:00') AT TIME ZONE 'America/New_York' AS at, day IN (SELECT day FROM early) AS short
    FROM days
    WHERE extract(isodow FROM day) < 6 AND day NOT IN (SELECT day FROM closed)
)
INSERT INTO market_sessions (end_ts, date, pre_ts, open_ts, close_ts)
SELECT at + INTERVAL '8 hours', day, at - INTERVAL '8 hours', at - INTERVAL '150 minutes',
       at + CASE WHEN short THEN INTERVAL '1 hour' ELSE INTERVAL '4 hours' END
FROM noon;

-- What was announced so far.
DELETE FROM market_sessions WHERE date IN (SELECT date FROM holidays WHERE close_ts IS NULL);
UPDATE market_sessions AS m SET close_ts = h.close_ts FROM holidays AS h
WHERE h.date = m.date AND h.close_ts > m.open_ts AND h.close_ts <= m.end_ts - INTERVAL '4 hours';

-- Splits that are known; barkeep adds dividends as they come.
WITH RECURSIVE listed AS (
    SELECT p.symbol, p.split_from, p.split_to,
        (SELECT MIN(m.end_ts - INTERVAL '20 hours') FROM market_sessions AS m WHERE m.date >= p.execution_date) AS at_ts,
        ROW_NUMBER() OVER (PARTITION BY p.symbol ORDER BY p.execution_date, p.split_from, p.split_to) AS n
    FROM splits AS p WHERE p.status <> 'contradicted' AND p.execution_date >= DATE '2003-01-01'
), joined (symbol, at_ts, n, split_from, split_to) AS (
    SELECT symbol, at_ts, n, split_from, split_to FROM listed WHERE n = 1
    UNION ALL
    SELECT l.symbol, l.at_ts, l.n, j.split_from * l.split_from, j.split_to * l.split_to
    FROM joined AS j JOIN listed AS l ON l.symbol = j.symbol AND l.n = j.n + 1
)
INSERT INTO price_factors (symbol, at_ts, split_from, split_to, dividend)
SELECT j.symbol, j.at_ts, j.split_from, j.split_to, 1 FROM joined AS j
WHERE j.at_ts IS NOT NULL AND j.n = (SELECT MAX(k.n) FROM joined AS k WHERE k.symbol = j.symbol AND k.at_ts = j.at_ts);

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
