-- Whose limit a place counts in. Those recorded before were of the only vendor there was.
ALTER TABLE rate_limit_state ADD COLUMN vendor TEXT NOT NULL DEFAULT 'massive';
