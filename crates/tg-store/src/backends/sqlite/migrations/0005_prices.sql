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

-- What re-rating found: the difference that a price known later makes to a call. Rows are added, never edited; a call's
-- cost is that of its row plus its corrections.
CREATE TABLE corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  call_id BLOB NOT NULL,
  number INTEGER NOT NULL,           -- of the corrections of this call, from 1 on
  made_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  old_price TEXT NOT NULL,
  new_price TEXT NOT NULL,
  pricing TEXT NOT NULL,             -- whether the cost of the whole call is known now
  delta_nanos INTEGER NOT NULL,
  earlier_delta_nanos INTEGER NOT NULL, -- the part of it that is of tries before the last one
  list_delta_nanos INTEGER NOT NULL,
  unpriced_delta INTEGER NOT NULL,   -- -1: the call is unpriced no more
  ceiling_delta INTEGER NOT NULL,
  rates_id INTEGER,
  UNIQUE (call_id, number)
) STRICT;
