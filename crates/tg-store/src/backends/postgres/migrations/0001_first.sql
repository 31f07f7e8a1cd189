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
  pricing text NOT NULL,
  price text NOT NULL,
  losses text,                       -- JSON list
  earlier text,                      -- JSON list of the tries before the last
  earlier_nanos bigint NOT NULL,     -- what those may have cost, beside cost_nanos
  earlier_pricing text,              -- whether that is known; NULL where none can be billed
  total_us bigint NOT NULL,
  first_token_us bigint,
  overhead_us bigint NOT NULL
);
CREATE INDEX calls_by_time ON calls (started_at);
