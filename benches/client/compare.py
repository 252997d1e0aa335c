"""The same year fetched by the vendor's own Python client and by barkeep, into a SQLite file each, from one simulated vendor.

    pip install massive
    python benches/client/compare.py target/release/barkeep [--latency 50ms] [--symbols AAPL,MSFT]

What a script around the client does: for each symbol and timeframe `list_aggs` with pages of 50,000, and one `executemany` in a
transaction for each series. barkeep's features are off, because the script computes none. Prints seconds, requests by the vendor's
log, and bars counted in each file; the exit code is 1 when the two files do not hold the same bars.
"""

import argparse
import contextlib
import json
import math
import os
import re
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

from massive import RESTClient

SYMBOLS = (
    "AAPL,MSFT,GOOGL,AMZN,TSLA,NVDA,META,NFLX,AVGO,ASML,BRK.B,JPM,V,WMT,JNJ,BTC,ETH,XRP,SOL,ADA,SPY,QQQ,DIA,IWM,EEM"
)
CRYPTO = {"BTC", "ETH", "XRP", "SOL", "ADA"}
SPANS = {"5m": (5, "minute"), "15m": (15, "minute"), "1h": (1, "hour"), "4h": (4, "hour"), "1d": (1, "day")}
TABLE = """CREATE TABLE bars (symbol TEXT, timeframe TEXT, ts INTEGER, open REAL, high REAL, low REAL, close REAL,
    volume REAL, vwap REAL, trades INTEGER, PRIMARY KEY (symbol, timeframe, ts)) WITHOUT ROWID"""


def with_the_client(base, file, symbols, first, last):
    """Fetches and stores everything."""
    client = RESTClient("any", base=base, read_timeout=60)
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(TABLE)
    for symbol in symbols:
        ticker = f"X:{symbol}USD" if symbol in CRYPTO else symbol
        for timeframe, (multiplier, span) in SPANS.items():
            bars = client.list_aggs(ticker, multiplier, span, first, last, adjusted=False, sort="asc", limit=50_000)
            rows = (
                (symbol, timeframe, b.timestamp, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.transactions)
                for b in bars
            )
            with database:
                database.executemany("INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.close()


def with_barkeep(program, base, home, symbols, first, last):
    settings = home / "barkeep.yaml"
    settings.write_text("features: {enabled: false}\n")
    environment = dict(os.environ, MASSIVE_API_KEY="any", BARKEEP_VENDOR_URL=base, BARKEEP_RATE_LIMIT="unlimited")
    environment.update(BARKEEP_DATABASE_URL=f"sqlite:{home}/barkeep.db", BARKEEP_CONFIG=str(settings))
    command = [program, "backfill", *symbols, "--timeframes", ",".join(SPANS), "--from", first, "--to", last, "--json"]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(told.splitlines()[-1])


@contextlib.contextmanager
def vendor(program, latency, now):
    """A simulated vendor of its own, so that neither finds anything prepared by the other."""
    arguments = ["sim", "--listen", "127.0.0.1:0", "--limit", "unlimited", "--latency", latency, "--now", now]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        told = process.stdout.readline()
        address = re.search(r"http://[\d.:]+", told)
        if not address:
            raise SystemExit(f"the simulated vendor does not start: {told}{process.stdout.read()}")
        yield address.group()
    finally:
        process.terminate()
        process.wait()


def requests(base):
    with urllib.request.urlopen(f"{base}/_sim/requests") as answer:
        log = json.load(answer)
    return sum("/aggs/" in request["target"] for request in log)


def bars(file, query):
    database = sqlite3.connect(file)
    rows = database.execute(query).fetchall()
    database.close()
    return rows


def same(one, other):
    """Volumes of a longer bar are sums, whose last digit depends on the order."""
    return one[:-1] == other[:-1] and math.isclose(one[-1], other[-1], rel_tol=1e-12)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--latency", default="50ms")
    parser.add_argument("--symbols", default=SYMBOLS)
    asked = parser.parse_args()
    symbols = asked.symbols.split(",")
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    last, first = today - timedelta(days=3), today - timedelta(days=368)
    days = [first.strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d")]
    now = today.strftime("%Y-%m-%dT%H:%M:%SZ")

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with vendor(asked.program, asked.latency, now) as base:
            began = time.monotonic()
            with_the_client(base, home / "client.db", symbols, *days)
            client, client_requests = time.monotonic() - began, requests(base)
        with vendor(asked.program, asked.latency, now) as base:
            began = time.monotonic()
            told = with_barkeep(asked.program, base, home, symbols, *days)
            barkeep, barkeep_requests = time.monotonic() - began, requests(base)
        columns = "symbol, timeframe, {}, open, high, low, close, volume"
        by_client = bars(home / "client.db", f"SELECT {columns.format('ts')} FROM bars ORDER BY 1, 2, 3")
        by_barkeep = bars(home / "barkeep.db", f"SELECT {columns.format('time')} FROM market_data ORDER BY 1, 2, 3")

    print(f"{'':12}{'SECONDS':>9}{'REQUESTS':>10}{'BARS':>11}")
    print(f"{'by client':12}{client:9.1f}{client_requests:10}{len(by_client):11,}")
    print(f"{'by barkeep':12}{barkeep:9.1f}{barkeep_requests:10}{len(by_barkeep):11,}  ({told['status']})")
    print(f"{client / barkeep:.1f} times as fast with {client_requests / barkeep_requests:.1f} times fewer requests")
    differ = [pair for pair in zip(by_client, by_barkeep) if not same(*pair)]
    if differ:
        print("they differ, first in", *differ[0], sep="\n  ")
    equal = len(by_client) == len(by_barkeep) and not differ
    print(
        "both files hold the same bars"
        if equal
        else f"{len(differ):,} bars differ, {abs(len(by_client) - len(by_barkeep)):,} are in one file only"
    )
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
