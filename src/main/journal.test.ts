import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { systemClock } from "./clock.ts";
import { type RunningController, startController } from "./controller.ts";
import { openStateJournal } from "./journal.ts";

let state: string;
let log: string[];
let running: RunningController | null;

const begin = async () => {
  running = await startController({
    stateDirectory: state,
    edge: { host: "127.0.0.1", port: 0 },
    listen: null,
    runtime: "process",
    env: { PATH: process.env.PATH ?? "" },
    onLog: (line) => log.push(line),
  });
  return running;
};

const end = async () => {
  await running?.closeWithEdge();
  running = null;
};

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "fl-lost-"));
  log = [];
  running = null;
});

afterEach(async () => {
  await end();
  rmSync(state, { recursive: true, force: true });
});

const at = (name: string) => join(state, name);

function ask(method: string, path: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: at("controller.sock"), method, path }, async (answer) => {
      resolve({ status: answer.statusCode, text: (await answer.toArray()).join("") });
    });
    outgoing.once("error", reject).end();
  });
}

describe("a journal that is not the one of before", () => {
  const installation = () => readFileSync(at("installation"), "utf8");
  const open = (beginNew: boolean) => openStateJournal({ stateDirectory: state, engine: null, beginNew });

  test("is refused with what is left of an older life; --new sets it aside and begins anew", async () => {
    await begin();
    await end();
    const id = installation();
    copyFileSync(at("journal.db"), at("backup"));
    const losses: readonly (readonly [string, RegExp, () => Promise<void> | void])[] = [
      [
        "journal.lost",
        /missing, but this installation was in use: vault\.json, logs\.db$/,
        () => rmSync(at("journal.db")),
      ],
      ["journal.damaged", /is empty/, () => truncateSync(at("journal.db"), 0)],
      ["journal.lost", /is missing, but this/, () => renameSync(at("journal.db"), at("journal.db-wal"))],
      ["journal.lost", /is the journal of installation/, () => replaceJournal()],
    ];
    for (const [code, words, lose] of losses) {
      await lose();
      const before = readdirSync(state).sort();
      await expect(open(false)).rejects.toMatchObject({ code, detail: expect.stringMatching(words) });
      expect(readdirSync(state).sort()).toEqual(before);
      const journal = await open(true);
      expect([journal.installation, installation()]).toEqual([id.trim(), id]);
      await journal.close();
      const aside = readdirSync(state).filter((name) => name.startsWith("journal.db.lost-"));
      expect(aside).toHaveLength(before.filter((name) => name.startsWith("journal.db")).length);
      for (const name of aside) rmSync(at(name));
      copyFileSync(at("backup"), at("journal.db"));
    }
    rmSync(at("journal.db"));
    await expect(begin()).rejects.toMatchObject({ code: "journal.lost" });
  });

  test("every trace of an older life counts, and what an empty place has does not", async () => {
    const digest = "0".repeat(64);
    const traces = ["run/shop-web", "volumes/shop", "edge/tables/shop.json"];
    traces.push(...["sources", "artifacts"].map((kind) => `store/whole/${kind}/${digest}`));
    for (const trace of [...traces, "certs/own-shop.cert.json", "vault.json", "logs.db"]) {
      mkdirSync(at(trace), { recursive: true });
      await expect(open(false), trace).rejects.toMatchObject({ code: "journal.lost" });
      rmSync(at(trace), { recursive: true });
    }
    for (const none of ["run/exits", "run/app", "run/tmp", "store/whole", "volumes", "edge/tables", "certs"])
      mkdirSync(at(none), { recursive: true });
    await (await open(false)).close();
  });

  test("is used with --new, too, when it is well; the file of the installation is made again from it", async () => {
    const first = await open(false);
    await first.commit([{ kind: "stopped", key: { app: "shop", environment: "production" }, stopped: true }]);
    await first.close();
    rmSync(at("installation"));
    const again = await open(true);
    expect(await again.environments.all()).toHaveLength(1);
    expect(installation().trim()).toBe(first.installation);
    await again.close();
  });

  async function replaceJournal(): Promise<void> {
    const other = mkdtempSync(join(tmpdir(), "fl-other-"));
    await (await openJournal(join(other, "journal.db"), systemClock)).close();
    copyFileSync(join(other, "journal.db"), at("journal.db"));
    rmSync(other, { recursive: true });
  }
});

test("what is taken away under a running controller is told at once, and no change is promised", async () => {
  await begin();
  expect((await ask("GET", "/readyz")).status).toBe(200);
  for (const name of [
    "journal.db",
    "journal.db-wal",
    "logs.db",
    "logs.db-wal",
    "lease.db",
    "vault.json",
    "vault.key",
  ]) {
    renameSync(at(name), at(`${name}.away`));
    expect([name, await ask("GET", "/readyz")]).toEqual([
      name,
      { status: 503, text: expect.stringContaining(`${name} is missing`) },
    ]);
    expect((await ask("POST", "/v1/apps/shop/environments/production/stop")).status).toBe(503);
    const { checks } = JSON.parse((await ask("GET", "/v1/doctor")).text);
    expect(checks).toContainEqual(expect.objectContaining({ name: "state files", state: "fail" }));
    copyFileSync(at(`${name}.away`), at(name));
    // What the controller itself replaces may be another file; what it has open may not.
    expect([name, (await ask("GET", "/readyz")).status]).toEqual([name, name.startsWith("vault") ? 200 : 503]);
    renameSync(at(`${name}.away`), at(name));
    expect((await ask("GET", "/readyz")).status).toBe(200);
  }
  rmSync(at("logs.db"));
  await expect.poll(() => log.join("")).toContain("logs.db is missing: changes would be lost");
});
