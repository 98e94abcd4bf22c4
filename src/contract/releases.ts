import { z } from "zod";
import { digest, pageOf, releaseName, time } from "./scalars.ts";

export const releaseView = z
  .object({
    release: releaseName,
    createdAt: time,
    createdBy: z.string(),
    message: z.string().nullable(),
    source: digest,
    branch: z.string().nullable().describe("The Git branch of the source, as whoever deployed it said."),
    serving: z.boolean(),
    wasLive: z.boolean().describe("Whether it can be rolled back to, as long as its artifacts are kept."),
    allowed: z
      .array(z.object({ rule: z.string(), by: z.string(), because: z.string() }))
      .describe("Errors of the readiness check that were let pass."),
    services: z.array(
      z.object({
        name: z.string(),
        artifact: z.string(),
        command: z.array(z.string()).describe("Empty: what the image itself runs."),
        replicas: z.int(),
        hosts: z.array(z.string()),
        variables: z.array(z.string()).describe("Names only."),
      }),
    ),
  })
  .meta({ id: "Release" });
export type ReleaseView = z.infer<typeof releaseView>;

export const releaseDetail = z
  .object({ release: releaseView, manifest: z.string().describe("The manifest's own text.") })
  .meta({ id: "ReleaseDetail" });
export type ReleaseDetail = z.infer<typeof releaseDetail>;

export const releasePage = pageOf(releaseView).meta({ id: "ReleasePage" });
