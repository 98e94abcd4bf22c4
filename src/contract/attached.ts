import { z } from "zod";
import { environmentPath } from "./paths.ts";
import { problem } from "./problem.ts";
import type { Routes, ViewOf } from "./route.ts";
import { taskRequest, taskView } from "./tasks.ts";

const size = { columns: z.int().min(1).max(10_000), rows: z.int().min(1).max(10_000) };
const bytes = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

export const attachedOrder = taskRequest
  .extend({
    is: z.literal("order"),
    terminal: z
      .strictObject({
        ...size,
        type: z
          .string()
          .regex(/^[\w.+-]{1,64}$/, "must be the name of a terminal, like xterm-256color")
          .describe("Its variable TERM."),
      })
      .nullable()
      .describe("The client's terminal; null: three pipes."),
  })
  .meta({ id: "AttachedOrder", description: "The first message. Nothing else is sent before the answer `began`." });

export const attachedMessage = z
  .discriminatedUnion("is", [
    z.strictObject({ is: z.literal("resize"), ...size }),
    z.strictObject({ is: z.literal("end") }),
    z.strictObject({ is: z.literal("took"), stream: z.enum(["stdout", "stderr"]), bytes }),
  ])
  .meta({ id: "AttachedMessage", description: "Text from the client: a new size, the end of stdin, bytes passed on." });

export const attachedAnswer = z
  .discriminatedUnion("is", [
    z.object({ is: z.literal("began"), task: taskView }),
    z.object({ is: z.literal("took"), stream: z.literal("stdin"), bytes }),
    z.object({ is: z.literal("ended"), task: taskView }).describe("The last one: all output came before it."),
    z.object({ is: z.literal("fault"), problem }).describe("The last one, instead of `ended`."),
  ])
  .meta({ id: "AttachedAnswer", description: "Text from the controller." });

export type AttachedOrderView = ViewOf<typeof attachedOrder>;
export type AttachedMessageView = ViewOf<typeof attachedMessage>;
export type AttachedAnswerView = ViewOf<typeof attachedAnswer>;

export const attachedRoutes = {
  attachTask: {
    method: "get",
    path: `${environmentPath}/attached-task`,
    action: "run",
    status: 101,
    socket: { takes: [attachedOrder, attachedMessage], sends: attachedAnswer },
    summary:
      "Run a command once, with the client's standard streams or terminal, over a WebSocket. Binary messages carry at most 64 KiB of a stream; their first byte says which: 0 stdin, 1 stdout, 2 stderr. The receiver reports bytes that it has passed on, and at most 1 MiB of a stream is not reported. The command ends with the connection",
  },
} as const satisfies Routes;
