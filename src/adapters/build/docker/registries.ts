import { Fault } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { type ContainerEngine, EngineRefusal, isUnreachable } from "../../../host/engine.ts";
import type { RegistryLogin, RegistryLogins } from "../../../model/release.ts";

export type Logins = RegistryLogins<Secret>;
type Login = RegistryLogin<Secret>;

/** Docker Hub in image names, and its two other names: for engines, and for BuildKit. */
const hub = { name: "docker.io", index: "https://index.docker.io/v1/", host: "registry-1.docker.io" } as const;

/**
 * The registry of an image: the first part of its name if it looks like a host (distribution, reference/normalize.go).
 */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost && first !== "index.docker.io" ? first : hub.name;
}

/** The login for a host that BuildKit pulls from. */
export function loginFor(logins: Logins, host: string): Login | null {
  const name = host === hub.host ? hub.name : host;
  return Object.hasOwn(logins, name) ? (logins[name] ?? null) : null;
}

/** Headers for pulling an image; they contain no login of another registry. */
export function fetchHeaders(logins: Logins, image: string): Readonly<Record<string, string>> {
  const host = registryOf(image);
  const login = loginFor(logins, host);
  return login ? { "X-Registry-Auth": encoded(authOf(host, login)) } : {};
}

/** Headers for the classic builder's pulls. */
export function buildHeaders(logins: Logins): Readonly<Record<string, string>> {
  const all = Object.entries(logins).map(([host, login]) => {
    const auth = authOf(host, login);
    return [auth.serveraddress, auth] as const;
  });
  return all.length === 0 ? {} : { "X-Registry-Config": encoded(Object.fromEntries(all)) };
}

function authOf(host: string, { username, password }: Login) {
  return { username, password: password.reveal(), serveraddress: host === hub.name ? hub.index : host };
}

/** The engine's encoding: base64url with padding; it ignores what it cannot decode. */
function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Why a registry refuses an image, determined by an engine request: `image.denied` (wrong password, or none),
 * `image.unknown`, `image.unreachable`. Null: it does not refuse.
 */
export async function registryRefusal(engine: ContainerEngine, image: string, logins: Logins): Promise<Fault | null> {
  const host = registryOf(image);
  const login = loginFor(logins, host);
  const { status, words } = await asked(engine, image, login);
  if (status === 200) return null;
  if (status === 404) return new Fault("image.unknown", `${host} has no ${image}: ${words}`);
  const isDenied = status === 401 || status === 403 || (status === 500 && (await deniesLogin(engine, image, login)));
  if (!isDenied) return new Fault("image.unreachable", `${host} does not answer for ${image}: ${words}`);
  const why = login
    ? `refuses ${image} to ${login.username}: wrong password or no read access`
    : `requires a login for ${image}, and \`registries\` has none for it`;
  return new Fault("image.denied", `${host} ${why}: ${words}`);
}

const nobody: Login = { username: "anonymous", password: new Secret("anonymous") };

/**
 * For a missing (basic authorisation) or wrong (tokens) login, engines report the same (500) as for a registry that
 * fails or does not exist. Only an existing one answers the opposite request.
 */
async function deniesLogin(engine: ContainerEngine, image: string, login: Login | null): Promise<boolean> {
  if (login) {
    const body = authOf(registryOf(image), login);
    if ((await statusOf(() => engine.json("POST", "/auth", { body }))).status < 300) return false;
  }
  return (await asked(engine, image, login ? null : nobody)).status < 500;
}

interface Said {
  readonly status: number;
  readonly words: string;
}

function asked(engine: ContainerEngine, image: string, login: Login | null): Promise<Said> {
  const headers = login ? fetchHeaders({ [registryOf(image)]: login }, image) : {};
  return statusOf(() => engine.json("GET", `/distribution/${image}/json`, { headers }));
}

async function statusOf(call: () => Promise<unknown>): Promise<Said> {
  try {
    await call();
    return { status: 200, words: "" };
  } catch (thrown) {
    if (thrown instanceof EngineRefusal) return { status: thrown.status, words: thrown.detail };
    if (isUnreachable(thrown)) return { status: 504, words: "no answer in time" };
    throw thrown;
  }
}
