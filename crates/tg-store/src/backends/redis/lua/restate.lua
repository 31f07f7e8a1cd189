-- Says again what a call holds of purses: the server may have lost it, or was never told. What it knows already stays.
--
-- KEYS[3]: the call's record; KEYS[4..]: where it is held. ARGV[2]: the incarnation, [3]: whether the call has ended and waits
-- to be booked: 1 or 0; then two of each: the amount, and how many milliseconds it is kept.
-- Answers 1, or 0 where the call holds nothing any more.

local record, incarnation = KEYS[3], ARGV[2]
local known = redis.call('HMGET', record, 'i', 'z', 'b')
if known[3] or (known[2] and ARGV[3] == '0') then return 0 end
local owner = known[1]
local moves = not owner or not holds_money(owner)
if moves then owner = incarnation end
if not holds_money(owner) then return 0 end
local holding = {'i', owner}
-- Calls at a time and rates are not said again: they are not in what this server counts, and are not given back to it.
if moves then holding[3], holding[4] = 'l', '1' end
for place = 4, #KEYS do
  local key, first = KEYS[place], 4 + (place - 4) * 2
  local amount, field = ARGV[first], 'p:' .. key
  local was, made = of_hold(redis.call('HGET', record, field) or '0 0')
  redis.call('HSETNX', key, 'g', whole(now))
  redis.call('PEXPIRE', key, ARGV[first + 1])
  local present = redis.call('HGET', key, 'g')
  if moves or made ~= present then was = '0' end
  if exceeds(amount, was) then
    local own = 'h:' .. owner
    redis.call('HSET', key, own, plus(redis.call('HGET', key, own) or '0', minus(amount, was)))
    holding[#holding + 1] = field
    holding[#holding + 1] = amount .. ' ' .. present
  end
end
redis.call('HSET', record, unpack(holding))
redis.call('PEXPIRE', record, whole(CALL_LIFE))
return 1
