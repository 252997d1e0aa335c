-- What was ever requested, counted as it is recorded: a total must not take longer the older the database is. Rows that
-- retention deletes stay counted. `committed`: a page was committed from the answer; `had_rows`: it had rows;
-- `unproductive`: it changed no bar and was not meant to verify any; `slot`: connections that record at the same time
-- count in rows of their own, so that none waits for another's commit.
CREATE TABLE request_counts (
    outcome TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    committed BIGINT NOT NULL CHECK (committed IN (0, 1)),
    had_rows BIGINT NOT NULL CHECK (had_rows IN (0, 1)),
    unproductive BIGINT NOT NULL CHECK (unproductive IN (0, 1)),
    slot BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    rate_limited BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (outcome, endpoint, committed, had_rows, unproductive, slot)
) WITH (fillfactor = 50);

INSERT INTO request_counts
SELECT outcome, endpoint, committed, had_rows, unproductive, 0, SUM(requests), SUM(rate_limited), SUM(retries), SUM(bytes)
FROM (SELECT outcome, endpoint, CASE WHEN changed IS NULL THEN 0 ELSE 1 END AS committed,
          CASE WHEN row_count > 0 THEN 1 ELSE 0 END AS had_rows,
          CASE WHEN COALESCE(changed, 0) = 0 AND (purpose <> 'verify' OR outcome <> 'ok') THEN 1 ELSE 0 END
              AS unproductive,
          1 AS requests, CASE WHEN status = 429 THEN 1 ELSE 0 END AS rate_limited,
          CASE WHEN attempt > 1 THEN 1 ELSE 0 END AS retries, bytes
      FROM vendor_requests
      UNION ALL
      SELECT outcome, endpoint, committed, had_rows, unproductive, requests, rate_limited, retries, bytes
      FROM pruned_requests) AS every
GROUP BY outcome, endpoint, committed, had_rows, unproductive;

DROP TABLE pruned_requests;

CREATE FUNCTION count_vendor_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO request_counts AS counted
    SELECT outcome, endpoint, CASE WHEN changed IS NULL THEN 0 ELSE 1 END, CASE WHEN row_count > 0 THEN 1 ELSE 0 END,
        CASE WHEN COALESCE(changed, 0) = 0 AND (purpose <> 'verify' OR outcome <> 'ok') THEN 1 ELSE 0 END,
        pg_backend_pid() % 256, COUNT(*), COUNT(CASE WHEN status = 429 THEN 1 END),
        COUNT(CASE WHEN attempt > 1 THEN 1 END), SUM(bytes)
    FROM added
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (outcome, endpoint, committed, had_rows, unproductive, slot) DO UPDATE SET
        requests = counted.requests + excluded.requests, rate_limited = counted.rate_limited + excluded.rate_limited,
        retries = counted.retries + excluded.retries, bytes = counted.bytes + excluded.bytes;
    RETURN NULL;
END
$$;

CREATE TRIGGER vendor_requests_are_counted AFTER INSERT ON vendor_requests
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_vendor_requests();
