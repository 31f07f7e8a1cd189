-- What a call cost becomes spent, once: its row is in the ledger.
--
-- KEYS[3]: the call's record; KEYS[4..]: the purses in which it counts.
-- ARGV[2]: the amount, [3]: how many microseconds ago its row was appended.
-- Answers 1, or 0 where it was booked already.

local record = KEYS[3]
local kept = redis.call('HGETALL', record)
local fields = {}
for place = 1, #kept, 2 do fields[kept[place]] = kept[place + 1] end
if fields.b then return 0 end
for name, value in pairs(fields) do
  -- Also of purses that are not in force any more: all are in one slot.
  if string.sub(name, 1, 2) == 'p:' then
    hold_becomes(string.sub(name, 3), fields.i, value, '0')
    redis.call('HDEL', record, name)
  end
end
local amount, appended = ARGV[2], now - tonumber(ARGV[3])
for place = 4, #KEYS do
  local key = KEYS[place]
  local found = redis.call('HMGET', key, 'm', 'o', 's', 'e')
  -- A purse that is not there is filled from the ledger, in which the row is.
  if found[1] and appended >= tonumber(found[1]) then
    if found[2] then
      redis.call('HSET', key, 's', plus(found[3], amount))
    else
      redis.call('HSET', key, 'e', booked_too(found[4], appended, amount))
    end
  end
end
redis.call('HSET', record, 'b', '1')
redis.call('PEXPIRE', record, whole(BOOKED_LIFE))
return 1
