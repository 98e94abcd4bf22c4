import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine } from "../../src/host/engine.ts";
import { jsonLines } from "../../src/host/engine-streams.ts";
import { version } from "../../src/main/version.ts";
import { noEngine, testEngine, testImages } from "../../src/testing/engine.ts";

const root = dirname(dirname(import.meta.dirname));
const socket = testEngine();
const label = `fairlead-test-own-image-${randomBytes(4).toString("hex")}`;
const image = `${label}:1`;
/**
 * What `docker build .` sends: .dockerignore is applied by whoever sends. It refuses all and names what comes along, so
 * that no new file does by itself.
 */
function context(): Readable {
  const tar = pack();
  const add = (path: string): void => {
    if (statSync(join(root, path)).isDirectory())
      for (const name of readdirSync(join(root, path))) add(join(path, name));
    else tar.entry({ name: path, mode: statSync(join(root, path)).mode & 0o777 }, readFileSync(join(root, path)));
  };
  const lines = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  const rules = lines.filter((line) => line !== "" && !line.startsWith("#"));
  expect(rules[0]).toBe("*");
  for (const rule of rules) if (rule.startsWith("!")) add(rule.slice(1));
  tar.entry({ name: "Dockerfile" }, readFileSync(join(root, "Dockerfile")));
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}

async function build(engine: Engine): Promise<void> {
  const query = { version: 2, t: image, buildargs: { NODE_IMAGE: testImages.node }, labels: { [label]: "" } };
  const answer = await engine.stream("POST", "/build", { query, upload: { content: context() }, withinMs: 230_000 });
  for await (const line of jsonLines<{ errorDetail?: unknown }>(answer)) expect(line.errorDetail).toBeUndefined();
}

interface Run {
  readonly command: readonly string[];
  readonly entrypoint?: readonly string[];
}

async function start(engine: Engine, { command, entrypoint }: Run): Promise<string> {
  const body = { Image: image, Cmd: command, Labels: { [label]: "" }, Tty: true, HostConfig: { NetworkMode: "none" } };
  const query = { name: `${label}-${randomBytes(3).toString("hex")}` };
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", {
    query,
    body: { ...body, ...(entrypoint && { Entrypoint: entrypoint }) },
  });
  await engine.json("POST", `/containers/${Id}/start`);
  return Id;
}

async function run(engine: Engine, what: Run): Promise<{ code: number; said: string }> {
  const id = await start(engine, what);
  const { StatusCode: code } = await engine.json<{ StatusCode: number }>("POST", `/containers/${id}/wait`);
  const logs = await engine.stream("GET", `/containers/${id}/logs`, { query: { stdout: true, stderr: true } });
  return { code, said: (await text(logs)).replaceAll("\r\n", "\n") };
}

async function exec(engine: Engine, id: string, command: readonly string[]): Promise<{ code: number; said: string }> {
  const body = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
  const { Id } = await engine.json<{ Id: string }>("POST", `/containers/${id}/exec`, { body });
  const connection = await engine.hijack(`/exec/${Id}/start`, { body: { Tty: true } });
  const said = (await text(connection)).replaceAll("\r\n", "\n");
  const { ExitCode: code } = await engine.json<{ ExitCode: number }>("GET", `/exec/${Id}/json`);
  return { code, said };
}

describe("Fairlead's own image", () => {
  const engine = new Engine(socket ?? "");

  beforeAll(async () => {
    if (socket !== null) await build(engine);
  }, 240_000);

  afterAll(async () => {
    if (socket === null) return;
    const filters = { label: [label] };
    const query = { all: true, filters };
    for (const { Id } of await engine.json<{ Id: string }[]>("GET", "/containers/json", { query }))
      await engine.json("DELETE", `/containers/${Id}`, { query: { force: true, v: true } });
    for (const { Id } of await engine.json<{ Id: string }[]>("GET", "/images/json", { query: { filters } }))
      await engine.json("DELETE", `/images/${Id}`, { query: { force: true } });
    engine.close();
  });

  test("is the command line, without sources, packages and root", async ({ skip }) => {
    if (socket === null) skip(noEngine);
    expect(await run(engine, { command: ["--version"] })).toEqual({ code: 0, said: `${version}\n` });
    const help = await run(engine, { command: ["--help"] });
    expect([help.code, help.said]).toEqual([0, expect.stringContaining("fairlead deploy")]);
    const look = "id -u; ls -A /opt/fairlead | sort | tr '\\n' ' '; test -w /opt/fairlead || echo closed";
    const inside = await run(engine, { entrypoint: ["sh", "-c", look], command: [] });
    expect(inside.said).toBe("1000\nCHANGELOG.md LICENSE bin dist package.json schema closed\n");
  });

  test("runs a controller that answers, and ends in peace when it is stopped", async ({ skip }) => {
    if (socket === null) skip(noEngine);
    const id = await start(engine, { command: ["controller"] });
    await expect
      .poll(() => exec(engine, id, ["fairlead", "api", "GET", "/healthz"]), { timeout: 30_000, interval: 100 })
      .toEqual({ code: 0, said: "ok\n" });
    await engine.json("POST", `/containers/${id}/stop`, { query: { t: 20 } });
    const { State } = await engine.json<{ State: { ExitCode: number } }>("GET", `/containers/${id}/json`);
    expect(State.ExitCode).toBe(0);
  });
});
