-- Orders that wait, and which execution works on which series, seen by every process.

-- The states of an execution are checked with their column, so the column is made anew; `queued` is new.
DROP INDEX scheduler_execution_log_status;
ALTER TABLE scheduler_execution_log ADD COLUMN state TEXT NOT NULL DEFAULT 'running'
    CHECK (state IN ('queued', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled', 'interrupted'));
UPDATE scheduler_execution_log SET state = status;
ALTER TABLE scheduler_execution_log DROP COLUMN status;
ALTER TABLE scheduler_execution_log RENAME COLUMN state TO status;
CREATE INDEX scheduler_execution_log_status ON scheduler_execution_log (status);

-- One row for each execution that works or waits. It is dead once nobody has renewed it for 30 s.
CREATE TABLE series_claims (
    execution_id TEXT NOT NULL PRIMARY KEY,
    -- The place in the line: the lower one goes first.
    place INTEGER NOT NULL,
    owner TEXT NOT NULL,
    scheduled INTEGER NOT NULL CHECK (scheduled IN (0, 1)),
    granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
    -- A JSON array of [symbol, family].
    families TEXT NOT NULL,
    renewed_at INTEGER NOT NULL
) STRICT;
