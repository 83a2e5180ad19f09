-- SPDX-License-Identifier: MIT
--
-- Long polling with limit=N: each response ends, with its last chunk, after N events, and wrk
-- counts it, closes and connects again. So a request is "connect, subscribe, get N events,
-- close"; its latency is the time from the request to the last chunk, which with `last=N` needs
-- no waiting for a publisher.
--
--   build/fanfare serve --feed /tmp/fanfare.sock &
--   seq 100 | build/fanfare pub --feed /tmp/fanfare.sock bench
--   wrk -t1 -c50 -d10s --latency -s bench/wrk/poll.lua http://127.0.0.1:8080
--
-- and for real waiting (the N events are those published after the request), with a publisher
-- beside:
--
--   LAST=0 wrk -t1 -c50 -d10s --latency -s bench/wrk/poll.lua http://127.0.0.1:8080 &
--   wrk -t1 -c1 -d10s -s bench/wrk/publish.lua http://127.0.0.1:8080
--
-- LIMIT (10) events a response; LAST (as LIMIT) of them from history; CHANNEL (bench).

local channel = os.getenv("CHANNEL") or "bench"
local limit = tonumber(os.getenv("LIMIT") or 10)
local last = tonumber(os.getenv("LAST") or limit)

local path = string.format("/events/%s?limit=%d", channel, limit)
if last > 0 then
   path = path .. string.format("&last=%d", last)
end

wrk.method = "GET"
wrk.path = path
wrk.headers["Accept"] = "text/event-stream"

function done(summary, latency, requests)
   local seconds = summary.duration / 1e6
   io.write(string.format("responses: %d, %.0f a second; events: %.0f a second\n", summary.requests,
                          summary.requests / seconds, summary.requests * limit / seconds))
end
