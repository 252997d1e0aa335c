-- Old rows are deleted; what a total counts of them stays counted. `committed`: a page was committed from the answer;
-- `had_rows`: it had rows; `unproductive`: it changed no bar and was not meant to verify any.
CREATE TABLE pruned_requests (
    outcome TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    committed BIGINT NOT NULL CHECK (committed IN (0, 1)),
    had_rows BIGINT NOT NULL CHECK (had_rows IN (0, 1)),
    unproductive BIGINT NOT NULL CHECK (unproductive IN (0, 1)),
    requests BIGINT NOT NULL,
    rate_limited BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (outcome, endpoint, committed, had_rows, unproductive)
);
