-- Keeps an answer in place of an earlier one; those whose time ends soonest make room.
--
-- KEYS[3]: the answer. ARGV[2]: what is kept, [3]: for how long, in milliseconds, [4]: most bytes of all together.
-- answers: when each ends. answers:sizes: how many bytes each has. answers:bytes: how many all have.
-- Answers 1 where it is kept, and 0 where there is no room.

-- Most answers that make room for one, so that nobody waits long.
local DROPPED_MAX = 1000

local key, kept, life, most = KEYS[3], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ends, sizes, sum = named('answers'), named('answers:sizes'), named('answers:bytes')
local bytes = tonumber(redis.call('GET', sum) or '0')

local function drop(name)
  local size = tonumber(redis.call('HGET', sizes, name) or '0')
  redis.call('DEL', name)
  redis.call('ZREM', ends, name)
  redis.call('HDEL', sizes, name)
  bytes = math.max(0, bytes - size)
end

-- What is over is gone; only the lists still have it.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, DROPPED_MAX)) do
  drop(name)
end
drop(key)
local size = #kept + #key
local dropped = 0
while size <= most and bytes + size > most and dropped < DROPPED_MAX do
  local first = redis.call('ZRANGE', ends, 0, 0)[1]
  if first then
    drop(first)
  else
    -- What is counted is not there.
    bytes = 0
  end
  dropped = dropped + 1
end
local fits = bytes + size <= most
if fits then
  redis.call('SET', key, kept, 'PX', whole(life))
  redis.call('ZADD', ends, whole(now + life * 1000), key)
  redis.call('HSET', sizes, key, size)
  bytes = bytes + size
end
redis.call('SET', sum, whole(bytes))
for _, list in ipairs({ends, sizes, sum}) do
  redis.call('PEXPIRE', list, whole(BUCKET_LIFE))
end
return fits and 1 or 0
