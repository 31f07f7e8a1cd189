-- Unit prices, each text once: kinds of units and pico-dollars, as `RateSheet` writes them.
CREATE TABLE rate_sheets (
  id INTEGER PRIMARY KEY NOT NULL,
  digest BLOB NOT NULL UNIQUE,       -- SHA-256 of the text
  text TEXT NOT NULL
) STRICT;

-- What a call would have cost at list price, and by which unit prices it was priced. NULL in rows from before: there were
-- no other prices than list prices, so the cost is that at list price; unit prices were not kept.
ALTER TABLE calls ADD COLUMN list_nanos INTEGER;
ALTER TABLE calls ADD COLUMN earlier_list_nanos INTEGER;
ALTER TABLE calls ADD COLUMN rates_id INTEGER;

-- What re-rating found: the difference that a price known later makes to a call. Rows are added, never edited.
CREATE TABLE corrections (
  id BLOB PRIMARY KEY NOT NULL,      -- ordered by time
  call_id BLOB NOT NULL,
  made_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  old_price TEXT NOT NULL,
  new_price TEXT NOT NULL,
  old_pricing TEXT NOT NULL,         -- how certain the whole call's cost was, and is now
  new_pricing TEXT NOT NULL,
  delta_nanos INTEGER NOT NULL,
  list_delta_nanos INTEGER NOT NULL,
  rates_id INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX corrections_by_call ON corrections (call_id);
