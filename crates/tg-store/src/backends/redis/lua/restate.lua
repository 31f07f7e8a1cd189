-- Says again what a call holds of purses and of calls at a time: the server may have lost it, or was never told, or knows it
-- by a name that the process has no more. What it knows already stays.
--
-- KEYS[3]: the call's record; KEYS[4..]: where it is held. ARGV[2]: the incarnation, [3]: whether the call has ended and waits
-- to be booked: 1 or 0; then two of each: of a purse the amount, and how many milliseconds it is kept; of calls at a time how
-- many they are, and an empty text.
-- Answers 1; 0 where the call holds nothing any more; 2 where the incarnation is not known.

local record, incarnation, has_ended = KEYS[3], ARGV[2], ARGV[3] == '1'
local fields = {}
local kept = redis.call('HGETALL', record)
for place = 1, #kept, 2 do fields[kept[place]] = kept[place + 1] end
if fields.b or (fields.z and not has_ended) then return 0 end
if not holds_money(incarnation) then return 2 end
local owner = fields.i
local moves = owner ~= incarnation
local holding = {'i', incarnation}
-- By which name the call is one of those at a time.
local counted = fields.c or owner or '-'
-- Rates are not said again: they are not in what this server counts, and are not given back to it.
if not owner then holding[3], holding[4] = 'l', '1' end

if owner and moves then
  -- Also what was taken of it while this was being said, which the process does not know yet.
  local is_known = holds_money(owner)
  for field, value in pairs(fields) do
    if string.sub(field, 1, 2) == 'p:' then
      local key = string.sub(field, 3)
      local amount = of_hold(value)
      hold_becomes(key, owner, value, '0')
      fields[field] = is_known and hold_becomes(key, incarnation, '0 0', amount) or nil
      if fields[field] then
        redis.call('HSET', record, field, fields[field])
      else
        redis.call('HDEL', record, field)
      end
    end
  end
end

for place = 4, #KEYS do
  local key, first = KEYS[place], 4 + (place - 4) * 2
  local amount, life = ARGV[first], ARGV[first + 1]
  if life ~= '' then
    local field = 'p:' .. key
    redis.call('HSETNX', key, 'g', whole(now))
    redis.call('PEXPIRE', key, life)
    local known = fields[field] or '0 0'
    local was, made = of_hold(known)
    if has_ended or made ~= redis.call('HGET', key, 'g') or exceeds(amount, was) then
      holding[#holding + 1] = field
      holding[#holding + 1] = hold_becomes(key, incarnation, known, amount)
    end
  elseif moves and not has_ended then
    if redis.call('HEXISTS', key, counted) == 1 and redis.call('HINCRBY', key, counted, '-' .. amount) <= 0 then
      redis.call('HDEL', key, counted)
    end
    redis.call('HINCRBY', key, incarnation, amount)
    redis.call('PEXPIRE', key, whole(CALL_LIFE))
  end
end
if moves then
  holding[#holding + 1] = 'c'
  holding[#holding + 1] = has_ended and counted or incarnation
end
redis.call('HSET', record, unpack(holding))
redis.call('PEXPIRE', record, whole(CALL_LIFE))
return 1
