import type { TokenView, tokenRoutes } from "../../contract/tokens.ts";
import type { AccessToken } from "../../model/access-token.ts";
import { createToken, listTokens, revokeToken } from "../../usecases/tokens.ts";
import { timeOrNull, timeText } from "../encode.ts";
import type { HandlersOf } from "../exchange.ts";

export const tokenHandlers: HandlersOf<typeof tokenRoutes> = {
  tokens: async ({ call }) => ({ json: { items: (await listTokens(call)).map(encodeToken) } }),
  createToken: async ({ call, params, body: { expiresInMs = null } }) => {
    const { token, text } = await createToken(call, params.token, { expiresInMs });
    return { json: { token: encodeToken(token), text: text.reveal() } };
  },
  revokeToken: async ({ call, params }) => {
    await revokeToken(call, params.token);
    return null;
  },
};

function encodeToken({ name, createdAt, createdBy, usedAt, expiresAt }: AccessToken): TokenView {
  const times = { createdAt: timeText(createdAt), usedAt: timeOrNull(usedAt), expiresAt: timeOrNull(expiresAt) };
  return { name, createdBy, ...times };
}
