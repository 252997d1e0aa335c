-- Since when stocks are known to trade at night; NULL while nobody saw it.
ALTER TABLE engine_state ADD COLUMN nights_from INTEGER
    CHECK (nights_from BETWEEN -62135596800000 AND 253402300799999);
