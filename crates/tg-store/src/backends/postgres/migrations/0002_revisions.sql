-- Revisions of the configuration. Rows are added, never edited; the newest is in force.
CREATE TABLE config_revisions (
  number bigint PRIMARY KEY,         -- from 1 on, without gaps
  at bigint NOT NULL,
  author text NOT NULL,
  note text NOT NULL,
  digest text COLLATE "C" NOT NULL,  -- SHA-256 of the text, in hexadecimal digits
  replaces bigint,                   -- the one that was in force before; NULL: none
  restores bigint,                   -- the earlier one whose text this is once more; NULL: a text of its own
  text text NOT NULL                 -- the document, as it was written
);
