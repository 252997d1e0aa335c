-- The same columns of the same rows, but with the labels made after the join instead of inside it: Citus cannot tell apart
-- what an outer join left empty from a label that is made inside, and refuses to look for one.
CREATE OR REPLACE VIEW market_data AS
SELECT s.symbol, s.timeframe, b.ts AS time, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades, b.quality_score,
       f.log_return, f.volatility_20, f.volatility_50, f.atr, f.rolling_volume_20, f.volume_ratio,
       CASE f.labels & 3 WHEN 1 THEN 'bullish' WHEN 2 THEN 'bearish' WHEN 3 THEN 'range' END AS structure_label,
       CASE (f.labels >> 2) & 3 WHEN 1 THEN 'up' WHEN 2 THEN 'down' WHEN 3 THEN 'neutral' END AS trend_direction,
       CASE (f.labels >> 4) & 3 WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' END AS volatility_regime,
       CASE (f.labels >> 6) & 3 WHEN 1 THEN 'uptrend' WHEN 2 THEN 'downtrend' WHEN 3 THEN 'ranging' END AS trend_regime,
       CASE (f.labels >> 8) & 3 WHEN 1 THEN 'compressed' WHEN 2 THEN 'expanded' END AS compression_regime,
       f.rsi_14, f.macd, f.macd_signal, f.macd - f.macd_signal AS macd_hist, f.sma_20, f.sma_50, f.ema_20,
       f.ema_50, f.bb_upper, f.sma_20 AS bb_middle, f.bb_lower
FROM bars AS b
JOIN series AS s ON s.id = b.series_id
LEFT JOIN feature_values AS f ON f.series_id = b.series_id AND f.ts = b.ts;
