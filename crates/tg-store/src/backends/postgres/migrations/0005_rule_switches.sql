-- Rules by tasks that have switched themselves off, and those that somebody has switched on again. What is known of a rule is
-- its latest switch: the row is set, not added to.
CREATE TABLE rule_switches (
  rule text COLLATE "C" PRIMARY KEY, -- the route's name and a hash of what decides on the quality of answers
  is_off boolean NOT NULL,           -- false: on again
  at bigint NOT NULL,                -- since when
  task text NOT NULL,                -- for the sake of which it was switched off
  kept bigint NOT NULL,              -- in so many comparisons the cheaper answer was as good
  compared bigint NOT NULL,          -- of so many
  floor_millionths bigint NOT NULL   -- the floor, which that is below
);
