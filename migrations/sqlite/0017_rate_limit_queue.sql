-- Processes that wait for a place at the vendor, so that the more urgent one goes first. A row counts until `until`; by
-- then its process has looked again.
CREATE TABLE rate_limit_queue (
    vendor TEXT NOT NULL,
    process TEXT NOT NULL,
    -- of the most urgent request that waits; the smallest goes first
    rank INTEGER NOT NULL,
    -- so many of that rank
    requests INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (vendor, process)
) STRICT;

-- The last 429 of a vendor: until when nobody asks, and the share of the rate that is left afterwards.
CREATE TABLE rate_limit_refusals (
    vendor TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    share REAL NOT NULL
) STRICT;
