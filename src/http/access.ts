import { isIP } from "node:net";
import { sameDigest, sha256 } from "../base/digest.ts";
import { Fault } from "../base/faults.ts";
import type { Action } from "../contract/route.ts";
import { ownActors } from "../model/access-token.ts";
import type { Actor } from "../model/audit.ts";
import { tokenHolder } from "../usecases/tokens.ts";
import type { ApiDeps, Connection } from "./exchange.ts";

/**
 * Who asks, once it is known that they may: see `Action`. What a protected environment keeps from whom is said in
 * src/usecases/guard.ts. Faults: `access.unauthenticated`, which tells a wrong token from none; `access.denied`; those of
 * `holderOf`.
 */
export async function authorise(
  request: Request,
  { connection, deps }: { readonly connection: Connection; readonly deps: ApiDeps },
  action: Action,
): Promise<Actor> {
  const actor = await actorOf(request, connection, deps);
  if (actor === null && request.headers.has("authorization")) {
    const hint =
      "It may have been revoked; `fairlead tokens create` creates one. The controller's own is in the file `token` of its state directory, or in its FAIRLEAD_TOKEN.";
    throw new Fault("access.unauthenticated", "the token is not this controller's", { hint });
  }
  if (actor === null) throw new Fault("access.unauthenticated", "every request over TCP needs a token");
  if (action === "admit" && actor.via !== "socket") {
    const hint = "Run it on the controller's machine, over its own socket: without --url and FAIRLEAD_URL.";
    throw new Fault("access.denied", `${actor.name} may neither create nor revoke tokens`, { hint });
  }
  return actor;
}

/**
 * Who asks. Over the socket: whoever may open it. Over TCP: whoever has the controller's own token, or one with a name;
 * digests are compared in constant time. Null: nobody that is known. Faults: those of `holderOf`.
 */
async function actorOf(request: Request, connection: Connection, deps: ApiDeps): Promise<Actor | null> {
  if (connection.via === "socket") return { name: ownActors.socket, via: "socket", from: null };
  const text = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (text === undefined) return null;
  const isOwn = deps.tokenDigest !== null && sameDigest(sha256(text), deps.tokenDigest);
  const name = isOwn ? ownActors.token : await tokenHolder(deps, text);
  return name === null ? null : { name, via: "token", from: connection.address ?? null };
}

/**
 * Refuses what a foreign web page could make a browser send: a name that only pretends to be ours (DNS rebinding), and a
 * change asked for from another origin (RFC 6454). Faults: `access.denied`.
 */
export function refuseForeign(
  request: Request,
  connection: Connection,
  { hosts, changes }: { readonly hosts: readonly string[]; readonly changes: boolean },
): void {
  const host = request.headers.get("host") ?? new URL(request.url).host;
  if (connection.via !== "socket" && !isOurs(hostname(host), hosts)) {
    throw new Fault("access.denied", "the Host header does not name a host of this controller");
  }
  const origin = request.headers.get("origin");
  if (origin === null || !changes) return;
  if (originHost(origin) !== host) throw new Fault("access.denied", "changes from another origin are refused");
}

function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

function hostname(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, "") : "";
}

function isOurs(name: string, hosts: readonly string[]): boolean {
  return isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost") || hosts.includes(name);
}
