-- What an answer proves, and what it does not.

-- The states of an interval. `present`: answered for; each of its bars is stored, and where there is none the silence is
-- believable for this symbol at this time of day. `answers`: how many answers a day or more apart agree on it;
-- `found_at`: the first of them; `surprise`: how unlikely the silence is (the sum of -ln(1 - p) over its bars).
ALTER TABLE coverage DROP CONSTRAINT coverage_state_check;
ALTER TABLE coverage ADD CONSTRAINT coverage_state_check CHECK (state IN ('present', 'quiet', 'unjudged', 'late',
    'suspect', 'vendor_hole', 'halted', 'empty', 'not_entitled', 'quarantined'));
ALTER TABLE coverage ADD COLUMN found_at TIMESTAMPTZ;
ALTER TABLE coverage ADD COLUMN answers BIGINT NOT NULL DEFAULT 1 CHECK (answers >= 1);
ALTER TABLE coverage ADD COLUMN surprise DOUBLE PRECISION CHECK (surprise BETWEEN 0 AND 1.7976931348623157e308);

CREATE INDEX coverage_doubtful ON coverage (state, series_id)
WHERE state IN ('unjudged', 'late', 'suspect', 'vendor_hole', 'halted', 'quarantined');

-- How often a series trades at which time of day: its last 60 sessions. A series with coverage and without a row here was
-- filled before silence was judged.
CREATE TABLE profiles (
    series_id BIGINT NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    part TEXT NOT NULL CHECK (part IN ('pre', 'regular', 'post', 'day')),
    sessions TEXT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (series_id, part)
);

-- When a whole range of the series was last compared with the vendor's again.
ALTER TABLE series ADD COLUMN verified_at TIMESTAMPTZ;

-- What the vendor says a name is. `history_from`: where an operator lets the history of this symbol begin.
ALTER TABLE symbols ADD COLUMN vendor TEXT NOT NULL DEFAULT 'massive';
ALTER TABLE symbols ADD COLUMN history_from DATE;
ALTER TABLE symbols ADD COLUMN listing TEXT NOT NULL DEFAULT 'unchecked'
    CHECK (listing IN ('unchecked', 'listed', 'unknown', 'delisted', 'renamed'));
ALTER TABLE symbols ADD COLUMN listing_checked_at TIMESTAMPTZ;
ALTER TABLE symbols ADD COLUMN listed_on DATE;
ALTER TABLE symbols ADD COLUMN ended_on DATE;
ALTER TABLE symbols ADD COLUMN renamed_to TEXT;

-- Several rows of one date may contradict each other; prices decide which of them is true. `confirmed`: the prices moved
-- so; `contradicted`: they did not, and it is not applied; `unchecked`: no prices around it are stored.
ALTER TABLE splits DROP CONSTRAINT splits_pkey;
ALTER TABLE splits ADD PRIMARY KEY (symbol, execution_date, split_from, split_to);
ALTER TABLE splits ADD COLUMN status TEXT NOT NULL DEFAULT 'unchecked'
    CHECK (status IN ('unchecked', 'confirmed', 'contradicted'));
ALTER TABLE splits ADD COLUMN note TEXT;

-- How far back the vendor's plan reaches, as its answers have shown: nothing before `starts_on` is served.
CREATE TABLE plan_starts (
    market TEXT NOT NULL PRIMARY KEY CHECK (market IN ('exchange', 'continuous')),
    starts_on DATE NOT NULL,
    learned_at TIMESTAMPTZ NOT NULL
);

-- An accepted bar can be taken back.
ALTER TABLE bar_revisions DROP CONSTRAINT bar_revisions_reason_check;
ALTER TABLE bar_revisions ADD CONSTRAINT bar_revisions_reason_check
    CHECK (reason IN ('changed', 'removed', 'accepted', 'undone'));

-- Why a request was made: for bars, about a hole, to verify stored bars, about a name.
ALTER TABLE vendor_requests ADD COLUMN purpose TEXT NOT NULL DEFAULT 'backfill'
    CHECK (purpose IN ('backfill', 'recheck', 'verify', 'lookup'));

-- Bars that an answer had although an earlier one for the same time did not, and bars that it changed.
ALTER TABLE scheduler_execution_log ADD COLUMN late_bars BIGINT NOT NULL DEFAULT 0 CHECK (late_bars >= 0);
ALTER TABLE scheduler_execution_log ADD COLUMN changed_bars BIGINT NOT NULL DEFAULT 0 CHECK (changed_bars >= 0);
