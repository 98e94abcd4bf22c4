import { z } from "zod";
import { deploymentView, sourced } from "./deployments.ts";
import { previewView, statusView } from "./environments.ts";
import { environmentPath } from "./paths.ts";
import type { Routes } from "./route.ts";
import { name } from "./scalars.ts";

const dayMs = 86_400_000;

export const previewRequest = z
  .strictObject({
    ...sourced,
    from: name
      .optional()
      .describe(
        "The environment whose configuration and values it starts with. Default: as before, otherwise from the manifest.",
      ),
    ttlMs: z
      .int()
      .min(1_000, "must be at least one second")
      .max(30 * dayMs, "must be at most 30 days")
      .optional()
      .describe("Lifetime after the last deployment of code. Default: as before, otherwise from the manifest."),
  })
  .meta({ id: "PreviewRequest" });

export const previewAnswer = z
  .object({ preview: previewView, deployment: deploymentView })
  .meta({ id: "PreviewAnswer" });

export const previewRoutes = {
  createPreview: {
    method: "post",
    path: `${environmentPath}/preview`,
    action: "deploy",
    status: 202,
    body: previewRequest,
    answer: previewAnswer,
    summary: "Create a preview, or deploy to the existing one",
  },
  removePreview: {
    method: "delete",
    path: `${environmentPath}/preview`,
    action: "stop",
    status: 202,
    answer: statusView,
    summary: "Remove a preview now, with all its values",
  },
} as const satisfies Routes;
