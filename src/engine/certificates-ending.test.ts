import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openCertificateVault } from "../adapters/certificates/directory/vault.ts";
import type { HostRecord } from "../model/certificate.ts";
import type { RouteTable } from "../model/route.ts";
import type { CertificateAuthority, CertificatePair, Publish } from "../ports/certificates.ts";
import type { Edge } from "../ports/edge.ts";
import { wallClock } from "../testing/clock.ts";
import { testAuthority } from "../testing/pki.ts";
import { SimulatedJournal } from "../testing/simulation/journal.ts";
import { CertificateKeeper } from "./certificates.ts";
import { HostRecords } from "./host-records.ts";

const host = "shop.example.com";
let directory: string;
let logged: string[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fl-ending-"));
  logged = [];
});
afterEach(() => rm(directory, { recursive: true }));

const vault = () => openCertificateVault({ directory, clock: wallClock, log: (line) => void logged.push(line) });

/** Every file with its content. */
async function content(): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

const fault = { code: "certificate.refused", detail: "no", hint: "" } as const;

test("an order that is open when the controller is stopping comes to nothing: nothing is written, published or told", async () => {
  const orders: { publish: Publish; done: (pair: CertificatePair) => void; failed: (thrown: Error) => void }[] = [];
  const acme: CertificateAuthority = {
    issue: (_hosts, publish) => new Promise((done, failed) => orders.push({ publish, done, failed })),
  };
  const authorities = { local: acme, acme, staging: null };
  const handed: string[] = [];
  const table = { owner: "shop/production", routes: [{ service: "web", hosts: [host] }] } as unknown as RouteTable;
  const edge = {
    secureAddress: () => ({ host: "127.0.0.1", port: 443 }),
    owners: async () => [table.owner],
    observe: async () => ({ up: true, table }),
    changes: () => () => undefined,
    applyCertificates: async () => void handed.push("certificates"),
    applyChallenges: async () => void handed.push("challenges"),
  } as unknown as Edge;
  const journal = new SimulatedJournal();
  const log = { warn: (_about: object, words: string) => void logged.push(words), error: () => undefined };
  const prober = { look: async () => ({ fault: null }) as never };
  const deps = { vault: await vault(), prober, authorities, journal, edge, clock: wallClock, log };
  const pair = await (await testAuthority()).certificate([host]);
  for (const end of ["done", "failed"] as const) {
    const keeper = new CertificateKeeper(deps);
    await keeper.start();
    await keeper.retry(host);
    await expect.poll(() => orders.length).toBe(1);
    await keeper.stop();
    const before = [await content(), handed.length, await journal.events.lastId(), logged.length];
    const order = orders.pop();
    await order?.publish([{ token: "t", answer: "a" }]);
    if (end === "done") order?.done(pair);
    else order?.failed(new TypeError("the line was lost"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([await content(), handed.length, await journal.events.lastId(), logged.length]).toEqual(before);
  }
});

test("what several writers say of hosts at once is all kept, and nothing half written is left", async () => {
  const records = new HostRecords(await vault(), wallClock);
  const hosts = Array.from({ length: 20 }, (_, n) => `h${n}.example.com`);
  await Promise.all(hosts.map((one) => records.failed([one], fault)));
  expect((await (await vault()).records()).map((one) => one.host).sort()).toEqual([...hosts].sort());
  const one = await vault();
  const record = (n: number): HostRecord => ({ host: `n${n}`, failures: n, lastAt: 1, fault, rehearsedAt: null });
  await Promise.all(hosts.map((_, n) => one.saveRecords([record(n)])));
  expect(await one.records()).toEqual([record(19)]);
  expect(await readdir(directory)).toEqual(["records.json"]);
});

const torn = ['[{"host": "a', "", "{}", "null", "[null]", '[{"host": 1}]', '[{"host":"a","failures":"x","lastAt":0}]'];
test.each(torn)("records that are %j are set aside and told, and asking goes on", async (text) => {
  await writeFile(join(directory, "records.json"), text);
  const found = await vault();
  expect(await Promise.all([found.records(), found.records()])).toEqual([[], []]);
  expect(logged).toEqual([expect.stringMatching(/cannot be read and was moved to .*records\.json\.damaged-\d+/)]);
  await new HostRecords(found, wallClock).failed(["a.example.com"], fault);
  expect(await found.records()).toHaveLength(1);
  expect(Object.values(await content())).toContain(text);
});

test("files that are no certificates, whatever they are, keep none of the others from being served", async () => {
  const found = await vault();
  const pair = await (await testAuthority()).certificate([host]);
  await found.save(found.read(pair, { source: "own", hosts: [host] }));
  const broken = {
    a: "{",
    b: "null",
    c: "[]",
    d: '{"source":"own"}',
    e: '{"source":"own","hosts":1,"chain":"","key":""}',
  };
  for (const [name, text] of Object.entries(broken)) await writeFile(join(directory, `${name}.cert.json`), text);
  await mkdir(join(directory, "f.cert.json"));
  expect((await found.list()).map(({ held }) => held.hosts)).toEqual([[host]]);
  expect(logged).toHaveLength(6);
});

test("what a crash left half written is gone after the next start", async () => {
  for (const name of ["records.json.77.new", "own-a.cert.json.77.new"]) await writeFile(join(directory, name), "{");
  await vault();
  expect(await readdir(directory)).toEqual([]);
});
