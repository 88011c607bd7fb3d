-- One request, over and over: wrk … -s request.lua URL -- METHOD BODY-FILE AUTHORIZATION CONTENT-TYPE
-- A "*" in the path becomes a number that changes with each request. What came of it is one line of JSON at the end.

local variants = 64

function init(arguments)
   wrk.method = arguments[1]
   if arguments[2] ~= "" then
      local file = assert(io.open(arguments[2], "rb"))
      wrk.body = file:read("*a")
      file:close()
      wrk.headers["Content-Type"] = arguments[4]
   end
   if arguments[3] ~= "" then
      wrk.headers["Authorization"] = arguments[3]
   end
   -- Without a function of this name wrk makes the request once, which is much faster.
   if wrk.path:find("*", 1, true) then
      local template, count = wrk.path, 0
      request = function()
         count = (count + 1) % variants
         return wrk.format(nil, (template:gsub("%*", tostring(count))))
      end
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %.6f, "bytes": %d, "p50": %.6f, "p90": %.6f, "p99": %.6f, "max": %.6f, ' ..
      '"refused": %d, "broken": %d, "late": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      latency:percentile(50) / 1e6, latency:percentile(90) / 1e6, latency:percentile(99) / 1e6, latency.max / 1e6,
      errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
