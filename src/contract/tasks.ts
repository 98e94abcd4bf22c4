import { z } from "zod";
import { environmentPath } from "./paths.ts";
import type { Routes, ViewOf } from "./route.ts";
import { name, releaseNameSchema, time } from "./scalars.ts";

export const taskRequest = z
  .strictObject({
    service: name.optional().describe("Service whose environment it gets; default: the first of the release."),
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
    release: releaseNameSchema,
    startedAt: time.nullable().describe("Null until the runtime has seen it."),
    exit: exitView.nullable().describe("Null while it runs."),
  })
  .meta({ id: "Task" });
export type TaskView = ViewOf<typeof taskView>;

export const taskAnswer = z.object({ task: taskView }).meta({ id: "TaskAnswer" });

export const taskOutputQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr"]).default("stdout"),
});

export const taskRoutes = {
  beginTask: {
    method: "post",
    path: `${environmentPath}/tasks`,
    action: "run",
    status: 201,
    body: taskRequest,
    answer: taskAnswer,
    summary: "Run a command once, in the artifact and environment of the live release",
  },
  task: {
    method: "get",
    path: `${environmentPath}/tasks/{task}`,
    action: "run",
    status: 200,
    answer: taskView,
    summary: "Whether a task still runs and how it ended",
  },
  taskOutput: {
    method: "get",
    path: `${environmentPath}/tasks/{task}/output`,
    action: "run",
    status: 200,
    query: taskOutputQuery,
    media: "application/octet-stream",
    summary: "Output of a task, byte for byte, until it has ended",
  },
  removeTask: {
    method: "delete",
    path: `${environmentPath}/tasks/{task}`,
    action: "run",
    status: 204,
    summary: "Kill a task and delete it with its output",
  },
} as const satisfies Routes;
