-- What somebody was told of a budget: once for each purse, whose name has its window in it, and kind.
CREATE TABLE budget_notices (
  purse TEXT NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  notice TEXT NOT NULL,              -- JSON, as it is posted
  delivered_at INTEGER,              -- NULL: somebody is still to be told
  PRIMARY KEY (purse, kind)
) STRICT, WITHOUT ROWID;
