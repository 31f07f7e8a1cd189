-- Takes all that is asked for, or nothing.
--
-- KEYS[3]: the record of what the call holds; KEYS[4..]: what is asked of.
-- ARGV[2]: the server, [3]: the incarnation, [4]: 0, or the number of the extension; then seven of each ask: kind, mode
-- and what the kind needs.
-- Answers {TAKEN or FULL, then of each ask: whether it is full, and three numbers}, {UNSEEDED, time, place, mark, ...},
-- {GONE} or {ENDED}.

local TAKEN, FULL, UNSEEDED, GONE, ENDED = 0, 1, 2, 3, 4

local server, incarnation, number = ARGV[2], ARGV[3], tonumber(ARGV[4])
local record = KEYS[3]
local known = redis.call('HMGET', record, 'i', 'z', 'x', 'b', 'n')
if known[2] or known[4] then return {ENDED} end
local again
if number == 0 then
  again = known[1] and true or false
  if not again and not holds_calls(incarnation) then return {GONE} end
else
  if not known[1] or not holds_money(known[1]) then return {ENDED} end
  incarnation = known[1]
  again = tonumber(known[3] or '0') >= number
end

local asks, unseeded, refused = {}, {UNSEEDED, whole(now)}, false
for place = 4, #KEYS do
  local first = 5 + (place - 4) * 7
  local ask = {key = KEYS[place], kind = ARGV[first], enforced = ARGV[first + 1] == 'e', extra = 0}
  local function argument(which) return ARGV[first + 1 + which] end
  if ask.kind == 'b' then
    ask.amount, ask.period, ask.burst = tonumber(argument(1)), tonumber(argument(2)), tonumber(argument(3))
    ask.units, ask.lease = tonumber(argument(4)), tonumber(argument(5))
    ask.level, ask.rest, ask.at = look(ask.key, ask.amount, ask.period, ask.burst)
    ask.full = ask.level < ask.units
  elseif ask.kind == 'g' then
    ask.most, ask.units = tonumber(argument(1)), tonumber(argument(2))
    ask.level = going(ask.key)
    ask.full = ask.level + ask.units > ask.most
  else
    ask.cap, ask.units, ask.life = argument(1), argument(2), argument(3)
    ask.own = argument(4) == '' and ask.key or named(argument(4))
    local found = purse(ask.key)
    local holding = found
    if ask.own ~= ask.key then holding = purse(ask.own) end
    ask.spent, ask.held = found and found.s or '0', holding and holding.held or '0'
    ask.made = holding and holding.g or whole(now)
    if again then
      -- Whatever became of the purse: the call has its hold.
      ask.full = false
    elseif not found or found.r ~= server then
      unseeded[#unseeded + 1] = place - 3
      unseeded[#unseeded + 1] = mark(ask.key, found, server, ask.life)
    elseif not found.o then
      unseeded[#unseeded + 1] = place - 3
      unseeded[#unseeded + 1] = found.m
    else
      ask.full = exceeds(plus(plus(ask.spent, ask.held), ask.units), ask.cap)
    end
  end
  if again then
    -- The answer was lost; all that it asked for it has, but for what only observed and was full then.
    ask.full = string.find(known[5] or '', ' ' .. (place - 3) .. ' ', 1, true) ~= nil
  end
  refused = refused or (ask.full and ask.enforced)
  asks[#asks + 1] = ask
end
if #unseeded > 2 then return unseeded end

local function take(ask, holding)
  if ask.kind == 'b' then
    if ask.lease > 0 then ask.extra = math.min(ask.lease, ask.level - ask.units) end
    ask.level = ask.level - ask.units - ask.extra
    keep(ask.key, ask.amount, ask.period, ask.burst, ask.level, ask.rest, ask.at)
  elseif ask.kind == 'g' then
    -- Of a call whose incarnation was given up, calls at a time are not counted any more.
    if holds_calls(incarnation) then
      ask.level = ask.level + ask.units
      redis.call('HINCRBY', ask.key, incarnation, whole(ask.units))
      redis.call('PEXPIRE', ask.key, whole(CALL_LIFE))
    end
  else
    local field = 'p:' .. ask.own
    local before = redis.call('HGET', record, field)
    local was, made = '0', ask.made
    if before then was, made = of_hold(before) end
    local own = 'h:' .. incarnation
    if made ~= ask.made then
      -- The purse was lost and made anew since: all that the call holds is new to it.
      ask.units = plus(was, ask.units)
      was = '0'
    end
    redis.call('HSETNX', ask.own, 'g', ask.made)
    redis.call('HSET', ask.own, own, plus(redis.call('HGET', ask.own, own) or '0', ask.units))
    redis.call('PEXPIRE', ask.key, ask.life)
    if ask.own ~= ask.key then redis.call('PEXPIRE', ask.own, whole(CALL_LIFE)) end
    ask.held = plus(ask.held, ask.units)
    holding[#holding + 1] = field
    holding[#holding + 1] = plus(was, ask.units) .. ' ' .. ask.made
  end
end

if not refused and not again then
  local missed = ' '
  local holding = {'i', incarnation, 'x', whole(number)}
  for place, ask in ipairs(asks) do
    -- What only observes is not run into debt.
    if ask.full then missed = missed .. place .. ' ' else take(ask, holding) end
  end
  holding[#holding + 1] = 'n'
  holding[#holding + 1] = missed
  redis.call('HSET', record, unpack(holding))
  redis.call('PEXPIRE', record, whole(CALL_LIFE))
end

local answer = {refused and FULL or TAKEN}
for _, ask in ipairs(asks) do
  answer[#answer + 1] = ask.full and 1 or 0
  if ask.kind == 'b' then
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = ask.level, ask.rest, ask.extra
  elseif ask.kind == 'g' then
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = ask.level, 0, 0
  else
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = ask.spent, ask.held, 0
  end
end
return answer
