import { plainLine } from "./policies.ts";

/**
 * A body whose length is not announced is counted on its way: its request goes through a twin of its pool, where a
 * filter ends it with 413 as soon as it is over the route's limit. Only there, because a filter costs each request more
 * than all else that is done for it. Each thread has the program for itself.
 *
 * Not before HAProxy 3.0: 2.6 runs filters of a program that threads share unlocked, until its heap is broken, and
 * silently omits those of a program for each thread once the request met a shared one, like that of the rate limit.
 */
export function countsBodies([major]: readonly [number, number]): boolean {
  return major >= 3;
}

/** The twin of a pool. */
export function countedName(pool: string): string {
  return `${pool}${twin}`;
}

/** The pool of a twin; a pool's own name as it is. */
export function uncountedName(pool: string): string {
  return pool.endsWith(twin) ? pool.slice(0, -twin.length) : pool;
}

const twin = "-counted";

/** What a twin does beside what every pool does. A filter cannot answer: it fails, HAProxy makes a 400 of that, and this a 413. */
export const countedLines: readonly string[] = [
  "  filter lua.body",
  "  filter compression",
  `  http-request set-var(txn.refusal) str("${plainLine(400)}")`,
  '  http-error status 400 content-type "text/plain; charset=utf-8" lf-string %[var(txn.refusal)]',
  "  http-after-response set-status 413 if { status 400 } { var(txn.refusal) -m beg 413 } !{ var(txn.answered) -m found }",
];

export const bodiesProgram = `-- Written by Fairlead; changes are lost.
local Body = { id = "body", flags = filter.FLT_CFG_FL_HTX }
Body.__index = Body

function Body:new()
  return setmetatable({}, Body)
end

-- The answer passes it too, because HAProxy would keep back what of it comes while the body is still under way.
function Body:http_headers(txn, message)
  if not message:is_resp() then self.left = txn:get_var("txn.body") end
  filter.register_data_filter(self, message.channel)
  return filter.CONTINUE
end

function Body:http_payload(txn, message)
  if message:is_resp() then return end
  -- At its end what is there of a message may be more than its body.
  self.left = self.left - (message:eom() and #(message:body() or "") or message:input())
  if self.left >= 0 then return end
  txn:set_var("txn.refusal", ${JSON.stringify(plainLine(413))})
  error("a body over its route's limit", 0)
end

core.register_filter("body", Body, function(body) return body end)
`;
