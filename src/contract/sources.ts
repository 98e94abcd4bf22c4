import type { Routes } from "./route.ts";

export const sourceRoutes = {
  hasSource: {
    method: "head",
    path: "/v1/sources/{digest}",
    action: "deploy",
    status: 204,
    summary: "Whether a source tree exists; 404 if not",
  },
  putSource: {
    method: "put",
    path: "/v1/sources/{digest}",
    action: "deploy",
    status: 204,
    summary: "Upload a source tree as a tar stream; the digest is checked",
  },
} as const satisfies Routes;
