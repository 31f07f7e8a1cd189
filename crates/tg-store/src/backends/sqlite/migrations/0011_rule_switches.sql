-- Rules by tasks that have switched themselves off, and those that somebody has switched on again. What is known of a rule is
-- its latest switch: the row is set, not added to.
CREATE TABLE rule_switches (
  rule TEXT PRIMARY KEY,             -- the route's name and a hash of what decides on the quality of answers
  is_off INTEGER NOT NULL,           -- 0: on again
  at INTEGER NOT NULL,               -- since when; microseconds since 1970
  task TEXT NOT NULL,                -- for the sake of which it was switched off
  kept INTEGER NOT NULL,             -- in so many comparisons the cheaper answer was as good
  compared INTEGER NOT NULL,         -- of so many
  floor_millionths INTEGER NOT NULL  -- the floor, which that is below
) STRICT, WITHOUT ROWID;
