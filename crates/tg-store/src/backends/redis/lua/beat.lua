-- Says that a process lives, or leaves.
--
-- ARGV[2]: its incarnation, [3]: `new`, `on` or `leave`, [4]: how many earlier ones there are whose calls may go on, then
-- these, then those that are given up: what their calls hold was said by another name, and what is left is of calls that
-- are over. One that ends with a point is a process that is dead, by whatever name it holds.
-- Answers {whether the incarnation is alive, how many processes are, the time of the server in microseconds}.

local incarnation, how, earlier = ARGV[2], ARGV[3], tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - GOING_LIFE))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now - MONEY_LIFE))
local living = how == 'new' or holds_calls(incarnation)
if how == 'leave' then
  -- Calls that it holds are over; money waits to be booked by who reads its journal.
  redis.call('ZREM', KEYS[1], incarnation)
elseif living then
  redis.call('ZADD', KEYS[1], whole(now), incarnation)
  redis.call('ZADD', KEYS[2], whole(now), incarnation)
end
local dead = {}
for place = 5, #ARGV do
  local name = ARGV[place]
  local goes_on = place - 4 <= earlier
  if string.sub(name, -1) == '.' then dead[string.sub(name, 1, -2)] = true end
  if goes_on and how ~= 'leave' then
    redis.call('ZADD', KEYS[1], 'XX', whole(now), name)
  else
    redis.call('ZREM', KEYS[1], name)
  end
  if goes_on then
    redis.call('ZADD', KEYS[2], 'XX', whole(now), name)
  else
    redis.call('ZREM', KEYS[2], name)
  end
end
local function process_of(name)
  return string.match(name, '^[^.]*')
end
-- Also what such a process said so late that it is heard only now.
for list = 1, next(dead) and 2 or 0 do
  for _, name in ipairs(redis.call('ZRANGE', KEYS[list], 0, -1)) do
    if dead[process_of(name)] then redis.call('ZREM', KEYS[list], name) end
  end
end
redis.call('PEXPIRE', named('birth'), whole(CALL_LIFE))
redis.call('PEXPIRE', KEYS[1], whole(CALL_LIFE))
redis.call('PEXPIRE', KEYS[2], whole(CALL_LIFE))
-- A process has several incarnations while it goes on under another name.
local processes, met = 0, {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local process = process_of(name)
  if not met[process] then
    met[process] = true
    processes = processes + 1
  end
end
-- Also where scripts go by another clock.
local time = redis.call('TIME')
return {living and 1 or 0, processes, time[1] * 1000000 + time[2]}
