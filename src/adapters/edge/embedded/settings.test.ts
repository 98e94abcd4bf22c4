import { expect, test } from "vitest";
import type { Route } from "../../../model/route.ts";
import { protocol } from "./settings.ts";

/** Since which protocol an edge knows what routes say. The edge outlives the controller, and so an upgrade. */
const since: Readonly<Record<keyof Route, number>> = {
  service: 1,
  hosts: 1,
  upstreams: 1,
  holdMs: 1,
  timeoutMs: 1,
  limits: 1,
  headers: 1,
  contentSecurityPolicy: 2,
  cors: 2,
  canonical: 2,
  https: 2,
  pages: 2,
  maintenance: 2,
  inside: 3,
};

test("an edge that leaves out of account what a route says, such as who may call it, is of another protocol", () => {
  expect(Math.max(...Object.values(since))).toBe(protocol);
});
