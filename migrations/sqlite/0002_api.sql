-- What the HTTP API needs: keys, answers kept for repeated requests, and a mark by which a cache knows that what it
-- holds of a series is old.

-- Grows with every transaction that writes to the series: bars, scores, features, splits.
ALTER TABLE series ADD COLUMN writes INTEGER NOT NULL DEFAULT 0;

-- `hash` is the SHA-256 of a random 256-bit key, in hex; the key itself is kept nowhere.
CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64),
    role TEXT NOT NULL CHECK (role IN ('read', 'operate')),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

-- Requests that named an Idempotency-Key, and their answers. Without a status the request is still under way.
CREATE TABLE api_requests (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    token TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    status INTEGER,
    body TEXT,
    PRIMARY KEY (actor, idempotency_key)
) STRICT;

CREATE INDEX api_requests_created_at ON api_requests (created_at);
