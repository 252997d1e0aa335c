-- The same table as on PostgreSQL, where several workers share a plan. A SQLite file has one process that works.
CREATE TABLE plan_items (
    execution_id TEXT NOT NULL REFERENCES series_claims (execution_id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    item TEXT NOT NULL,
    families TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'held', 'stop', 'done')),
    holder TEXT,
    pages TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    PRIMARY KEY (execution_id, number)
) STRICT;

CREATE INDEX plan_items_open ON plan_items (priority, number) WHERE state = 'open';
