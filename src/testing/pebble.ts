import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../host/child.ts";
import { testAuthority } from "./pki.ts";
import { ownPort } from "./ports.ts";

const directories = ["/usr/bin", "/usr/local/bin"];

/** Why tests with a real ACME authority are omitted, or null. */
export function noPebble(): string | null {
  const missing = ["pebble", "pebble-challtestsrv"].filter((name) => find(name) === null);
  return missing.length === 0 ? null : `${missing.join(" and ")} missing: apt-get install pebble`;
}

function find(name: string): string | null {
  const found = directories.find((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      // Not there, or not for us: both mean that this is not the place.
      return false;
    }
  });
  return found === undefined ? null : join(found, name);
}

/** A DNS server that answers 127.0.0.1 for every name. */
export interface TestNames extends AsyncDisposable {
  readonly address: string;
  /** Gives a name these addresses. */
  set(host: string, addresses: readonly string[]): Promise<void>;
}

export async function testNames(): Promise<TestNames> {
  const [dns, management] = [await ownPort(), await ownPort()];
  const off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
  const at = ["-dns01", `127.0.0.1:${dns}`, "-management", `127.0.0.1:${management}`];
  const program = await running([find("pebble-challtestsrv") ?? "", ...at, ...off], {});
  const post = async (path: string, body: object) =>
    fetch(`http://127.0.0.1:${management}${path}`, { method: "POST", body: JSON.stringify(body) });
  await until(async () => (await post("/clear-a", { host: "nobody.com." })).ok);
  return {
    address: `127.0.0.1:${dns}`,
    async set(host, addresses) {
      await post("/add-a", { host: `${host}.`, addresses });
    },
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  };
}

/** A real ACME authority. */
export interface TestAcme extends AsyncDisposable {
  readonly directoryUrl: string;
  /** The file with the root of its own servers. */
  readonly caFile: string;
  /** PEM of the root that its certificates lead to. */
  readonly root: string;
  /** What it has said so far. */
  said(): string;
}

/** `httpPort`: where it asks instead of port 80. */
export async function testAcme({ httpPort, names }: { httpPort: number; names: TestNames }): Promise<TestAcme> {
  const directory = await mkdtemp(join(tmpdir(), "fl-pebble-"));
  const at = (name: string) => join(directory, name);
  const [port, management, authority] = [await ownPort(), await ownPort(), await testAuthority()];
  const { chain, key } = await authority.certificate(["localhost", "127.0.0.1"]);
  await writeFile(at("root.pem"), authority.root);
  await writeFile(at("cert.pem"), chain);
  await writeFile(at("key.pem"), key.reveal(), { mode: 0o600 });
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: at("cert.pem"),
    privateKey: at("key.pem"),
    httpPort,
    tlsPort: 1,
  };
  await writeFile(at("config.json"), JSON.stringify({ pebble }));
  const command = [find("pebble") ?? "", "-config", at("config.json"), "-dnsserver", names.address] as const;
  const program = await running([...command], { PEBBLE_VA_NOSLEEP: "1" });
  const root = () => fetchText(`https://localhost:${management}/roots/0`, authority.root);
  await until(async () => (await root()) !== "");
  return {
    directoryUrl: `https://localhost:${port}/dir`,
    caFile: at("root.pem"),
    root: await root(),
    said: program.said,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function running(command: [string, ...string[]], env: Record<string, string>) {
  const child = startChild(command, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "close");
  return {
    said: () => said,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** A program that is starting refuses; the test's own time limit is the deadline. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function fetchText(url: string, ca: string): Promise<string> {
  const outgoing = get(url, { agent: new Agent({ ca }) });
  const [answer] = await once(outgoing, "response");
  let text = "";
  for await (const chunk of answer) text += chunk;
  return text;
}
