-- Processes that wait for a place at the vendor, so that the more urgent one goes first. A row counts until `until`; by
-- then its process has looked again.
CREATE TABLE rate_limit_queue (
    vendor TEXT NOT NULL,
    process UUID NOT NULL,
    -- of the most urgent request that waits; the smallest goes first
    rank BIGINT NOT NULL,
    -- so many of that rank
    requests BIGINT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (vendor, process)
);

-- The last 429 of a vendor: until when nobody asks, and the share of the rate that is left afterwards.
CREATE TABLE rate_limit_refusals (
    vendor TEXT NOT NULL PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    share DOUBLE PRECISION NOT NULL
);
