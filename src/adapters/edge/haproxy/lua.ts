import { STATUS_CODES } from "node:http";
import { forwardingHeaders, forwardingPrefixes } from "../table/forwarding.ts";
import { plainText } from "../table/own-pages.ts";
import { caller } from "./caller.ts";
import type { EdgeFiles } from "./files.ts";
import { ownStatuses } from "./policies.ts";
import { fieldNumber, flags } from "./route-map.ts";
import { haproxySettings } from "./settings.ts";

/** Between two looks of a waiting request at the map. */
const lookMs = 10;
/** Client addresses remembered over all limited routes, about 10 MB at most. */
const addresses = 50_000;
/** A window is remembered in so many parts at most: a client waits at most 2 % too long, never too short. */
const parts = 60;

/**
 * What HAProxy's own rules cannot do: requests that wait at a held route, rates as an exact sliding window, and headers
 * that a Connection header takes out of a message. Loaded once for all threads, so that they share what they remember.
 */
export function luaProgram({ map, policies }: Pick<EdgeFiles, "map" | "policies">, trust: readonly string[]): string {
  return [
    opening(map),
    answering(policies),
    holding,
    limiting,
    unlisting,
    believing(trust),
    telling,
    letting(trust),
  ].join("\n");
}

function opening(map: string): string {
  return `-- Written by Fairlead; changes are lost.
local routes = Map.new(${JSON.stringify(map)}, Map._str)

local function part(route, number)
  return core.tokenize(route, "|")[number]
end

local function since(started)
  local now = core.now()
  return (now.sec - started.sec) * 1000 + (now.usec - started.usec) / 1000
end
`;
}

function answering(policies: string): string {
  const plain = ownStatuses.map((status) => `[${status}] = ${JSON.stringify(plainText(status))}`);
  const reasons = ownStatuses.map((status) => `[${status}] = ${JSON.stringify(STATUS_CODES[status])}`);
  return `local policies = Map.new(${JSON.stringify(policies)}, Map._str)
local plain = { ${plain.join(", ")} }
local reasons = { ${reasons.join(", ")} }
local types = {
  html = "text/html; charset=utf-8",
  json = "application/problem+json",
  text = "text/plain; charset=utf-8",
}

-- An answer in the place of the app's: what the route has for this status and what the client wants to read, or plain words.
local function answer(of, status)
  local what = status == 503 and of:get_var("txn.what") or tostring(status)
  local kind = of:get_var("txn.kind") or "text"
  local body = policies:lookup((of:get_var("txn.policy") or "") .. "." .. what .. "." .. kind)
  if body == nil then return plain[status], types.text end
  return of.c:b64dec(body), types[kind]
end

-- Whether there is more than its head to a request that is refused: then nothing is read any more of what comes behind it.
local function follows(headers)
  local length, upgrade = headers["content-length"], headers["upgrade"]
  return (upgrade and string.lower(upgrade[0]) == "websocket") or headers["transfer-encoding"] or (length and length[0] ~= "0")
end

core.register_action("own", { "http-req" }, function(txn, status)
  status = tonumber(status)
  local body, kind = answer(txn, status)
  local reply = txn:reply({ status = status, reason = reasons[status] })
  reply:add_header("content-type", kind)
  if status == 400 or follows(txn.http:req_get_headers()) then reply:add_header("connection", "close") end
  reply:set_body(body)
  txn:done(reply)
end, 1)

-- The same for a client that still sends its body: what comes of it is thrown away for a while, because the system resets a
-- connection that is closed with bytes unread, and so takes the answer back (RFC 9112 9.6).
local function refuse(applet, status)
  local body, kind = answer(applet, status)
  applet:set_status(status, reasons[status])
  applet:add_header("content-type", kind)
  applet:add_header("content-length", tostring(#body))
  applet:set_var("txn.condemned", true)
  applet:start_response()
  applet:send(body)
  local started = core.now()
  while since(started) < ${haproxySettings.lingerMostMs} do
    local some = applet:receive(${haproxySettings.bufferBytes / 2})
    if some == nil or some == "" then return end
  end
end

for status in pairs(reasons) do
  core.register_service("refuse" .. status, "http", function(applet) refuse(applet, status) end)
end
`;
}

const holding = `-- Waits while the route is held, at most its limit, and goes on with the route of then.
core.register_action("hold", { "http-req" }, function(txn)
  local key = txn:get_var("txn.key")
  local started = core.now()
  while true do
    local route = routes:lookup(key)
    if route == nil then
      txn:unset_var("txn.route")
      return
    end
    txn:set_var("txn.route", route)
    local hold = tonumber(part(route, ${fieldNumber("holdMs")}))
    if hold == 0 or string.find(part(route, ${fieldNumber("flags")}), "${flags.maintenance}", 1, true) then return end
    local left = hold - since(started)
    if left <= 0 then
      txn:set_var("txn.late", true)
      return
    end
    core.msleep(math.max(1, math.min(${lookMs}, math.floor(left))))
  end
end)
`;

const limiting = `local clients = {}
local known = 0
local older = {}

-- Half of the addresses are forgotten at once, those not seen since the last time: which only ever lets a client through.
local function client(key)
  local found = clients[key] or older[key]
  if found ~= nil and clients[key] ~= nil then return found end
  if known >= ${addresses / 2} then
    older, clients, known = clients, {}, 0
  end
  found = found or { total = 0, first = 1, last = 0, spells = {} }
  clients[key], known = found, known + 1
  return found
end

-- A sliding window per client; refused requests do not count. Sets txn.retry when this one must come later.
core.register_action("limit", { "http-req" }, function(txn)
  local route = core.tokenize(txn:get_var("txn.route"), "|")
  local most, window = tonumber(route[${fieldNumber("rateMost")}]), tonumber(route[${fieldNumber("rateWindowMs")}])
  local one = client(route[${fieldNumber("rateKey")}] .. txn:get_var("txn.network"))
  local at = core.now()
  local now = at.sec * 1000 + at.usec / 1000
  while one.first <= one.last and one.spells[one.first].last + window <= now do
    one.total = one.total - one.spells[one.first].count
    one.spells[one.first] = nil
    one.first = one.first + 1
  end
  if one.first <= one.last and one.total >= most then
    txn:set_var("txn.retry", math.max(1, math.ceil((one.spells[one.first].last + window - now) / 1000)))
    return
  end
  local newest = one.spells[one.last]
  if one.first <= one.last and now - newest.from < window / ${parts} then
    newest.last, newest.count = now, newest.count + 1
  else
    one.last = one.last + 1
    one.spells[one.last] = { from = now, last = now, count = 1 }
  end
  one.total = one.total + 1
end)
`;

const unlisting = `local framing = { host = true, ["content-length"] = true, ["transfer-encoding"] = true, upgrade = true }

-- Headers that the Connection header names are for one connection only (RFC 9110 7.6.1).
local function unlist(headers, remove)
  for _, value in pairs(headers["connection"] or {}) do
    for name in string.gmatch(string.lower(value), "[^,%s]+") do
      if not framing[name] then remove(name) end
    end
  end
  remove("connection")
end

core.register_action("unlist_request", { "http-req" }, function(txn)
  unlist(txn.http:req_get_headers(), function(name) txn.http:req_del_header(name) end)
end)

core.register_action("unlist_answer", { "http-res" }, function(txn)
  unlist(txn.http:res_get_headers(), function(name) txn.http:res_del_header(name) end)
end)
`;

/** To anybody who is not inside, a route for insiders is no route. Whom a proxy speaks for is never inside. */
function letting(trust: readonly string[]): string {
  return `core.register_action("inside", { "http-req" }, function(txn)
  local announced = txn.f:fc_rcvd_proxy()
  if announced == true or announced == 1 or txn:get_var("txn.beyond") then
    txn:unset_var("txn.route")
    return
  end
  local route = core.tokenize(txn:get_var("txn.route"), "|")
  local client = core.parse_addr(tostring(txn:get_var("${caller(trust).client}")))
  local callers = policies:lookup(route[${fieldNumber("policy")}] .. ".callers") or ""
  for network in string.gmatch(callers, "[^,]+") do
    if client ~= nil and core.match_addr(client, core.parse_addr(network)) then return end
  end
  txn:unset_var("txn.route")
end)
`;
}

function believing(trust: readonly string[]): string {
  return `local trusted = {}
for _, text in ipairs({ ${trust.map((network) => JSON.stringify(network)).join(", ")} }) do
  table.insert(trusted, core.parse_addr(text))
end

local function trusts(address)
  for _, network in ipairs(trusted) do
    if core.match_addr(address, network) then return true end
  end
  return false
end

local function trim(text)
  return (string.gsub(text, "^%s*(.-)%s*$", "%1"))
end

-- An entry of X-Forwarded-For without its port, and what it means; nil when it is no address.
local function address(entry)
  local text = trim(entry)
  text = string.match(text, "^%[([^%]]*)%]$") or string.match(text, "^%[([^%]]*)%]:%d+$") or text
  text = string.match(text, "^(%d+%.%d+%.%d+%.%d+):%d+$") or string.match(text, "^::[fF][fF][fF][fF]:(%d+%.%d+%.%d+%.%d+)$") or text
  if not string.match(text, "^%d+%.%d+%.%d+%.%d+$") and not string.match(text, "^[%x.]*:[%x.:]+$") then return nil end
  -- An octet with a zero in front is decimal to some and octal to others.
  if string.find("." .. text, "%.0%d") then return nil end
  local parsed = core.parse_addr(text)
  if parsed == nil then return nil end
  return text, parsed
end
`;
}

const telling = `-- Whether a header says that its request came from beyond the one who sent it.
local told = { ${forwardingHeaders.map((name) => `[${JSON.stringify(name)}] = true`).join(", ")} }
local function tells(name)
  local dashed = string.gsub(name, "_", "-")
  if told[dashed] then return true end
  for _, prefix in ipairs({ ${forwardingPrefixes.map((prefix) => JSON.stringify(prefix)).join(", ")} }) do
    if string.sub(dashed, 1, #prefix) == prefix then return true end
  end
  return false
end

-- What proxies that are believed say of their client: from the right the first address that is none of theirs. What stands
-- left of it, its client may have made up.
core.register_action("origin", { "http-req" }, function(txn)
  local peer = txn.f:src()
  if not trusts(core.parse_addr(peer)) then return end
  local headers = txn.http:req_get_headers()
  for name in pairs(headers) do
    if tells(name) then txn:set_var("txn.beyond", true) end
  end
  local lines = {}
  local last = #(headers["x-forwarded-for"] or {})
  for index = 0, last do
    local line = (headers["x-forwarded-for"] or {})[index]
    if line ~= nil then table.insert(lines, line) end
  end
  local client = peer
  local chain = table.concat(lines, ", ")
  if string.find(chain, "[^%s,]") then
    txn:set_var("txn.chain", chain)
    local entries = core.tokenize(chain, ",")
    for index = #entries, 1, -1 do
      if trim(entries[index]) ~= "" then
        local text, parsed = address(entries[index])
        if text == nil then break end
        client = text
        if not trusts(parsed) then break end
      end
    end
  end
  txn:set_var("txn.client", client)
  local told = headers["x-forwarded-proto"]
  if told == nil then return end
  local protos = core.tokenize(told[#told] or told[0], ",")
  local proto = string.lower(trim(protos[#protos]))
  if proto == "http" or proto == "https" then txn:set_var("txn.proto", proto) end
end)
`;
