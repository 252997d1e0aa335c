"""Uses the client that openapi-python-client generates, as somebody else's program would.

use_client.py CLIENT_DIRECTORY BASE_URL READ_KEY OPERATE_KEY: every answer must be of the type that the document promises.
"""

import sys
import time
import uuid

directory, base_url, read_key, operate_key = sys.argv[1:]
sys.path.insert(0, directory)

from barkeep_client import AuthenticatedClient, Client, models  # noqa: E402
from barkeep_client.api.backfill import get_backfill, list_recent_backfills, start_backfill  # noqa: E402
from barkeep_client.api.console import get_snapshot  # noqa: E402
from barkeep_client.api.data import (  # noqa: E402
    get_bars,
    get_coverage,
    get_features,
    get_status,
    list_symbols,
    list_symbols_detailed,
)
from barkeep_client.api.engine import pause_engine, resume_engine, trigger_engine  # noqa: E402
from barkeep_client.api.quarantine import get_quarantined_bar, list_quarantine  # noqa: E402
from barkeep_client.api.reports import get_scheduler_health, get_staleness, list_executions  # noqa: E402
from barkeep_client.api.service import get_health, get_metrics, get_readiness, get_root  # noqa: E402
from barkeep_client.api.symbols import (  # noqa: E402
    add_symbol,
    get_symbol,
    list_tracked_symbols,
    remove_symbol,
    update_symbol,
)


def is_a(kind, answer):
    assert isinstance(answer, kind), f"{type(answer)}: {answer}"
    return answer


def problem(status, answer):
    assert answer.status_code == status, answer
    found = is_a(models.Problem, answer.parsed)
    assert found.status == status and found.detail and found.type_.startswith("urn:problem:barkeep:"), found
    return found


anybody = Client(base_url=base_url)
reader = AuthenticatedClient(base_url=base_url, token=read_key, raise_on_unexpected_status=True)
operator = AuthenticatedClient(base_url=base_url, token=operate_key, raise_on_unexpected_status=True)

# Without a key: liveness, and nothing else.
is_a(models.Root, get_root.sync(client=anybody))
assert is_a(models.Health, get_health.sync(client=anybody)).status == "healthy"
is_a(models.Ready, get_readiness.sync(client=anybody))
problem(401, get_status.sync_detailed(client=AuthenticatedClient(base_url=base_url, token="bk_wrong")))
problem(403, pause_engine.sync_detailed(client=reader))

# A symbol, its plan, its backfill.
hour = models.TimeframeName("1h")
added = add_symbol.sync(client=operator, body=models.NewSymbol(symbol="ETH", timeframes=[hour]))
assert is_a(models.SymbolEntry, added).asset_class == "crypto", added
wish = models.BackfillRequest(symbols=["ETH"], dry_run=True)
is_a(models.DryRun, start_backfill.sync(client=operator, body=wish))
wish = models.BackfillRequest(symbols=["ETH"], from_="2024-01-01", to="2024-01-31")
key = str(uuid.uuid4())
job = is_a(models.Job, start_backfill.sync(client=operator, body=wish, idempotency_key=key))
again = is_a(models.Job, start_backfill.sync(client=operator, body=wish, idempotency_key=key))
assert again.job_id == job.job_id
for _ in range(300):
    now = is_a(models.JobStatus, get_backfill.sync(job.job_id, client=reader))
    if now.status not in ("queued", "running"):
        break
    time.sleep(0.1)
assert now.status == "completed", now
is_a(models.RecentJobs, list_recent_backfills.sync(client=reader))

# The data: a page, and the page before it.
page = is_a(models.BarPage, get_bars.sync("ETH", client=reader, timeframe=hour, limit=10))
assert page.count == len(page.data) == 10 and page.symbol == "ETH", page
first = page.data[0].time.isoformat()
before = is_a(models.BarPage, get_bars.sync("ETH", client=reader, timeframe=hour, limit=10, before=first))
assert before.data[-1].time < page.data[0].time, (before, page)
is_a(models.FeaturePage, get_features.sync("ETH", client=reader, timeframe=hour, limit=10))
is_a(models.SymbolCoverage, get_coverage.sync("ETH", client=reader))
is_a(models.SymbolList, list_symbols.sync(client=reader))
is_a(models.DetailedSymbols, list_symbols_detailed.sync(client=reader))
is_a(models.Status, get_status.sync(client=reader))
is_a(models.SchedulerHealthReport, get_scheduler_health.sync(client=reader))
is_a(models.Staleness, get_staleness.sync(client=reader, limit=5))
is_a(models.History, list_executions.sync(client=reader, limit=5))
is_a(models.Snapshot, get_snapshot.sync(client=reader))
assert "barkeep_bars" in is_a(str, get_metrics.sync(client=reader))
problem(422, get_bars.sync_detailed("ETH", client=reader, limit=0))
problem(404, get_symbol.sync_detailed("NOSUCH", client=reader))

# Quarantine: numbers, not the ids of executions.
is_a(models.Quarantine, list_quarantine.sync(client=reader))
problem(404, get_quarantined_bar.sync_detailed(1, client=reader))

# The engine and its symbols.
assert is_a(models.Done, pause_engine.sync(client=operator)).result == "done"
is_a(models.Done, resume_engine.sync(client=operator))
is_a(models.Done, trigger_engine.sync(client=operator, body=models.TriggerRequest(symbols=["ETH"])))
change = models.SymbolChange(criticality=models.CriticalityName("low"))
assert is_a(models.SymbolEntry, update_symbol.sync("ETH", client=operator, body=change)).criticality == "low"
is_a(models.TrackedSymbols, list_tracked_symbols.sync(client=reader))
is_a(models.SymbolEntry, get_symbol.sync("ETH", client=reader))
removed = remove_symbol.sync_detailed("ETH", client=operator)
assert removed.status_code in (204, 409), removed
print("the generated client works")
