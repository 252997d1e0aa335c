-- What was ever requested, counted as it is recorded: a total must not take longer the older the database is. Rows that
-- retention deletes stay counted. `committed`: a page was committed from the answer; `had_rows`: it had rows;
-- `unproductive`: it changed no bar and was not meant to verify any; `slot`: see PostgreSQL.
CREATE TABLE request_counts (
    outcome TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    committed INTEGER NOT NULL CHECK (committed IN (0, 1)),
    had_rows INTEGER NOT NULL CHECK (had_rows IN (0, 1)),
    unproductive INTEGER NOT NULL CHECK (unproductive IN (0, 1)),
    slot INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    rate_limited INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (outcome, endpoint, committed, had_rows, unproductive, slot)
) STRICT, WITHOUT ROWID;

INSERT INTO request_counts
SELECT outcome, endpoint, committed, had_rows, unproductive, 0, SUM(requests), SUM(rate_limited), SUM(retries), SUM(bytes)
FROM (SELECT outcome, endpoint, changed IS NOT NULL AS committed, row_count > 0 AS had_rows,
          coalesce(changed, 0) = 0 AND (purpose <> 'verify' OR outcome <> 'ok') AS unproductive,
          1 AS requests, coalesce(status = 429, 0) AS rate_limited, attempt > 1 AS retries, bytes
      FROM vendor_requests
      UNION ALL
      SELECT outcome, endpoint, committed, had_rows, unproductive, requests, rate_limited, retries, bytes
      FROM pruned_requests)
GROUP BY outcome, endpoint, committed, had_rows, unproductive;

DROP TABLE pruned_requests;

CREATE TRIGGER vendor_requests_are_counted AFTER INSERT ON vendor_requests
BEGIN
    INSERT INTO request_counts VALUES (
        NEW.outcome, NEW.endpoint, NEW.changed IS NOT NULL, NEW.row_count > 0,
        coalesce(NEW.changed, 0) = 0 AND (NEW.purpose <> 'verify' OR NEW.outcome <> 'ok'), 0,
        1, coalesce(NEW.status = 429, 0), NEW.attempt > 1, NEW.bytes)
    ON CONFLICT (outcome, endpoint, committed, had_rows, unproductive, slot) DO UPDATE SET
        requests = requests + excluded.requests, rate_limited = rate_limited + excluded.rate_limited,
        retries = retries + excluded.retries, bytes = bytes + excluded.bytes;
END;
