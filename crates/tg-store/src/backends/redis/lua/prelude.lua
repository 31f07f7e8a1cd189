-- What all scripts share. Numbers are doubles: every product and sum below stays under 2^53, where they are exact.
--
-- KEYS[1], KEYS[2]: when each incarnation of a replica was heard of (counts at a time; money).
-- ARGV[1]: the time in microseconds, or empty: the server's own.

-- An incarnation that was silent for so long holds no calls at a time any more.
local GOING_LIFE = 30 * 1000000
-- One that was silent for so long holds no money any more.
local MONEY_LIFE = 600 * 1000000
-- Longest life of what a call holds, and of a count that nobody asks for, in milliseconds.
local CALL_LIFE = 24 * 3600 * 1000
-- How long it is remembered that a call has ended, where no money waits to be booked.
local SETTLED_LIFE = 10 * 60 * 1000
-- How long it is remembered that a call was booked.
local BOOKED_LIFE = 2 * 3600 * 1000
-- A bucket lives until it is full, and so much longer; but never longer than the second.
local BUCKET_MARGIN = 60 * 1000
local BUCKET_LIFE = 400 * 24 * 3600 * 1000
-- How long purses wait for all processes to say again what their calls hold, at a server that may have lost it.
local BIRTH_WAIT = 3 * 1000000
-- A server's clock that goes back by more than this is believed.
local STEP = 1000000
-- What is booked while a sum is made is kept apart by so many microseconds, and by so many of these spans at most.
local SLICE = 2000
local SLICES_MAX = 256
-- Deepest debt of a bucket.
local DEBT = 4e15

local BILLION = 1000000000

local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local now = clock()

local function whole(number)
  return string.format('%.0f', number)
end

-- The whole name of a key of this tag.
local function named(rest)
  return string.sub(KEYS[1], 1, -6) .. rest
end

-- Money is in nano-dollars, as decimal text of any length, and is added up as (dollars, nanos).

local function money(text)
  if not text then return 0, 0 end
  if #text <= 9 then return 0, tonumber(text) end
  return tonumber(string.sub(text, 1, -10)), tonumber(string.sub(text, -9))
end

local function text(dollars, nanos)
  if dollars == 0 then return whole(nanos) end
  return string.format('%.0f%09.0f', dollars, nanos)
end

local function plus(one, other)
  local d, n = money(one)
  local e, m = money(other)
  d, n = d + e, n + m
  if n >= BILLION then d, n = d + 1, n - BILLION end
  return text(d, n)
end

local function minus(one, other)
  local d, n = money(one)
  local e, m = money(other)
  d, n = d - e, n - m
  if n < 0 then d, n = d - 1, n + BILLION end
  if d < 0 then return '0' end
  return text(d, n)
end

local function exceeds(one, other)
  local d, n = money(one)
  local e, m = money(other)
  return d > e or (d == e and n > m)
end

-- Incarnations: a process by one of its names, which is PROCESS.NUMBER.

local heard = {{}, {}}

local function alive(incarnation, list, life)
  local known = heard[list][incarnation]
  if known == nil then
    local last = redis.call('ZSCORE', KEYS[list], incarnation)
    known = last and tonumber(last) > now - life or false
    heard[list][incarnation] = known
  end
  return known
end

local function holds_calls(incarnation)
  return alive(incarnation, 1, GOING_LIFE)
end

local function holds_money(incarnation)
  return alive(incarnation, 2, MONEY_LIFE)
end

-- A server that is another than the last may have lost what calls hold. Each process says that again, and then that it has;
-- purses are not believed before as many have as there were, or some time has passed.
--   r  the server, a  since when it is known, n  how many processes there were, c  how many have said it, d:PROCESS  who

local function birth(server)
  local key = named('birth')
  local known = redis.call('HMGET', key, 'r', 'a', 'n', 'c')
  if known[1] ~= server then
    known = {server, whole(now), '1', '0'}
    redis.call('DEL', key)
    redis.call('HSET', key, 'r', server, 'a', known[2], 'n', '1', 'c', '0')
  end
  redis.call('PEXPIRE', key, whole(CALL_LIFE))
  return key, known
end

-- How long it must be waited yet before purses of a server are believed, in microseconds.
local function unsure(server)
  local _, known = birth(server)
  if tonumber(known[4]) >= tonumber(known[3]) then return 0 end
  local passed = now - tonumber(known[2])
  -- Of a clock that went back far, nobody waits for the return.
  if passed < -STEP then return 0 end
  return math.max(0, BIRTH_WAIT - passed)
end

-- Buckets: whole units and a rest below the period (a unit is the period's microseconds, each brings `amount`), when it
-- was so, and the period.

-- floor((elapsed * amount + rest) / period) and what remains; more than `enough` need not be exact.
local function come_back(elapsed, amount, rest, period, enough)
  local product = elapsed * amount + rest
  if product < 9007199254740992 then
    local units = math.floor(product / period)
    -- The quotient of doubles may be off by one just below a whole number.
    local left = product - units * period
    if left < 0 then units, left = units - 1, left + period end
    if left >= period then units, left = units + 1, left - period end
    return units, left
  end
  -- Two binary digits of the time at a time, as in long division: no product exceeds 4 * (amount + period).
  local digits = {}
  while elapsed > 0 do
    digits[#digits + 1] = elapsed % 4
    elapsed = math.floor(elapsed / 4)
  end
  local units, left = 0, 0
  for place = #digits, 1, -1 do
    local value = left * 4 + digits[place] * amount
    if place == 1 then value = value + rest end
    local more = math.floor(value / period)
    units, left = units * 4 + more, value - more * period
    if left < 0 then units, left = units - 1, left + period end
    if units > enough then return units, 0 end
  end
  return units, left
end

local function look(key, amount, period, burst)
  local kept = redis.call('GET', key)
  if not kept then return burst, 0 end
  local units, rest, at, under = string.match(kept, '^(%S+) (%S+) (%S+) (%S+)$')
  units, rest, at, under = tonumber(units), tonumber(rest), tonumber(at), tonumber(under)
  if under ~= period then rest = math.min(period - 1, math.floor(rest / under * period)) end
  local passed = now - at
  if passed > 0 then
    local more
    more, rest = come_back(passed, amount, rest, period, burst - units)
    units = units + more
  end
  -- A clock that stands a little behind brings nothing, and nothing twice.
  if passed > 0 or passed < -STEP then at = now end
  if units >= burst then units, rest = burst, 0 end
  return units, rest, at
end

local function keep(key, amount, period, burst, units, rest, at)
  if units >= burst then
    redis.call('DEL', key)
    return
  end
  if units < -DEBT then units = -DEBT end
  local until_full = math.ceil((burst - units) * (period / amount) / 1000)
  local life = math.min(until_full + BUCKET_MARGIN, BUCKET_LIFE)
  local kept = whole(units) .. ' ' .. whole(rest) .. ' ' .. whole(at or now) .. ' ' .. whole(period)
  redis.call('SET', key, kept, 'PX', whole(life))
end

-- Gives `units` back to a bucket, or takes them where they are negative.
local function give(key, amount, period, burst, units)
  local level, rest, at = look(key, amount, period, burst)
  keep(key, amount, period, burst, level + units, rest, at)
end

-- Gauges: a hash of incarnation to what it holds.

local function going(key)
  local held = redis.call('HGETALL', key)
  local all = 0
  for place = 1, #held, 2 do
    if holds_calls(held[place]) then
      all = all + tonumber(held[place + 1])
    else
      redis.call('HDEL', key, held[place])
    end
  end
  return all
end

-- Purses: a hash of
--   s  spent, e  booked since the ledger's sum was asked for: slice and amount, again and again, m  when it was asked for,
--   o  whether it has come,
--   r  the server that the sum was asked for at, g  when the purse was made, h:INCARNATION  what it holds.
-- Of a rolling window there is a purse for each hour, and one more in which is what is held of them all: g and h alone.

local function purse(key)
  local kept = redis.call('HGETALL', key)
  if #kept == 0 then return nil end
  local found = {held = '0'}
  for place = 1, #kept, 2 do
    local name, value = kept[place], kept[place + 1]
    if string.sub(name, 1, 2) == 'h:' then
      if holds_money(string.sub(name, 3)) then
        found.held = plus(found.held, value)
      else
        redis.call('HDEL', key, name)
      end
    else
      found[name] = value
    end
  end
  return found
end

-- Asks for the ledger's sum: what was in the ledger before this moment is in it.
local function mark(key, found, server, life)
  local made = found and found.g or whole(now)
  redis.call('HDEL', key, 'o')
  redis.call('HSET', key, 'm', whole(now), 'e', '', 'r', server, 'g', made)
  redis.call('PEXPIRE', key, life)
  return whole(now)
end

-- What is booked while a sum is made, by when the rows were appended: the sum has those that it found.

local function slices_of(kept)
  local slices = {}
  for slice, amount in string.gmatch(kept or '', '(%d+) (%d+)') do
    slices[#slices + 1] = {tonumber(slice), amount}
  end
  return slices
end

local function booked_too(kept, appended, amount)
  local slices, slice = slices_of(kept), math.floor(appended / SLICE)
  local last = slices[#slices]
  if last and last[1] == slice then
    last[2] = plus(last[2], amount)
  else
    slices[#slices + 1] = {slice, amount}
  end
  local texts, older = {}, #slices > SLICES_MAX and SLICES_MAX / 2 or 0
  -- Where they are too many, the older half become one, of the latest of their times.
  local latest, sum = 0, '0'
  for place, one in ipairs(slices) do
    if place <= older then
      latest, sum = math.max(latest, one[1]), plus(sum, one[2])
      if place == older then texts[1] = whole(latest) .. ' ' .. sum end
    else
      texts[#texts + 1] = whole(one[1]) .. ' ' .. one[2]
    end
  end
  return table.concat(texts, ' ')
end

-- What was appended at this time or later, or a slice before.
local function booked_from(kept, from)
  local sum = '0'
  for _, one in ipairs(slices_of(kept)) do
    if (one[1] + 1) * SLICE > from then sum = plus(sum, one[2]) end
  end
  return sum
end

-- What a call holds of a purse: the amount, and of which purse: one that was lost and made anew knows nothing of it.
local function of_hold(kept)
  return string.match(kept, '^(%d+) (%d+)$')
end

-- Changes what an incarnation holds of a purse from what a call's record says to another amount.
local function hold_becomes(key, incarnation, kept, amount)
  local was, made = of_hold(kept)
  local present = redis.call('HMGET', key, 'g', 'h:' .. incarnation)
  if not present[1] or not holds_money(incarnation) then return nil end
  local held = present[2] or '0'
  if present[1] == made then held = minus(held, was) end
  held = plus(held, amount)
  if held == '0' then
    redis.call('HDEL', key, 'h:' .. incarnation)
  else
    redis.call('HSET', key, 'h:' .. incarnation, held)
  end
  return amount .. ' ' .. present[1]
end
