import { z } from "zod";
import { sourceCommit } from "./deployments.ts";
import { environmentPath } from "./paths.ts";
import { planAnswer } from "./plan.ts";
import type { Routes, ViewOf } from "./route.ts";
import { digest, pageQuery, pageSchema, releaseNameSchema, time } from "./scalars.ts";

export const releaseView = z
  .object({
    release: releaseNameSchema,
    createdAt: time,
    createdBy: z.string(),
    message: z.string().nullable(),
    source: digest,
    branch: z.string().nullable().describe("The Git branch of the source, as reported at deployment."),
    commit: sourceCommit.nullable().describe("The Git commit of the source, as reported at deployment."),
    serving: z.boolean(),
    wasLive: z.boolean().describe("Whether it can be rolled back to, as long as its artifacts are kept."),
    allowed: z
      .array(z.object({ rule: z.string(), by: z.string(), because: z.string() }))
      .describe("Errors of the readiness check that were allowed."),
    services: z.array(
      z.object({
        name: z.string(),
        artifact: z.string(),
        command: z.array(z.string()).describe("Empty: the image's own command."),
        replicas: z.int(),
        hosts: z.array(z.string()),
        variables: z.array(z.string()).describe("Names only."),
      }),
    ),
  })
  .meta({ id: "Release" });
export type ReleaseView = ViewOf<typeof releaseView>;

export const releaseDetail = z
  .object({ release: releaseView, manifest: z.string().describe("The manifest's text.") })
  .meta({ id: "ReleaseDetail" });

export const releasePage = pageSchema(releaseView).meta({ id: "ReleasePage" });

export const releaseRoutes = {
  releases: {
    method: "get",
    path: `${environmentPath}/releases`,
    action: "read",
    status: 200,
    query: pageQuery,
    answer: releasePage,
    summary: "List releases, newest first",
  },
  release: {
    method: "get",
    path: `${environmentPath}/releases/{release}`,
    action: "read",
    status: 200,
    answer: releaseDetail,
    summary: "Show one release with its manifest",
  },
  releaseDiff: {
    method: "get",
    path: `${environmentPath}/releases/{from}/diff/{to}`,
    action: "read",
    status: 200,
    answer: planAnswer,
    summary: "What differs between two releases; values of variables are not shown",
  },
} as const satisfies Routes;
