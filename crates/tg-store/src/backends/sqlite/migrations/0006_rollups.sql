-- Sums by the hour and by the day, kept in the transaction that appends the rows, so that a report need not read rows.

-- One row per combination of what a call was booked to, asked for and served by. `digest` names the combination.
CREATE TABLE rollup_series (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  is_attributed INTEGER NOT NULL,    -- 0 where there is no team or no project
  last_day INTEGER NOT NULL,         -- the latest day with sums of this series; days since 1970
  team TEXT NOT NULL,
  ending TEXT NOT NULL,
  key_id TEXT,
  project TEXT,
  environment TEXT,
  operation TEXT,
  dialect TEXT,
  asked_model TEXT,
  provider TEXT,
  model TEXT,
  profile TEXT,
  session TEXT,
  tier TEXT,
  price TEXT,
  rates_id INTEGER,                  -- the unit prices, in rate_sheets
  tags TEXT                          -- JSON list
) STRICT;

-- The sums. Money is whole dollars and the rest in nano-dollars, each summed apart.
CREATE TABLE rollups (
  grain INTEGER NOT NULL,            -- 0 hours and 1 days without tags and sessions; 2 hours and 3 days with them
  start INTEGER NOT NULL,            -- hours or days since 1970
  series INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_5m_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  audio_input_tokens INTEGER NOT NULL,
  audio_output_tokens INTEGER NOT NULL,
  images INTEGER NOT NULL,
  cost_dollars INTEGER NOT NULL,     -- with what earlier tries may have cost
  cost_rest INTEGER NOT NULL,
  list_dollars INTEGER NOT NULL,     -- the same at list price
  list_rest INTEGER NOT NULL,
  estimated_calls INTEGER NOT NULL,
  estimated_dollars INTEGER NOT NULL,
  estimated_rest INTEGER NOT NULL,
  unpriced_calls INTEGER NOT NULL,
  ceiling_calls INTEGER NOT NULL,
  corrected_calls INTEGER NOT NULL DEFAULT 0, -- corrections, apart from what was booked
  delta_dollars INTEGER NOT NULL DEFAULT 0,
  delta_rest INTEGER NOT NULL DEFAULT 0,
  list_delta_dollars INTEGER NOT NULL DEFAULT 0,
  list_delta_rest INTEGER NOT NULL DEFAULT 0,
  estimated_delta_dollars INTEGER NOT NULL DEFAULT 0,
  estimated_delta_rest INTEGER NOT NULL DEFAULT 0,
  unpriced_delta INTEGER NOT NULL DEFAULT 0,
  ceiling_delta INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grain, start, series)
) STRICT, WITHOUT ROWID;

-- How many sums each hour and day has. Beyond a bound, calls of new combinations are summed by team and ending alone.
CREATE TABLE rollup_spans (
  grain INTEGER NOT NULL,
  start INTEGER NOT NULL,
  cells INTEGER NOT NULL,
  is_folded INTEGER NOT NULL,
  PRIMARY KEY (grain, start)
) STRICT, WITHOUT ROWID;

-- `rolled_since`: rows from there on are in the sums, earlier ones are not yet. `rows_since` and `rollups_since`: what is
-- older was deleted by policy. Microseconds since 1970. `generation` moves when series are deleted.
CREATE TABLE rollup_state (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  rolled_since INTEGER NOT NULL,
  rows_since INTEGER NOT NULL,
  rollups_since INTEGER NOT NULL,
  generation INTEGER NOT NULL
) STRICT;
INSERT INTO rollup_state SELECT 1, coalesce(max(started_at) + 1, 0), 0, 0, 0 FROM calls;

-- Listing one team's calls, the latest first.
CREATE INDEX calls_by_team ON calls (team, started_at);
CREATE INDEX rollup_spans_folded ON rollup_spans (grain, start) WHERE is_folded = 1;
