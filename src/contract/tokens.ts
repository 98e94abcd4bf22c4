import { z } from "zod";
import { time } from "./scalars.ts";

const dayMs = 86_400_000;

export const tokenRequest = z
  .strictObject({
    expiresInMs: z
      .int()
      .min(60_000, "must be a minute or more")
      .max(3_650 * dayMs, "must be 3650 days or less")
      .optional()
      .describe("How long it opens the API, from a minute to 3650 days; left out: until it is revoked."),
  })
  .meta({ id: "TokenRequest" });
export type TokenRequest = z.infer<typeof tokenRequest>;

export const tokenView = z
  .object({
    name: z.string(),
    createdAt: time,
    createdBy: z.string(),
    usedAt: time.nullable().describe("When it was last used, to the minute; null: never."),
    expiresAt: time.nullable().describe("Null: it opens the API until it is revoked."),
  })
  .meta({ id: "Token" });
export type TokenView = z.infer<typeof tokenView>;

export const tokenCreated = z
  .object({
    token: tokenView,
    text: z.string().describe("What to send as `Authorization: Bearer`; never shown again."),
  })
  .meta({ id: "TokenCreated" });
export type TokenCreated = z.infer<typeof tokenCreated>;

export const tokenList = z.object({ items: z.array(tokenView) }).meta({ id: "TokenList" });
export type TokenList = z.infer<typeof tokenList>;
