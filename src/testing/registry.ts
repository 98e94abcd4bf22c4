import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Fault, isErrno } from "../base/faults.ts";
import { startChild } from "../host/child.ts";
import { type ContainerEngine, isRefusal } from "../host/engine.ts";
import { until } from "./conformance/runtime.ts";
import { ownPort } from "./ports.ts";

/** Why a test is omitted where `startRegistry` gives nothing. */
export const noRegistry =
  "no docker-registry on this machine (apt-get install docker-registry), or the engine is elsewhere";

/**
 * Who may use a registry that is not for everybody: with the first password, or after it was replaced with the second.
 */
export const registryUser = { name: "acme", passwords: ["canary-registry-1", "canary-registry-2"] } as const;

/** The passwords as bcrypt has them, the only way that the registry takes. */
const hashes = [
  "$2y$05$fairleadregistrytestsu.DJYZQlHNgJXTd/S9d7ob2/BacFuuJW",
  "$2y$05$fairleadregistrytestsuG7jUgWSdIFZ83WQkQnTCMvRymmtssW.",
] as const;

/** A registry of one's own on this machine. */
export interface TestRegistry {
  /** Its host, as names of images begin with it. */
  readonly at: string;
  /** Takes an image of the engine's in as `<at>/<name>:1`, which the engine has not afterwards; the answer is its name by digest. */
  take(image: string, name?: string): Promise<string>;
  /** Lets `registryUser` in with this one of the passwords and no other. */
  exchangePassword(place: 0 | 1): Promise<void>;
  end(): void;
}

/** With `login` it is for `registryUser` alone. Null where the program is not installed, or the engine does not reach it. */
export async function startRegistry(
  engine: ContainerEngine,
  directory: string,
  { login = false }: { readonly login?: boolean } = {},
): Promise<TestRegistry | null> {
  const at = `127.0.0.1:${await ownPort()}`;
  await mkdir(directory);
  const users = join(directory, "users");
  const exchangePassword = (place: 0 | 1) => writeFile(users, `${registryUser.name}:${hashes[place]}\n`);
  await exchangePassword(0);
  const storage = { filesystem: { rootdirectory: join(directory, "data") } };
  const auth = login ? { auth: { htpasswd: { realm: "test", path: users } } } : {};
  const config = join(directory, "registry.yml");
  await writeFile(
    config,
    JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http: { addr: at }, ...auth }),
  );
  const env = { PATH: process.env.PATH ?? "", OTEL_TRACES_EXPORTER: "none" };
  const child = startChild(["docker-registry", "serve", config], { env });
  const end = () => void child.kill("SIGKILL");
  const headers = login ? loginHeaders(at) : {};
  const isThere = await new Promise<boolean>((resolve, reject) => {
    child.once("spawn", () => resolve(true));
    child.once("error", (thrown) => (isErrno(thrown, "ENOENT") ? resolve(false) : reject(thrown)));
  });
  if (!isThere) return null;
  await until(async () => [200, 401].includes((await fetch(`http://${at}/v2/`).catch(() => null))?.status ?? 0));
  if (!(await isReached(engine, at, headers))) {
    end();
    return null;
  }
  return {
    at,
    take: (image, name = "story") => take(engine, { image, name: `${at}/${name}`, headers }),
    exchangePassword,
    end,
  };
}

function loginHeaders(serveraddress: string): Readonly<Record<string, string>> {
  const auth = { username: registryUser.name, password: registryUser.passwords[0], serveraddress };
  return { "X-Registry-Auth": Buffer.from(JSON.stringify(auth)).toString("base64") };
}

/** An engine in a network namespace of its own has another loopback address. */
async function isReached(
  engine: ContainerEngine,
  at: string,
  headers: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    await engine.json("GET", `/distribution/${at}/none:1/json`, { headers });
    return true;
  } catch (thrown) {
    if (isRefusal(thrown, 404)) return true;
    if (isRefusal(thrown, 500)) return false;
    throw thrown;
  }
}

async function take(
  engine: ContainerEngine,
  { image, name, headers }: { image: string; name: string; headers: Readonly<Record<string, string>> },
): Promise<string> {
  await engine.json("POST", `/images/${image}/tag`, { query: { repo: name, tag: "1" } });
  // Whoever pushes must give the header, also without a login.
  const anyone = { "X-Registry-Auth": Buffer.from("{}").toString("base64") };
  const call = { query: { tag: "1" }, headers: { ...anyone, ...headers } };
  const said = await text(await engine.stream("POST", `/images/${name}/push`, call));
  await engine.json("DELETE", `/images/${name}:1`);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1];
  if (digest === undefined) throw new Fault("image.unreachable", `${image} was not taken: ${said.slice(-500)}`);
  return `${name}@${digest}`;
}
