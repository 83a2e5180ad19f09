-- SPDX-License-Identifier: MIT
--
-- Endless streams: every connection is a subscriber, and stays one. What counts is "Transfer/sec",
-- the bytes that wrk received; a response that never ends is never counted as a request, so
-- "Requests/sec" is 0 and there is no latency.
--
--   build/fanfare serve --feed /tmp/fanfare.sock &
--   wrk -t1 -c500 -d10s -s bench/wrk/stream.lua http://127.0.0.1:8080 &
--   yes | head -n 2000000 | build/fanfare pub --feed /tmp/fanfare.sock bench
--
-- or, in place of the last line, wrk as the publisher:
--
--   wrk -t1 -c4 -d8s -s bench/wrk/publish.lua http://127.0.0.1:8080
--
-- CHANNEL=name in the environment takes another channel than `bench`.
--
-- There is no response() here, and there must be none: wrk buffers a whole body for it, so the
-- memory of an endless one grows without end.

local channel = os.getenv("CHANNEL") or "bench"

wrk.method = "GET"
wrk.path = "/events/" .. channel
wrk.headers["Accept"] = "text/event-stream"

-- In the main state, after the run. `delivered` is of wrk alone: the numbers of /stats are the
-- server's.
function done(summary, latency, requests)
   local seconds = summary.duration / 1e6
   io.write(string.format("delivered: %.1f MB in %.1f s, %.1f MB/s\n", summary.bytes / 1e6, seconds,
                          summary.bytes / 1e6 / seconds))
   local errors = summary.errors
   if errors.connect + errors.read + errors.status > 0 then
      local format = "not clean: %d connects failed, %d reads failed, %d answers were no 200\n"
      io.write(string.format(format,
                             errors.connect, errors.read, errors.status))
   end
end
