import { z } from "zod";
import { time } from "./scalars.ts";

export const infoView = z
  .object({
    version: z.string(),
    pid: z.int(),
    stateDirectory: z.string(),
    edge: z.object({ host: z.string(), port: z.int() }),
    runtime: z.string(),
    startedAt: time,
  })
  .meta({ id: "Info" });
export type InfoView = z.infer<typeof infoView>;

export const checkView = z
  .object({
    name: z.string(),
    state: z.enum(["ok", "warn", "fail"]),
    detail: z.string(),
    fix: z.string().nullable().describe("What to do about it; null when nothing is to be done."),
  })
  .meta({ id: "Check" });
export type CheckView = z.infer<typeof checkView>;

export const doctorAnswer = z.object({ checks: z.array(checkView) }).meta({ id: "Doctor" });
export type DoctorAnswer = z.infer<typeof doctorAnswer>;
