import { z } from "zod";

/** A fault as an HTTP answer: RFC 9457, media type `application/problem+json`. */
export const problem = z
  .object({
    type: z.string().describe("`/faults/` and the code."),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe("What happened to which object."),
    instance: z.string().describe("The path of the request."),
    code: z.string().describe("A code of the fault catalogue (docs/api.md)."),
    hint: z.string().describe("What to do next."),
    errors: z
      .array(
        z.object({
          path: z.string(),
          message: z.string(),
          file: z.string().optional(),
          line: z.int().optional(),
          column: z.int().optional(),
        }),
      )
      .describe("Every invalid place; empty if the fault is not about a document."),
    confirm: z
      .string()
      .optional()
      .describe("For `confirm.needed`: the value of Fairlead-Confirm that confirms the request."),
    requestId: z.string(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problem>;

export const problemMediaType = "application/problem+json";
