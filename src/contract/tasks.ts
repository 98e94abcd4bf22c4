import { z } from "zod";
import { name, releaseName, time } from "./scalars.ts";

export const taskRequest = z
  .strictObject({
    service: name.optional().describe("Whose environment it gets; default: the first service of the release."),
    command: z
      .array(
        z
          .string()
          .max(131_071)
          .refine((part) => !part.includes("\0"), "must not contain NUL"),
      )
      .min(1)
      .max(1_000)
      .describe("Program and arguments; no shell is involved."),
  })
  .meta({ id: "TaskRequest" });
export type TaskRequest = z.infer<typeof taskRequest>;

export const exitView = z
  .object({
    at: time,
    code: z.int().nullable(),
    signal: z.string().nullable(),
    reason: z.enum(["exited", "signalled", "out-of-memory", "could-not-start", "lost"]),
  })
  .meta({ id: "Exit" });

export const taskView = z
  .object({
    name: z.string(),
    service: z.string(),
    release: releaseName,
    startedAt: time.nullable().describe("Null until the runtime has seen it."),
    exit: exitView.nullable().describe("Null while it runs."),
  })
  .meta({ id: "Task" });
export type TaskView = z.infer<typeof taskView>;

export const taskAnswer = z.object({ task: taskView }).meta({ id: "TaskAnswer" });
export type TaskAnswer = z.infer<typeof taskAnswer>;

export const taskOutputQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr"]).default("stdout"),
});
