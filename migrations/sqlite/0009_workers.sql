-- The same tables as on PostgreSQL. A SQLite file has one service, which its lock sees to.

CREATE TABLE workers (
    worker_id TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    serves INTEGER NOT NULL,
    birth TEXT,
    started INTEGER NOT NULL,
    heartbeat INTEGER NOT NULL
) STRICT;

CREATE TABLE leader (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    worker_id TEXT,
    since INTEGER,
    until INTEGER
) STRICT;

INSERT INTO leader (id) VALUES (1);
