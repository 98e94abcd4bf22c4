import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddedFiles } from "../adapters/edge/embedded/files.ts";
import { stopEdge } from "../adapters/edge/embedded/stop.ts";
import { runLine } from "../cli/test-run.ts";
import { domainList } from "../contract/domains.ts";
import { testAuthority } from "../testing/pki.ts";
import { type RunningController, startController } from "./controller.ts";

let state: string;
let controller: RunningController;
const logged: string[] = [];

const start = () =>
  startController({
    stateDirectory: state,
    listen: null,
    edge: { host: "127.0.0.1", port: 0 },
    edgeTls: { host: "127.0.0.1", port: 0 },
    runtime: "process",
    env: { PATH: process.env.PATH ?? "" },
    onLog: (line) => void logged.push(line),
  });

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "fl-domains-"));
  controller = await start();
});

afterEach(async () => {
  await controller.close();
  await stopEdge(join(state, "edge"));
  await rm(state, { recursive: true, force: true });
});

const run = (line: string) => runLine(line.split(" "), { cwd: state, env: { FAIRLEAD_STATE: state } });

async function pair(hosts: readonly string[]) {
  const { chain, key } = await (await testAuthority()).certificate(hosts);
  await writeFile(join(state, "chain.pem"), chain);
  await writeFile(join(state, "key.pem"), key.reveal(), { mode: 0o600 });
  return { key: key.reveal(), files: `--cert ${join(state, "chain.pem")} --key ${join(state, "key.pem")}` };
}

test("an own certificate is added, listed, checked and removed by the command line", async () => {
  const { files, key } = await pair(["shop.example.com"]);
  const added = await run(`domains add shop.example.com ${files}`);
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^served shop\.example\.com until \d{4}-/) });
  const { items } = domainList.parse(JSON.parse((await run("domains list --json")).stdout));
  expect(items).toMatchObject([
    { host: "shop.example.com", app: null, state: "expiring", certificate: { source: "own", renewal: null } },
  ]);
  expect((await run("domains")).stdout).toMatch(/shop\.example\.com +- +expiring +own \(Fairlead's tests\)/);
  const checked = await run("domains check shop.example.com --json");
  expect(checked.code).toBe(1);
  expect(JSON.parse(checked.stdout).checks.map(({ name }: { name: string }) => name)).toEqual([
    "tls",
    "dns",
    "port",
    "certificate",
  ]);
  const unsure = await run("domains remove shop.example.com --no-input");
  expect([unsure.code, unsure.stdout]).toEqual([8, ""]);
  expect(await run("domains remove shop.example.com --yes")).toMatchObject({ code: 0 });
  expect(await run("domains remove shop.example.com --yes --json")).toMatchObject({ code: 4 });
  expect((await run("domains list")).stdout).toBe("No host is served yet.\n");
  const keyLine = key.split("\n")[1] ?? "";
  expect(keyLine.length).toBeGreaterThan(40);
  for (const text of [...logged, added.stdout, added.stderr, checked.stdout]) expect(text).not.toContain(keyLine);
});

test("what does not fit is refused with what is wrong, and nothing changes", async () => {
  const { files } = await pair(["shop.example.com"]);
  const other = await run(`domains add other.example.com ${files}`);
  expect(other.code).toBe(2);
  expect(other.stderr).toMatch(/names DNS:shop\.example\.com, not other\.example\.com/);
  await pair(["shop.example.com"]);
  await writeFile(join(state, "key.pem"), "no key");
  expect((await run(`domains add shop.example.com ${files}`)).stderr).toMatch(/not an unencrypted PEM private key/);
  for (const flags of [
    "",
    "--self-signed --key k",
    `--cert ${join(state, "chain.pem")}`,
    "--cert nowhere --key nowhere",
  ]) {
    expect((await run(`domains add shop.example.com ${flags}`.trim())).code, flags).toBe(2);
  }
  expect((await run("domains add not_a/host --self-signed")).code).toBe(2);
  expect(JSON.parse((await run("domains --json")).stdout).items).toEqual([]);
});

test("a self-signed one is renewed by itself, and survives the controller", async () => {
  expect((await run("domains add try.shop.test --self-signed")).stdout).toMatch(
    /^served try\.shop\.test .*renewed \d{4}-/,
  );
  expect((await stat(embeddedFiles(join(state, "edge")).certificates)).mode & 0o777).toBe(0o600);
  const list = async () => JSON.parse((await run("domains --json")).stdout).items;
  const before = await list();
  expect(before).toMatchObject([
    {
      host: "try.shop.test",
      state: "served",
      certificate: { source: "self-signed", issuer: "Fairlead, this machine only" },
    },
  ]);
  await controller.close();
  controller = await start();
  expect(await list()).toEqual(before);
  const rows = JSON.parse((await run("doctor --json")).stdout).checks;
  const row = { name: "certificates", state: "ok", detail: "1 of 1 hosts are served over TLS", fix: null };
  expect(rows).toContainEqual(row);
});
