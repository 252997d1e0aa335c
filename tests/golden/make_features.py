#!/usr/bin/env python3
"""Makes the golden values of tests/golden/features_*.csv.

TA-Lib (the C library, through its Python package) is the reference wherever it defines an indicator; the rest is written
down here in numpy, from the definitions and not from barkeep's code. The price paths are made by a small generator of
whole numbers, so they are the same everywhere.

    python3 -m venv /tmp/talib && /tmp/talib/bin/pip install TA-Lib numpy
    /tmp/talib/bin/python tests/golden/make_features.py
"""

import math
import pathlib
import platform

import numpy as np
import talib

HERE = pathlib.Path(__file__).parent
COLUMNS = [
    "log_return", "volatility_20", "volatility_50", "atr", "rolling_volume_20", "volume_ratio", "structure_label",
    "trend_direction", "volatility_regime", "trend_regime", "compression_regime", "rsi_14", "macd", "macd_signal",
    "macd_hist", "sma_20", "sma_50", "ema_20", "ema_50", "bb_upper", "bb_middle", "bb_lower",
]


class Dice:
    """Knuth's MMIX generator; the high bits of 64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def walk(bars, seed):
    """A path whose restlessness changes, in cents; with quiet, wild, rising and falling stretches."""
    dice, close, rows = Dice(seed), 10_000, []
    for k in range(bars):
        swing = [12, 30, 150, 60][(k // 60) % 4]
        drift = [0, 9, -14, 4, -3][(k // 45) % 5]
        opened = close + dice.below(2 * swing // 3 + 1) - swing // 3
        close = max(500, opened + dice.below(2 * swing + 1) - swing + drift)
        high = max(opened, close) + dice.below(swing + 1)
        low = max(100, min(opened, close) - dice.below(swing + 1))
        rows.append((opened / 100, high / 100, low / 100, close / 100, float(1_000 + dice.below(90_000))))
    return rows


def flat(bars, seed):
    """Nothing happens, then something, then nothing again; volume is absent for a while and fractional elsewhere."""
    dice, close, rows = Dice(seed), 700, []
    for k in range(bars):
        if 60 <= k < 130:
            close += dice.below(21) - 10
        volume = 0.0 if 20 <= k < 55 else dice.below(1_000_000) / 1_000
        rows.append((close / 100, close / 100, close / 100, close / 100, volume))
    return rows


def rolling(values, n, f):
    out = np.full(len(values), np.nan)
    for k in range(n - 1, len(values)):
        window = values[k - n + 1 : k + 1]
        if not np.isnan(window).any():
            out[k] = f(window)
    return out


def labels(n, choose):
    return [choose(k) for k in range(n)]


def features(rows, per_year):
    _, high, low, close, volume = (np.array(c, dtype=float) for c in zip(*rows))
    n = len(close)
    returns = np.full(n, np.nan)
    returns[1:] = np.log(close[1:] / close[:-1])
    sample = lambda w: np.std(w, ddof=1) * math.sqrt(per_year)
    vol50 = rolling(returns, 50, sample)
    mean_volume = talib.SMA(volume, 20)
    # A rolling sum keeps dust of what has left the window; a window of nothing has the mean nothing.
    mean_volume = np.where(rolling(volume, 20, np.max) == 0.0, 0.0, mean_volume)
    macd, signal, hist = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0, 0)
    ema20, ema50 = talib.EMA(close, 20), talib.EMA(close, 50)
    width = rolling(close, 20, lambda w: 2 * np.std(w, ddof=1) / np.mean(w))
    vol_median, width_median = rolling(vol50, 50, np.median), rolling(width, 50, np.median)

    def structure(k):
        if k < 5:
            return None
        top, floor = high[k - 5 : k].max(), low[k - 5 : k].min()
        if high[k] > top and low[k] > floor:
            return "bullish"
        return "bearish" if high[k] < top and low[k] < floor else "range"

    def direction(k):
        if k < 5:
            return None
        change = close[k] / close[k - 5] - 1
        return "up" if change > 0.01 else "down" if change < -0.01 else "neutral"

    def volatility(k):
        if np.isnan(vol_median[k]):
            return None
        return "low" if vol50[k] < 0.7 * vol_median[k] else "high" if vol50[k] > 1.3 * vol_median[k] else "medium"

    def trend(k):
        if np.isnan(ema50[k]):
            return None
        return "uptrend" if ema20[k] > ema50[k] else "downtrend" if ema20[k] < ema50[k] else "ranging"

    def compression(k):
        if np.isnan(width_median[k]):
            return None
        return "compressed" if width[k] < 0.7 * width_median[k] else "expanded"

    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean_volume > 0, volume / mean_volume, np.nan)
    return [
        returns, rolling(returns, 20, sample), vol50, talib.ATR(high, low, close, 14), mean_volume, ratio,
        labels(n, structure), labels(n, direction), labels(n, volatility), labels(n, trend), labels(n, compression),
        talib.RSI(close, 14), macd, signal, hist, talib.SMA(close, 20), talib.SMA(close, 50), ema20, ema50, upper,
        middle, lower,
    ]


def cell(value):
    if value is None or isinstance(value, str):
        return value or ""
    return "" if math.isnan(value) else repr(float(value))


def write(name, rows, per_year):
    columns = features(rows, per_year)
    made_with = (
        f"made by make_features.py with TA-Lib {talib.__version__} (C library {talib.__ta_version__.decode()}), "
        f"numpy {np.__version__}, Python {platform.python_version()}"
    )
    with open(HERE / f"features_{name}.csv", "w", newline="\n") as out:
        out.write(f"# {made_with}\n# per_year={per_year}\n")
        out.write(",".join(["open", "high", "low", "close", "volume", *COLUMNS]) + "\n")
        for k, row in enumerate(rows):
            out.write(",".join([repr(v) for v in row] + [cell(c[k]) for c in columns]) + "\n")


write("walk", walk(420, 1), 252)
write("flat", flat(190, 2), 105_120)
