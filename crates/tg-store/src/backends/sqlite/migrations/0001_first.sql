-- Teams and keys. `generation` moves with every edit, so that other processes need not read the rows to see one.
CREATE TABLE directory_state (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  generation INTEGER NOT NULL
) STRICT;
INSERT INTO directory_state VALUES (1, 0);

CREATE TABLE teams (
  name TEXT PRIMARY KEY NOT NULL,
  owner TEXT NOT NULL CHECK (owner IN ('file', 'store')),
  state TEXT NOT NULL CHECK (state IN ('active', 'disabled', 'undeclared')),
  policy TEXT NOT NULL,              -- JSON
  displaced TEXT,                    -- JSON: the store's policy, where the file took the name over
  created_at INTEGER NOT NULL,       -- microseconds since 1970, as all times here
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id TEXT PRIMARY KEY NOT NULL,
  digest BLOB NOT NULL,              -- SHA-256 of the whole key
  team TEXT NOT NULL REFERENCES teams (name),
  project TEXT,
  environment TEXT,
  models TEXT NOT NULL,              -- JSON list of patterns
  networks TEXT NOT NULL,            -- JSON list of networks
  label TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  rotated_from TEXT
) STRICT, WITHOUT ROWID;

-- One row per call. Ids are ordered by time, so rows are appended; money is nano-dollars.
CREATE TABLE calls (
  id BLOB PRIMARY KEY NOT NULL,
  started_at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  team TEXT NOT NULL,
  project TEXT,
  environment TEXT,
  tags TEXT,                         -- JSON list
  dialect TEXT NOT NULL,
  operation TEXT NOT NULL,
  asked_model TEXT NOT NULL,
  stream INTEGER NOT NULL,
  provider TEXT,                     -- NULL where no provider was reached; so are the next six
  model TEXT,
  served_dialect TEXT,
  request_id TEXT,
  tier TEXT,
  attempts INTEGER,
  stop TEXT,
  ending TEXT NOT NULL,
  status INTEGER NOT NULL,
  fault TEXT,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_5m_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  audio_input_tokens INTEGER NOT NULL,
  audio_output_tokens INTEGER NOT NULL,
  images INTEGER NOT NULL,
  usage_source TEXT NOT NULL,
  cost_nanos INTEGER NOT NULL,
  pricing TEXT NOT NULL,
  price TEXT NOT NULL,
  losses TEXT,                       -- JSON list
  earlier TEXT,                      -- JSON list of the tries before the last
  earlier_nanos INTEGER NOT NULL,    -- what those may have cost, beside cost_nanos
  earlier_pricing TEXT,              -- whether that is known; NULL where none can be billed
  total_us INTEGER NOT NULL,
  first_token_us INTEGER,
  overhead_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_by_time ON calls (started_at);
