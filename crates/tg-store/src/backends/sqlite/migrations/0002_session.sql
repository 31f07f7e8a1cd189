-- The name of the AWS role's session that signed a call; NULL where no role was assumed.
ALTER TABLE calls ADD COLUMN session TEXT;
