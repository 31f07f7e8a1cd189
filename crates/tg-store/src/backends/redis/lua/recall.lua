-- The answer of KEYS[3], or nothing.

return redis.call('GET', KEYS[3])
