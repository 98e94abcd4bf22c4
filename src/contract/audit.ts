import { z } from "zod";
import type { Frozen, Routes, ViewOf } from "./route.ts";
import { cursor, name, pageLimit, pageSchema, time } from "./scalars.ts";

export const auditQuery = z
  .strictObject({
    app: name.optional(),
    environment: name.optional().describe("With `app`: only of this environment."),
    since: time.optional(),
    limit: pageLimit,
    cursor,
  })
  .refine(({ app, environment }) => (app === undefined) === (environment === undefined), {
    message: "app and environment go together",
  });

/** Which entries are asked for. */
export type AuditFilter = Frozen<z.input<typeof auditQuery>>;

export const auditEntryView = z
  .object({
    id: z.int(),
    time,
    by: z
      .string()
      .describe(
        "Who did it: `local` over the controller's own socket, the name of a token, or `token` for the controller's own.",
      ),
    via: z.enum(["socket", "token"]),
    from: z.string().nullable().describe("Address of the client; null over the socket."),
    action: z.string().describe("Named after the command, e.g. `env.reveal`; new ones may be added."),
    app: z.string().nullable().describe("Null: it concerns the whole controller."),
    environment: z.string().nullable(),
    names: z.array(z.string()).describe("Names of variables, services, hosts or a release; never a value."),
    detail: z.string(),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntryView = ViewOf<typeof auditEntryView>;

export const auditPage = pageSchema(auditEntryView).meta({ id: "AuditPage" });

export const auditRoutes = {
  audit: {
    method: "get",
    path: "/v1/audit",
    action: "read",
    status: 200,
    query: auditQuery,
    answer: auditPage,
    summary: "Who changed what and who read which secrets, newest first",
  },
} as const satisfies Routes;
