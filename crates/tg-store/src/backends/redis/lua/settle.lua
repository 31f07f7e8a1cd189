-- Sets right what a call holds by what it used, once.
--
-- KEYS[3]: the call's record; KEYS[4..]: what it held.
-- ARGV[2..]: six of each: kind and what the kind needs.
-- Answers 1, or 0 where there was nothing to settle: the call is settled already, or holds nothing. Of one that holds
-- nothing it is remembered that it has ended: what it asked for may still be under way.

local record = KEYS[3]
local known = redis.call('HMGET', record, 'i', 'z', 'b', 'l', 'c')
local incarnation = known[1]
-- By which name it is one of the calls at a time.
local counted = known[5] or incarnation
if known[2] then return 0 end
if not incarnation then
  redis.call('HSET', record, 'z', '1')
  redis.call('PEXPIRE', record, whole(known[3] and BOOKED_LIFE or SETTLED_LIFE))
  return 0
end
local life = SETTLED_LIFE
local now_holding, settled = {'z', '1'}, {}
for place = 4, #KEYS do
  local key, first = KEYS[place], 2 + (place - 4) * 6
  local kind = ARGV[first]
  local function argument(which) return ARGV[first + which] end
  -- What a server that was told again has never taken is not given back to it; what is owed is owed.
  local is_lost = known[4]
  if kind == 'b' then
    local units = tonumber(argument(4))
    if not is_lost or units < 0 then give(key, tonumber(argument(1)), tonumber(argument(2)), tonumber(argument(3)), units) end
  elseif kind == 'g' then
    -- Where the incarnation was given up, its count is gone, and with it what this call held of it.
    if argument(1) ~= '0' and redis.call('HEXISTS', key, counted) == 1 then
      local left = redis.call('HINCRBY', key, counted, '-' .. argument(1))
      if left <= 0 then redis.call('HDEL', key, counted) end
    end
  elseif not known[3] then
    local field = 'p:' .. key
    settled[field] = true
    local kept = redis.call('HGET', record, field)
    local becomes = kept and hold_becomes(key, incarnation, kept, argument(1))
    if kept and argument(1) == '0' then
      -- Nothing of it waits to be booked.
      redis.call('HDEL', record, field)
    elseif becomes then
      now_holding[#now_holding + 1] = field
      now_holding[#now_holding + 1] = becomes
      life = CALL_LIFE
    end
  end
end
-- What more was asked for without an answer may be of purses that the call does not know to hold of.
for _, field in ipairs(redis.call('HKEYS', record)) do
  if string.sub(field, 1, 2) == 'p:' and not settled[field] then
    hold_becomes(string.sub(field, 3), incarnation, redis.call('HGET', record, field), '0')
    redis.call('HDEL', record, field)
  end
end
if known[3] then life = BOOKED_LIFE end
redis.call('HSET', record, unpack(now_holding))
redis.call('PEXPIRE', record, whole(life))
return 1
