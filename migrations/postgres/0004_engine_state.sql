-- Facts about the engine that outlive its process, and who chose a symbol's tier.

-- One row. `paused_by` is NULL while the engine is not paused by anybody.
CREATE TABLE engine_state (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    paused_by TEXT,
    paused_since TIMESTAMPTZ,
    pause_reason TEXT,
    CHECK ((paused_by IS NULL) = (paused_since IS NULL))
);

INSERT INTO engine_state (id) VALUES (1);

-- A reload assigns the policy's tiers again, but never over an operator's choice. Nobody knows who chose before.
ALTER TABLE symbols ADD COLUMN criticality_source TEXT NOT NULL DEFAULT 'unknown'
    CHECK (criticality_source IN ('policy', 'operator', 'unknown'));
