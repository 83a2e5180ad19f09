-- SPDX-License-Identifier: MIT
--
-- Publishing: each request is one POST with one event, on kept connections. What is measured is
-- the time until the event is in every worker's inbox, which is when it is acknowledged; with
-- subscribers it is also what the flow control lets through.
--
--   build/fanfare serve --feed /tmp/fanfare.sock &
--   wrk -t1 -c16 -d10s --latency -s bench/wrk/publish.lua http://127.0.0.1:8080
--
-- BYTES (100) of data an event; CHANNEL (bench); EVENTS (1) in one request, as an event stream.
-- Answers other than 200 (503: the channel is full) are counted and printed at the end.

local channel = os.getenv("CHANNEL") or "bench"
local bytes = tonumber(os.getenv("BYTES") or 100)
local events = tonumber(os.getenv("EVENTS") or 1)

wrk.method = "POST"
wrk.path = "/publish/" .. channel
if events > 1 then
   wrk.headers["Content-Type"] = "text/event-stream"
   wrk.body = string.rep("data: " .. string.rep("x", bytes) .. "\n\n", events)
else
   wrk.headers["Content-Type"] = "text/plain"
   wrk.body = string.rep("x", bytes)
end

function done(summary, latency, requests)
   local seconds = summary.duration / 1e6
   local refused = summary.errors.status
   local taken = (summary.requests - refused) * events
   io.write(string.format("published: %d events, %.0f a second; refused requests: %d\n", taken,
                          taken / seconds, refused))
end
