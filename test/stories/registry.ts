import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Fault, isErrno } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";
import type { Engine } from "../../src/host/engine.ts";
import { until } from "./city.ts";

/** A registry of one's own on this machine, for images that are named by their digest. */
export interface Registry {
  /** Takes an image of the engine's in; the answer is its name with the registry and the digest. */
  take(image: string): Promise<string>;
  end(): void;
}

/** Null where the program is not installed. */
export async function startRegistry(engine: Engine, directory: string): Promise<Registry | null> {
  const port = await freePort();
  const at = `127.0.0.1:${port}`;
  await mkdir(directory);
  const config = join(directory, "registry.yml");
  const storage = { filesystem: { rootdirectory: join(directory, "data") } };
  await writeFile(config, JSON.stringify({ version: 0.1, log: { level: "error" }, storage, http: { addr: at } }));
  const env = { PATH: process.env.PATH ?? "", OTEL_TRACES_EXPORTER: "none" };
  const child = startChild(["docker-registry", "serve", config], { env, stdio: ["ignore", "ignore", "ignore"] });
  const isThere = await new Promise<boolean>((resolve, reject) => {
    child.once("spawn", () => resolve(true));
    child.once("error", (thrown) => (isErrno(thrown, "ENOENT") ? resolve(false) : reject(thrown)));
  });
  if (!isThere) return null;
  await until(async () => (await fetch(`http://${at}/v2/`).catch(() => null))?.ok === true, "the registry answers");
  return {
    async take(image) {
      const name = `${at}/story`;
      await engine.json("POST", `/images/${image}/tag`, { query: { repo: name, tag: "1" } });
      const headers = { "X-Registry-Auth": Buffer.from("{}").toString("base64url") };
      const said = await text(await engine.stream("POST", `/images/${name}/push`, { query: { tag: "1" }, headers }));
      await engine.json("DELETE", `/images/${name}:1`);
      const digest = /"Digest":"(sha256:[0-9a-f]{64})"/.exec(said)?.[1];
      if (digest === undefined) throw new Fault("image.unreachable", `${image} was not taken: ${said.slice(-500)}`);
      return `${name}@${digest}`;
    },
    end: () => void child.kill("SIGKILL"),
  };
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}
