-- Orders that wait, and which execution works on which series, seen by every process.

ALTER TABLE scheduler_execution_log DROP CONSTRAINT scheduler_execution_log_status_check;
ALTER TABLE scheduler_execution_log ADD CONSTRAINT scheduler_execution_log_status_check
    CHECK (status IN ('queued', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled', 'interrupted'));

-- One row for each execution that works or waits. It is dead once nobody has renewed it for 30 s.
CREATE TABLE series_claims (
    execution_id UUID NOT NULL PRIMARY KEY,
    -- The place in the line: the lower one goes first.
    place BIGINT NOT NULL,
    owner TEXT NOT NULL,
    scheduled BOOLEAN NOT NULL,
    granted BOOLEAN NOT NULL,
    -- A JSON array of [symbol, family].
    families TEXT NOT NULL,
    renewed_at TIMESTAMPTZ NOT NULL
);
