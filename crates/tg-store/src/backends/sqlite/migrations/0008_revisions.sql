-- Revisions of the configuration. Rows are added, never edited; the newest is in force.
CREATE TABLE config_revisions (
  number INTEGER PRIMARY KEY,        -- from 1 on, without gaps
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  note TEXT NOT NULL,
  digest TEXT NOT NULL,              -- SHA-256 of the text, in hexadecimal digits
  replaces INTEGER,                  -- the one that was in force before; NULL: none
  restores INTEGER,                  -- the earlier one whose text this is once more; NULL: a text of its own
  text TEXT NOT NULL                 -- the document, as it was written
) STRICT;
