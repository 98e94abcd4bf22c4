import { z } from "zod";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { digest, name } from "./scalars.ts";

/** One difference between what is and what would be. Values of variables are never shown, only that a name changed. */
export const changeView = z
  .object({
    action: z.enum(["create", "change", "replace", "destroy", "keep"]).describe("`replace`: new instances replace it."),
    subject: z.string().describe("e.g. `service web`."),
    detail: z.string().describe("e.g. `replicas 1 → 2, env LOG_LEVEL`."),
  })
  .meta({ id: "Change" });
export type ChangeView = ViewOf<typeof changeView>;

export const planRequest = z
  .union([
    z.strictObject({ source: digest }),
    z.strictObject({ staged: z.literal(true).describe("The staged code.") }),
    z.strictObject({ from: name.describe("The environment to promote from.") }),
  ])
  .meta({ id: "PlanRequest" });

export const planAnswer = z
  .object({
    changes: z.array(changeView),
    warnings: z.array(z.string()),
    summary: z.string().describe("One sentence, e.g. `1 service replaced, 2 kept`."),
  })
  .meta({ id: "Plan" });
export type PlanAnswer = ViewOf<typeof planAnswer>;

export const planRoutes = {
  plan: {
    method: "post",
    path: `${environmentPath}/plan`,
    action: "read",
    status: 200,
    body: planRequest,
    answer: planAnswer,
    summary:
      "What deploying an uploaded or staged source, or promoting an environment, would change; nothing is deployed",
  },
} as const satisfies Routes;
