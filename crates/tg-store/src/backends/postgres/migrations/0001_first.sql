-- The one row that says which steps this database has seen, and which binaries can work on it.
CREATE TABLE schema_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL,
  works_from integer NOT NULL
);
INSERT INTO schema_version (version, works_from) VALUES (0, 0);

-- Teams and keys. `generation` moves with every edit, so that other gateways need not read the rows to see one.
CREATE TABLE directory_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  generation bigint NOT NULL
);
INSERT INTO directory_state (generation) VALUES (0);

-- Texts are compared byte by byte everywhere, whatever the database's own order is.
CREATE TABLE teams (
  name text COLLATE "C" PRIMARY KEY,
  owner text NOT NULL CHECK (owner IN ('file', 'store')),
  state text NOT NULL CHECK (state IN ('active', 'disabled', 'undeclared')),
  policy text NOT NULL,              -- JSON
  displaced text,                    -- JSON: the store's policy, where the file took the name over
  created_at bigint NOT NULL,        -- microseconds since 1970, as all times here
  updated_at bigint NOT NULL
);

CREATE TABLE keys (
  id text COLLATE "C" PRIMARY KEY,
  digest bytea NOT NULL,             -- SHA-256 of the whole key; empty for access keys
  team text COLLATE "C" NOT NULL REFERENCES teams (name),
  project text,
  environment text,
  models text NOT NULL,              -- JSON list of patterns
  networks text NOT NULL,            -- JSON list of networks
  label text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint,
  revoked_at bigint,
  rotated_from text,
  sealed bytea                       -- an access key's secret, encrypted; NULL: the key is a bearer
);

-- One row per call. Ids are ordered by time, so rows are appended; money is nano-dollars.
CREATE TABLE calls (
  id bytea PRIMARY KEY,
  started_at bigint NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  team text COLLATE "C" NOT NULL,
  project text COLLATE "C",
  environment text COLLATE "C",
  tags text COLLATE "C",             -- JSON list
  dialect text COLLATE "C" NOT NULL,
  operation text NOT NULL,
  asked_model text COLLATE "C" NOT NULL,
  stream boolean NOT NULL,
  provider text COLLATE "C",         -- NULL where no provider was reached; so are the next eight
  model text COLLATE "C",
  profile text COLLATE "C",
  served_dialect text,
  request_id text,
  session text COLLATE "C",
  tier text,
  attempts bigint,
  stop text,
  ending text COLLATE "C" NOT NULL,
  status bigint NOT NULL,
  fault text,
  input_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  cache_write_5m_tokens bigint NOT NULL,
  cache_write_1h_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  audio_input_tokens bigint NOT NULL,
  audio_output_tokens bigint NOT NULL,
  images bigint NOT NULL,
  usage_source text NOT NULL,
  cost_nanos bigint NOT NULL,
  list_nanos bigint NOT NULL,        -- what it would have been at list price
  pricing text NOT NULL,
  price text NOT NULL,
  rates_id bigint,                   -- the unit prices, in rate_sheets
  losses text,                       -- JSON list
  earlier text,                      -- JSON list of the tries before the last
  earlier_nanos bigint NOT NULL,     -- what those may have cost, beside cost_nanos
  earlier_list_nanos bigint NOT NULL,
  earlier_pricing text,              -- whether that is known; NULL where none can be billed
  total_us bigint NOT NULL,
  first_token_us bigint,
  overhead_us bigint NOT NULL
);
CREATE INDEX calls_by_time ON calls (started_at);
-- Listing one team's calls, the latest first.
CREATE INDEX calls_by_team ON calls (team, started_at);

-- Unit prices, each text once: kinds of units and pico-dollars, as `RateSheet` writes them.
CREATE TABLE rate_sheets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE,      -- SHA-256 of the text
  text text NOT NULL
);

-- What re-rating found: the difference that a price known later makes to a call. Rows are added, never edited; a call's
-- cost is that of its row plus its corrections.
CREATE TABLE corrections (
  call_id bytea NOT NULL,
  number bigint NOT NULL,            -- of the corrections of this call, from 1 on
  made_at bigint NOT NULL,
  reason text NOT NULL,
  old_price text NOT NULL,
  new_price text NOT NULL,
  pricing text NOT NULL,             -- whether the cost of the whole call is known now
  delta_nanos bigint NOT NULL,
  earlier_delta_nanos bigint NOT NULL, -- the part of it that is of tries before the last one
  list_delta_nanos bigint NOT NULL,
  unpriced_delta bigint NOT NULL,    -- -1: the call is unpriced no more
  ceiling_delta bigint NOT NULL,
  rates_id bigint,
  PRIMARY KEY (call_id, number)
);

-- Sums by the hour and by the day, kept in the transaction that appends the rows, so that a report need not read rows.
-- One row per combination of what a call was booked to, asked for and served by. `digest` names the combination.
CREATE TABLE rollup_series (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE,
  is_attributed boolean NOT NULL,    -- false where there is no team or no project
  last_day bigint NOT NULL,          -- the latest day with sums of this series; days since 1970
  team text COLLATE "C" NOT NULL,
  ending text COLLATE "C" NOT NULL,
  key_id text COLLATE "C",
  project text COLLATE "C",
  environment text COLLATE "C",
  operation text COLLATE "C",
  dialect text COLLATE "C",
  asked_model text COLLATE "C",
  provider text COLLATE "C",
  model text COLLATE "C",
  profile text COLLATE "C",
  session text COLLATE "C",
  tier text COLLATE "C",
  price text COLLATE "C",
  rates_id bigint,                   -- the unit prices, in rate_sheets
  tags text COLLATE "C"              -- JSON list
);
CREATE INDEX rollup_series_by_last_day ON rollup_series (last_day);

-- The sums. Money is whole dollars and the rest in nano-dollars, each summed apart.
CREATE TABLE rollups (
  grain bigint NOT NULL,             -- 0 hours and 1 days without tags and sessions; 2 hours and 3 days with them
  start bigint NOT NULL,             -- hours or days since 1970
  series bigint NOT NULL,
  calls bigint NOT NULL,
  input_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  cache_write_5m_tokens bigint NOT NULL,
  cache_write_1h_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  audio_input_tokens bigint NOT NULL,
  audio_output_tokens bigint NOT NULL,
  images bigint NOT NULL,
  cost_dollars bigint NOT NULL,      -- with what earlier tries may have cost
  cost_rest bigint NOT NULL,
  list_dollars bigint NOT NULL,      -- the same at list price
  list_rest bigint NOT NULL,
  estimated_calls bigint NOT NULL,
  estimated_dollars bigint NOT NULL,
  estimated_rest bigint NOT NULL,
  unpriced_calls bigint NOT NULL,
  ceiling_calls bigint NOT NULL,
  corrected_calls bigint NOT NULL,   -- corrections, apart from what was booked
  delta_dollars bigint NOT NULL,
  delta_rest bigint NOT NULL,
  list_delta_dollars bigint NOT NULL,
  list_delta_rest bigint NOT NULL,
  estimated_delta_dollars bigint NOT NULL,
  estimated_delta_rest bigint NOT NULL,
  unpriced_delta bigint NOT NULL,
  ceiling_delta bigint NOT NULL,
  PRIMARY KEY (grain, start, series)
) WITH (fillfactor = 80);

-- How many sums each hour and day has. Beyond a bound, calls of new combinations are summed by team and ending alone.
CREATE TABLE rollup_spans (
  grain bigint NOT NULL,
  start bigint NOT NULL,
  cells bigint NOT NULL,
  is_folded boolean NOT NULL,
  PRIMARY KEY (grain, start)
);
CREATE INDEX rollup_spans_folded ON rollup_spans (grain, start) WHERE is_folded;

-- `rows_since` and `rollups_since`: what is older was deleted by policy; microseconds since 1970.
CREATE TABLE ledger_state (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  rows_since bigint NOT NULL,
  rollups_since bigint NOT NULL,
  corrections_made bigint NOT NULL   -- ever, deleted ones included
);
INSERT INTO ledger_state (rows_since, rollups_since, corrections_made) VALUES (0, 0, 0);

-- What somebody was told of budgets: once for each purse (which has its window in it) and kind.
CREATE TABLE budget_notices (
  purse text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  at bigint NOT NULL,
  notice text NOT NULL,              -- JSON
  delivered_at bigint,               -- NULL: to be delivered
  PRIMARY KEY (purse, kind)
);
