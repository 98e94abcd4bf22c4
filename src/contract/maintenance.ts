import { z } from "zod";
import { statusView } from "./environments.ts";
import { environmentPath } from "./paths.ts";
import type { Routes } from "./route.ts";

/** Most characters of a message and of a page; a page travels in every route table. */
const pageCharacters = 64 * 1024;

export const maintenanceRequest = z
  .strictObject({
    message: z
      .string()
      .min(1)
      .max(1_000)
      .refine((value) => !/\p{Cc}/u.test(value), "must be one line without control characters")
      .optional()
      .describe("Text for users. Default: that the site is under maintenance."),
    page: z
      .string()
      .min(1)
      .max(pageCharacters)
      .optional()
      .describe("A complete HTML page for browsers. Default: one made from the message."),
  })
  .meta({ id: "MaintenanceRequest" });

export const maintenanceRoutes = {
  beginMaintenance: {
    method: "put",
    path: `${environmentPath}/maintenance`,
    action: "configure",
    status: 202,
    body: maintenanceRequest,
    answer: statusView,
    summary: "Close it to its users: the edge answers 503 for every service while everything keeps running",
  },
  endMaintenance: {
    method: "delete",
    path: `${environmentPath}/maintenance`,
    action: "configure",
    status: 202,
    answer: statusView,
    summary: "Reopen it to its users",
  },
} as const satisfies Routes;
