-- Looks at purses.
--
-- KEYS[3..]: the purses. ARGV[2]: the server, [3..]: of each, where what is held of it is kept, or empty: with itself.
-- Answers two of each: what is held, or an empty text where it is not there, and what is spent, or an empty text where that is
-- not known.

local server = ARGV[2]
local answer = {}
for place = 3, #KEYS do
  local found = purse(KEYS[place])
  local own = ARGV[place]
  local holding = found
  if own ~= '' then holding = purse(named(own)) end
  answer[#answer + 1] = (found or holding) and (holding and holding.held or '0') or ''
  answer[#answer + 1] = found and found.o and found.r == server and found.s or ''
end
return answer
