-- A place at the vendor is taken from a request's start until 60 s after its answer; without a recorded answer, until 60 s
-- after the request's timeout.
ALTER TABLE rate_limit_state ADD COLUMN answered_at INTEGER;
ALTER TABLE rate_limit_state ADD COLUMN timeout_ms INTEGER NOT NULL DEFAULT 60000;

-- The same instants as time since a start of the machine, which no step of the wall clock changes. NULL where the system
-- does not tell it.
ALTER TABLE rate_limit_state ADD COLUMN boot TEXT;
ALTER TABLE rate_limit_state ADD COLUMN started_uptime_ms INTEGER;
ALTER TABLE rate_limit_state ADD COLUMN answered_uptime_ms INTEGER;

-- The table holds a minute of requests and is always read whole.
DROP INDEX rate_limit_state_started_at;
