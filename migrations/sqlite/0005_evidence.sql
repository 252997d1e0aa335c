-- What an answer proves, and what it does not.

-- The states of an interval. `present`: answered for; each of its bars is stored, and where there is none the silence is
-- believable for this symbol at this time of day. `answers`: how many answers a day or more apart agree on it;
-- `found_at`: the first of them; `surprise`: how unlikely the silence is (the sum of -ln(1 - p) over its bars).
CREATE TABLE coverage_new (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    start_ts INTEGER NOT NULL CHECK (start_ts BETWEEN -62135596800000 AND 253402300799999),
    end_ts INTEGER NOT NULL CHECK (end_ts BETWEEN -62135596800000 AND 253402300799999),
    state TEXT NOT NULL CHECK (state IN ('present', 'quiet', 'unjudged', 'late', 'suspect', 'vendor_hole', 'halted',
        'empty', 'not_entitled', 'quarantined')),
    request_id TEXT,
    fetched_at INTEGER NOT NULL,
    expires_at INTEGER,
    found_at INTEGER,
    answers INTEGER NOT NULL DEFAULT 1 CHECK (answers >= 1),
    surprise REAL CHECK (surprise BETWEEN 0 AND 1.7976931348623157e308),
    PRIMARY KEY (series_id, start_ts),
    CHECK (start_ts < end_ts)
) STRICT, WITHOUT ROWID;

INSERT INTO coverage_new (series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at)
SELECT series_id, start_ts, end_ts, state, request_id, fetched_at, expires_at FROM coverage;

DROP TABLE coverage;
ALTER TABLE coverage_new RENAME TO coverage;

CREATE INDEX coverage_doubtful ON coverage (state, series_id)
WHERE state IN ('unjudged', 'late', 'suspect', 'vendor_hole', 'halted', 'quarantined');

-- How often a series trades at which time of day: its last 60 sessions. A series with coverage and without a row here was
-- filled before silence was judged.
CREATE TABLE profiles (
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    part TEXT NOT NULL CHECK (part IN ('pre', 'regular', 'post', 'day')),
    sessions TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (series_id, part)
) STRICT, WITHOUT ROWID;

-- When a whole range of the series was last compared with the vendor's again.
ALTER TABLE series ADD COLUMN verified_at INTEGER;

-- What the vendor says a name is. `history_from`: where an operator lets the history of this symbol begin.
ALTER TABLE symbols ADD COLUMN vendor TEXT NOT NULL DEFAULT 'massive';
ALTER TABLE symbols ADD COLUMN history_from TEXT;
ALTER TABLE symbols ADD COLUMN listing TEXT NOT NULL DEFAULT 'unchecked'
    CHECK (listing IN ('unchecked', 'listed', 'unknown', 'delisted', 'renamed'));
ALTER TABLE symbols ADD COLUMN listing_checked_at INTEGER;
ALTER TABLE symbols ADD COLUMN listed_on TEXT;
ALTER TABLE symbols ADD COLUMN ended_on TEXT;
ALTER TABLE symbols ADD COLUMN renamed_to TEXT;

-- Several rows of one date may contradict each other; prices decide which of them is true. `confirmed`: the prices moved
-- so; `contradicted`: they did not, and it is not applied; `unchecked`: no prices around it are stored.
CREATE TABLE splits_new (
    symbol TEXT NOT NULL,
    execution_date TEXT NOT NULL CHECK (execution_date GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    split_from REAL NOT NULL CHECK (split_from > 0 AND split_from <= 1.7976931348623157e308),
    split_to REAL NOT NULL CHECK (split_to > 0 AND split_to <= 1.7976931348623157e308),
    fetched_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'unchecked' CHECK (status IN ('unchecked', 'confirmed', 'contradicted')),
    note TEXT,
    PRIMARY KEY (symbol, execution_date, split_from, split_to)
) STRICT, WITHOUT ROWID;

INSERT INTO splits_new (symbol, execution_date, split_from, split_to, fetched_at)
SELECT symbol, execution_date, split_from, split_to, fetched_at FROM splits;

DROP TABLE splits;
ALTER TABLE splits_new RENAME TO splits;

-- How far back the vendor's plan reaches, as its answers have shown: nothing before `starts_on` is served.
CREATE TABLE plan_starts (
    market TEXT NOT NULL PRIMARY KEY CHECK (market IN ('exchange', 'continuous')),
    starts_on TEXT NOT NULL,
    learned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- An accepted bar can be taken back.
CREATE TABLE bar_revisions_new (
    id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ts INTEGER NOT NULL,
    open REAL NOT NULL CHECK (open BETWEEN 0 AND 1.7976931348623157e308),
    high REAL NOT NULL CHECK (high BETWEEN 0 AND 1.7976931348623157e308),
    low REAL NOT NULL CHECK (low BETWEEN 0 AND 1.7976931348623157e308),
    close REAL NOT NULL CHECK (close BETWEEN 0 AND 1.7976931348623157e308),
    volume REAL NOT NULL CHECK (volume BETWEEN 0 AND 1.7976931348623157e308),
    vwap REAL CHECK (vwap BETWEEN 0 AND 1.7976931348623157e308),
    trades INTEGER CHECK (trades >= 0),
    provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
    fetched_at INTEGER NOT NULL,
    superseded_at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('changed', 'removed', 'accepted', 'undone'))
) STRICT;

INSERT INTO bar_revisions_new SELECT * FROM bar_revisions;
DROP TABLE bar_revisions;
ALTER TABLE bar_revisions_new RENAME TO bar_revisions;
CREATE INDEX bar_revisions_series ON bar_revisions (series_id, ts);

-- Why a request was made: for bars, about a hole, to verify stored bars, about a name.
ALTER TABLE vendor_requests ADD COLUMN purpose TEXT NOT NULL DEFAULT 'backfill'
    CHECK (purpose IN ('backfill', 'recheck', 'verify', 'lookup'));

-- Bars that an answer had although an earlier one for the same time did not, and bars that it changed.
ALTER TABLE scheduler_execution_log ADD COLUMN late_bars INTEGER NOT NULL DEFAULT 0 CHECK (late_bars >= 0);
ALTER TABLE scheduler_execution_log ADD COLUMN changed_bars INTEGER NOT NULL DEFAULT 0 CHECK (changed_bars >= 0);
