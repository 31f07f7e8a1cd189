-- What the gateway itself decided about the call, as JSON; NULL where that was nothing.
ALTER TABLE calls ADD COLUMN decided text;
