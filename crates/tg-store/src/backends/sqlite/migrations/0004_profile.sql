-- The ARN of the application inference profile that was named in the model's place; NULL where the model itself was.
ALTER TABLE calls ADD COLUMN profile TEXT;
