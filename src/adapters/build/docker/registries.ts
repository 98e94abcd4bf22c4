import { Fault } from "../../../base/faults.ts";
import { Secret } from "../../../base/secret.ts";
import { type ContainerEngine, EngineRefusal, isUnreachable } from "../../../host/engine.ts";
import type { RegistryLogin, RegistryLogins } from "../../../model/release.ts";

export type Logins = RegistryLogins<Secret>;
type Login = RegistryLogin<Secret>;

/** Docker Hub as names of images have it, and by its two other names: for engines, and where BuildKit fetches from. */
const hub = { name: "docker.io", index: "https://index.docker.io/v1/", host: "registry-1.docker.io" } as const;

/** The registry that an image is of: the first part of its name where that looks like a host (distribution, reference/normalize.go). */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost && first !== "index.docker.io" ? first : hub.name;
}

/** The login for a host that BuildKit fetches from. */
export function loginFor(logins: Logins, host: string): Login | null {
  const name = host === hub.host ? hub.name : host;
  return Object.hasOwn(logins, name) ? (logins[name] ?? null) : null;
}

/** With which headers an engine fetches an image; the login of another registry is in none. */
export function fetchHeaders(logins: Logins, image: string): Readonly<Record<string, string>> {
  const host = registryOf(image);
  const login = loginFor(logins, host);
  return login ? { "X-Registry-Auth": encoded(authOf(host, login)) } : {};
}

/** With which headers the classic builder fetches whatever a Dockerfile names. */
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

/** As the engine wants it: the alphabet for URLs, but padded; it passes over what it cannot decode. */
function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Why a registry does not give an image, found out by having the engine ask for it: `image.denied` (wrong password, or
 * none), `image.unknown`, `image.unreachable`. Null: it gives it.
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
 * Of a login that is missing (basic authorisation) or wrong (tokens) engines say the same (500) as of a registry that fails
 * or is not there. Only one that is there says something to the opposite question.
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
