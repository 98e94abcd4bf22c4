import { asFault, faults } from "../base/faults.ts";
import { plainJson } from "../base/printable.ts";
import { type Problem, problemMediaType } from "../contract/problem.ts";

/** A fault as RFC 9457 wants it. */
export function problemOf(thrown: unknown, { path, requestId }: { path: string; requestId: string }): Problem {
  const fault = asFault(thrown);
  // The text of an unexpected error may hold anything, so it stays in the log.
  const inside = `an internal error occurred; the controller's log has the cause under ${requestId}`;
  return {
    type: `/faults/${fault.code}`,
    title: fault.code.replace(/[.-]/g, " "),
    status: faults[fault.code].status,
    detail: thrown !== fault && fault.code === "operation.failed" ? inside : fault.detail,
    instance: path,
    code: fault.code,
    hint: fault.hint,
    errors: fault.diagnostics.map((diagnostic) => ({ ...diagnostic })),
    ...(fault.confirm !== null && { confirm: fault.confirm }),
    requestId,
  };
}

/** A problem as a response; a 401 says how to show who one is (RFC 9110, section 11.6.1). */
export function problemResponse(problem: Problem): Response {
  const headers = new Headers({ "content-type": problemMediaType, "cache-control": "no-store" });
  if (problem.status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(plainJson(problem), { status: problem.status, headers });
}
