import { z } from "zod";
import { deploymentView, sourced } from "./deployments.ts";
import { name, time } from "./scalars.ts";

/** What an environment says of itself that is there for a while only. */
export const previewView = z
  .object({
    from: z.string().describe("The environment whose configuration it has."),
    endsAt: time.describe("When it is, or was, taken down with all its values; a deployment of code to it moves that."),
  })
  .meta({ id: "Preview" });
export type PreviewView = z.infer<typeof previewView>;

const dayMs = 86_400_000;

export const previewRequest = z
  .strictObject({
    ...sourced,
    from: name
      .optional()
      .describe(
        "The environment whose configuration and values it begins with. Default: as before, else as the manifest says.",
      ),
    ttlMs: z
      .int()
      .min(1_000, "must be at least one second")
      .max(30 * dayMs, "must be at most 30 days")
      .optional()
      .describe(
        "How long it is there after the last deployment of code. Default: as before, else as the manifest says.",
      ),
  })
  .meta({ id: "PreviewRequest" });
export type PreviewRequest = z.infer<typeof previewRequest>;

export const previewAnswer = z
  .object({ preview: previewView, deployment: deploymentView })
  .meta({ id: "PreviewAnswer" });
export type PreviewAnswer = z.infer<typeof previewAnswer>;
