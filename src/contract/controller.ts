import { z } from "zod";
import type { Routes, ViewOf } from "./route.ts";
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

export const checkView = z
  .object({
    name: z.string(),
    state: z.enum(["ok", "warn", "fail"]),
    detail: z.string(),
    fix: z.string().nullable().describe("The fix; null if there is nothing to do."),
  })
  .meta({ id: "Check" });
export type CheckView = ViewOf<typeof checkView>;

export const doctorAnswer = z.object({ checks: z.array(checkView) }).meta({ id: "Doctor" });

export const controllerRoutes = {
  health: {
    method: "get",
    path: "/healthz",
    action: null,
    status: 200,
    media: "text/plain",
    summary: "Whether the controller runs",
  },
  readiness: {
    method: "get",
    path: "/readyz",
    action: null,
    status: 200,
    media: "text/plain",
    summary: "Whether the journal answers and the edge answers clients; a fault if not",
  },
  metrics: {
    method: "get",
    path: "/metrics",
    action: "read",
    status: 200,
    media: "text/plain",
    summary: "Metrics as Prometheus reads them",
  },
  openapi: {
    method: "get",
    path: "/v1/openapi.json",
    action: "read",
    status: 200,
    media: "application/json",
    summary: "This API as an OpenAPI 3.1 document",
  },
  info: {
    method: "get",
    path: "/v1/info",
    action: "read",
    status: 200,
    answer: infoView,
    summary: "Version and state of the controller",
  },
  doctor: {
    method: "get",
    path: "/v1/doctor",
    action: "read",
    status: 200,
    answer: doctorAnswer,
    summary: "Checks of this machine",
  },
} as const satisfies Routes;
