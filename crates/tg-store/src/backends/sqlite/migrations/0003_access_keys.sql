-- Access keys for clients that can only sign: their secret, encrypted. NULL: the key is a bearer, known by its digest.
-- An access key's digest is empty.
ALTER TABLE keys ADD COLUMN sealed BLOB;
