-- A process has said all that its calls hold.
--
-- ARGV[2]: the server, [3]: the process, by whatever name it holds, [4]: how many processes there were, as far as it knows.
-- Answers 1.

local key, known = birth(ARGV[2])
if tonumber(ARGV[4]) > tonumber(known[3]) then redis.call('HSET', key, 'n', ARGV[4]) end
if redis.call('HSETNX', key, 'd:' .. ARGV[3], '1') == 1 then redis.call('HINCRBY', key, 'c', 1) end
return 1
