-- Since when stocks are known to trade at night; NULL while nobody saw it.
ALTER TABLE engine_state ADD COLUMN nights_from TIMESTAMPTZ;
