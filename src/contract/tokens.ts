import { z } from "zod";
import type { Routes, ViewOf } from "./route.ts";
import { time } from "./scalars.ts";

const dayMs = 86_400_000;

export const tokenRequest = z
  .strictObject({
    expiresInMs: z
      .int()
      .min(60_000, "must be a minute or more")
      .max(3_650 * dayMs, "must be 3650 days or less")
      .optional()
      .describe("Lifetime, from a minute to 3650 days; if omitted, until it is revoked."),
  })
  .meta({ id: "TokenRequest" });

export const tokenView = z
  .object({
    name: z.string(),
    createdAt: time,
    createdBy: z.string(),
    usedAt: time.nullable().describe("When it was last used, to the minute; null: never."),
    expiresAt: time.nullable().describe("Null: valid until revoked."),
  })
  .meta({ id: "Token" });
export type TokenView = ViewOf<typeof tokenView>;

export const createdTokenView = z
  .object({
    token: tokenView,
    text: z.string().describe("What to send as `Authorization: Bearer`; never shown again."),
  })
  .meta({ id: "TokenCreated" });

export const tokenList = z.object({ items: z.array(tokenView) }).meta({ id: "TokenList" });

export const tokenRoutes = {
  tokens: {
    method: "get",
    path: "/v1/tokens",
    action: "read",
    status: 200,
    answer: tokenList,
    summary: "Tokens for access over TCP",
  },
  createToken: {
    method: "put",
    path: "/v1/tokens/{token}",
    action: "admit",
    status: 201,
    body: tokenRequest,
    answer: createdTokenView,
    summary: "Create a token of this name; only over the controller's own socket, and only if the name is free",
  },
  revokeToken: {
    method: "delete",
    path: "/v1/tokens/{token}",
    action: "admit",
    status: 204,
    summary: "Revoke a token; only over the controller's own socket",
  },
} as const satisfies Routes;
