-- Looks at purses.
--
-- KEYS[3..]: the purses. Answers what is held of each, or an empty text where it is not there.

local answer = {}
for place = 3, #KEYS do
  local found = purse(KEYS[place])
  answer[#answer + 1] = found and found.held or ''
end
return answer
