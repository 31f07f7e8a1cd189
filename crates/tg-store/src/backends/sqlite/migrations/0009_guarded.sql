-- What content checks did on the call, as JSON; NULL where none ran.
ALTER TABLE calls ADD COLUMN guarded TEXT;
