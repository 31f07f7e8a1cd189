-- Gives leased units back to their buckets, or takes what was used beyond them.
--
-- KEYS[3..]: the buckets. ARGV[2..]: amount, period, burst and units of each.

for place = 3, #KEYS do
  local first = 2 + (place - 3) * 4
  give(KEYS[place], tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]), tonumber(ARGV[first + 3]))
end
return 1
