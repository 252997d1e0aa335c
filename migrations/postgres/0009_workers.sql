-- The processes that work on this database, and which of them follows the schedule. All times are the server's.

-- A worker is dead once its heartbeat is 30 s old.
CREATE TABLE workers (
    worker_id UUID NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    -- leads or stands by; a command does neither
    serves BOOLEAN NOT NULL,
    -- what proves its death to others of the same machine
    birth TEXT,
    started TIMESTAMPTZ NOT NULL,
    heartbeat TIMESTAMPTZ NOT NULL
);

-- One row. The lease is free without a worker, and once `until` is over.
CREATE TABLE leader (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    worker_id UUID,
    since TIMESTAMPTZ,
    until TIMESTAMPTZ
);

INSERT INTO leader (id) VALUES (1);
