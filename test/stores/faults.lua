-- SPDX-License-Identifier: BSD-3-Clause
-- What the locations of nginx.conf.in do wrong.
local faults = {}
local counts = ngx.shared.counts

local function next_of(what)
    return counts:incr(what, 1, 0)
end

function faults.count()
    next_of("requests")
end

function faults.tell()
    ngx.print(counts:get("requests") or 0)
    counts:set("requests", 0)
end

-- Every 7th request.
function faults.busy()
    if next_of("busy") % 7 == 0 then
        ngx.header["Retry-After"] = "1"
        ngx.exit(503)
    end
end

function faults.reset()
    if next_of("reset") % 7 == 0 then
        ngx.exit(444)
    end
end

function faults.status()
    local which = string.gsub(ngx.var.which, "_", "/")
    if string.sub(ngx.var.file, -#which) == which then
        ngx.exit(tonumber(ngx.var.code))
    end
end

function faults.change()
    ngx.header["ETag"] = '"' .. next_of("change") .. '"'
end

-- First and last byte that a request asks for, of a body.
local function wanted(body)
    local range = ngx.var.http_range or ""
    local first, last = string.match(range, "^bytes=(%d+)-(%d*)$")
    local tail = string.match(range, "^bytes=%-(%d+)$")
    if tail then
        return math.max(0, #body - tonumber(tail)), #body - 1, true
    end
    first, last = tonumber(first or "0"), tonumber(last or "") or #body - 1
    return first, math.min(last, #body - 1), range ~= ""
end

local function answer(first, last, size, length)
    ngx.status = 206
    ngx.header["Content-Range"] = "bytes " .. first .. "-" .. last .. "/" .. size
    ngx.header["Content-Length"] = length
end

-- Each has the body, the first and the last byte that was asked for.
local serve = {}

-- Half of the requested bytes, with a matching Content-Length; every second time.
function serve.short(body, first, last)
    local length = last - first + 1
    if next_of("short") % 2 == 0 then
        length = math.floor(length / 2)
    end
    answer(first, last, #body, length)
    ngx.print(string.sub(body, first + 1, first + length))
end

-- Half of what was announced, and then the end; every second time.
function serve.cut(body, first, last)
    answer(first, last, #body, last - first + 1)
    if next_of("cut") % 2 == 1 then
        ngx.print(string.sub(body, first + 1, last + 1))
        return
    end
    ngx.print(string.sub(body, first + 1, first + 1 + math.floor((last - first) / 2)))
    ngx.flush(true)
    ngx.exit(ngx.ERROR)
end

-- Other bytes than were asked for.
function serve.wrong(body, first, last)
    answer(first + 1, last + 1, #body, last - first + 1)
    ngx.print(string.sub(body, first + 2, last + 2))
end

-- A body without an end.
function serve.endless(body)
    ngx.status = 200
    local block = string.rep("x", 65536)
    while ngx.print(block) and ngx.flush(true) do
    end
end

-- A few bytes at a time.
function serve.drip(body, first, last)
    answer(first, last, #body, last - first + 1)
    for i = first + 1, last + 1, 16 do
        if not ngx.print(string.sub(body, i, math.min(i + 15, last + 1))) or not ngx.flush(true) then
            return
        end
        ngx.sleep(0.2)
    end
end

-- Some bytes, and then nothing for long.
function serve.stall(body, first, last)
    answer(first, last, #body, last - first + 1)
    ngx.print(string.sub(body, first + 1, first + 8))
    ngx.flush(true)
    ngx.sleep(30)
end

-- An encoding that was not asked for.
function serve.gzip(body, first, last)
    answer(first, last, #body, last - first + 1)
    ngx.header["Content-Encoding"] = "gzip"
    ngx.print(string.sub(body, first + 1, last + 1))
end

function faults.serve(data)
    local file = io.open(data .. "/" .. ngx.var.file, "rb")
    local body = file and file:read("*a")
    if not body then
        ngx.exit(404)
    end
    file:close()
    serve[ngx.var.fault](body, wanted(body))
end

local function xml(text)
    ngx.header["Content-Type"] = "application/xml"
    ngx.print('<?xml version="1.0" encoding="UTF-8"?>\n' .. text)
end

local function failure(status, code)
    ngx.status = status
    xml("<Error><Code>" .. code .. "</Code><Message>made up</Message></Error>")
end

function faults.bomb()
    if not ngx.var["arg_list-type"] then
        return failure(404, "NoSuchKey")
    end
    xml('<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        .. '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><ListBucketResult><Name>&c;</Name></ListBucketResult>')
end

function faults.slow_down()
    if not ngx.var["arg_list-type"] then
        return failure(404, "NoSuchKey")
    end
    if next_of("slow") % 3 ~= 0 then
        return xml("<Error><Code>SlowDown</Code><Message>made up</Message></Error>")
    end
    xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
end

function faults.endless_listing()
    if not ngx.var["arg_list-type"] then
        return failure(404, "NoSuchKey")
    end
    xml("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>"
        .. "</ListBucketResult>")
end

-- A server whose clock is two hours ahead: refuses until the request is signed by that clock.
function faults.skewed()
    local ahead = ngx.time() + 7200
    ngx.header["Date"] = ngx.http_time(ahead)
    local signed = string.sub(ngx.var.http_x_amz_date or "", 1, 11)
    if signed ~= os.date("!%Y%m%dT%H", ahead) then
        return failure(403, "RequestTimeTooSkewed")
    end
    if ngx.var["arg_list-type"] then
        return xml("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    end
    failure(404, "NoSuchKey")
end

function faults.expired()
    failure(400, "ExpiredToken")
end

return faults
