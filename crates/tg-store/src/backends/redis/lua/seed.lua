-- Fills a purse with the ledger's sum, or asks for that anew.
--
-- KEYS[3]: the purse. ARGV[2]: the server, [3]: the mark at which the sum was asked for, or empty: what the purse says is
-- not true any more, [4]: the sum; or with an empty mark: only a purse that says less than this is not true, [5]: how many
-- milliseconds the purse lives, [6]: a time that was not after the sum was begun: it has what was appended before.
-- Answers {1} where the purse is filled, {0, mark, time} where the sum must be made again, {2, microseconds} where it is to be said
-- again later: it is not known yet what is held.

local key, server, asked, life = KEYS[3], ARGV[2], ARGV[3], ARGV[5]
local found = purse(key)
if asked == '' then
  -- One that is not there will be asked for when it is needed.
  if not found then return {0, '0', '0'} end
  if ARGV[4] ~= '' and not (found.o and found.r == server and exceeds(ARGV[4], found.s)) then return {1} end
  -- It is marked when it is asked for: what is booked until then is in the sum that is made then.
  redis.call('HDEL', key, 'o', 'r')
  redis.call('PEXPIRE', key, life)
  return {0, '0', '0'}
end
if not found or found.r ~= server then return {0, mark(key, found, server, life), whole(now)} end
if found.o then return {1} end
if found.m ~= asked then return {0, found.m, whole(now)} end
local wait = unsure(server)
if wait > 0 then return {2, wait} end
redis.call('HSET', key, 's', plus(ARGV[4], booked_from(found.e, tonumber(ARGV[6]))), 'e', '', 'o', '1')
redis.call('PEXPIRE', key, life)
return {1}
