import { randomBytes } from "node:crypto";
import { sameDigest, sha256 } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import { Secret } from "../base/secret.ts";
import { type AccessToken, ownActors, tokenName, tokenText } from "../model/access-token.ts";
import type { Call, Deps } from "./access.ts";
import { audited } from "./audit.ts";

export interface TokenCreated {
  readonly token: AccessToken;
  /** The text of the token; from here on only its holder knows it. */
  readonly text: Secret;
}

/** Creates a token that gives its holder access to the API over TCP. Faults: `access.denied`, `token.name-taken`. */
export async function createToken(
  call: Call,
  name: string,
  { expiresInMs }: { expiresInMs: number | null },
): Promise<TokenCreated> {
  const { actor } = call;
  const { journal, clock } = call.deps;
  if (Object.values<string>(ownActors).includes(name)) {
    const hint = "Choose another name.";
    throw new Fault("token.name-taken", `the audit already uses ${name} for somebody else`, { hint });
  }
  const text = tokenText(name, randomBytes(32));
  const createdAt = clock.now();
  const expiresAt = expiresInMs === null ? null : createdAt + expiresInMs;
  const token = { name, digest: sha256(text), createdAt, createdBy: actor.name, expiresAt, usedAt: null };
  await journal.commit([
    { kind: "token.created", token },
    audited(call, { action: "tokens.create", key: null, names: [name] }),
  ]);
  return { token, text: new Secret(text) };
}

/** Every token, by name. */
export async function listTokens(call: Call): Promise<readonly AccessToken[]> {
  return call.deps.journal.tokens.all();
}

/** Revokes a token: requests with it are refused from now on. Faults: `access.denied`, `token.unknown`. */
export async function revokeToken(call: Call, name: string): Promise<void> {
  const { journal } = call.deps;
  if (!(await journal.tokens.find(name))) throw new Fault("token.unknown", `there is no token ${name}`);
  await journal.commit([
    { kind: "token.revoked", name },
    audited(call, { action: "tokens.revoke", key: null, names: [name] }),
  ]);
}

/** Interval for recording the last use of a token: not every request. */
const usedEveryMs = 60_000;

/**
 * The name of the token with this text; records its use; null if there is none. Fault: `access.unauthenticated` when it
 * has expired.
 */
export async function tokenHolder({ journal, clock }: Pick<Deps, "journal" | "clock">, text: string) {
  const name = tokenName(text);
  const token = name === null ? null : await journal.tokens.find(name);
  if (!token || !sameDigest(sha256(text), token.digest)) return null;
  const at = clock.now();
  if (token.expiresAt !== null && at >= token.expiresAt) {
    const hint = `On the controller's machine: \`fairlead tokens revoke ${name}\`, then \`fairlead tokens create ${name}\`.`;
    throw new Fault("access.unauthenticated", `the token ${name} has expired`, { hint });
  }
  if (at - (token.usedAt ?? 0) >= usedEveryMs) await journal.commit([{ kind: "token.used", name: token.name, at }]);
  return token.name;
}
