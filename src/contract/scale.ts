import { z } from "zod";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { name } from "./scalars.ts";

/** Most replicas of one service on one machine; a typing error must not start thousands of processes. */
export const maxReplicas = 100;

export const scaleView = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        replicas: z.int().describe("Number of instances."),
        manifest: z.int().describe("Number in the manifest."),
        override: z.int().nullable().describe("Number set by `scale`; it takes precedence."),
      }),
    ),
  })
  .meta({ id: "Scale" });

export const scaleRequest = z
  .record(name, z.int().min(0).max(maxReplicas).nullable())
  .refine((value) => Object.keys(value).length > 0, "must name at least one service")
  .meta({ id: "ScaleRequest", description: "Service name to replicas; null resets to the manifest." });
export type ScaleRequest = ViewOf<typeof scaleRequest>;

export const scaleRoutes = {
  scale: {
    method: "get",
    path: `${environmentPath}/scale`,
    action: "read",
    status: 200,
    answer: scaleView,
    summary: "Replicas of every service, with an ETag",
  },
  changeScale: {
    method: "patch",
    path: `${environmentPath}/scale`,
    action: "configure",
    status: 200,
    body: scaleRequest,
    answer: scaleView,
    summary: "Set replicas; honours If-Match",
  },
} as const satisfies Routes;
