-- Items of the plans under way, for as long as several workers share them. They go with the claim of their execution, so
-- whoever takes it over finds none and plans anew from what is stored.
CREATE TABLE plan_items (
    execution_id UUID NOT NULL REFERENCES series_claims (execution_id) ON DELETE CASCADE,
    -- In the order of the plan.
    number BIGINT NOT NULL,
    -- Over all plans: the smallest goes first.
    priority BIGINT NOT NULL,
    -- JSON.
    item TEXT NOT NULL,
    -- A JSON array of texts, "SYMBOL family": no two workers have items of one at a time.
    families TEXT NOT NULL,
    -- `stop`: whoever has it is to end it.
    state TEXT NOT NULL CHECK (state IN ('open', 'held', 'stop', 'done')),
    -- The mark of the worker that has it.
    holder TEXT,
    -- What its committed pages did, a line of JSON each.
    pages TEXT NOT NULL DEFAULT '',
    -- How it ended, JSON.
    outcome TEXT,
    PRIMARY KEY (execution_id, number)
);

CREATE INDEX plan_items_open ON plan_items (priority, number) WHERE state = 'open';
