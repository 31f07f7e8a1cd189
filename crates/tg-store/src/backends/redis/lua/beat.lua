-- Says that an incarnation lives, or leaves.
--
-- ARGV[2]: the incarnation, [3]: `new`, `on` or `leave`, [4..]: earlier ones of the same process, whose calls may go on.
-- Answers {whether it is alive, how many are}.

local incarnation, how = ARGV[2], ARGV[3]
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
for place = 4, #ARGV do
  redis.call('ZADD', KEYS[2], 'XX', whole(now), ARGV[place])
end
redis.call('PEXPIRE', named('birth'), whole(CALL_LIFE))
redis.call('PEXPIRE', KEYS[1], whole(CALL_LIFE))
redis.call('PEXPIRE', KEYS[2], whole(CALL_LIFE))
return {living and 1 or 0, redis.call('ZCARD', KEYS[1])}
