import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { City } from "./city.ts";

/** What a new user has: a server and a manifest that says no more than that it is one. */
const manifest = (http: string) => `version: 1
app: beacon
services: { web: { run: node server.mjs, http: ${http} } }
deploy: { watch: { for: 300ms } }
`;
const server = (port: string, status: number) => `import { createServer } from "node:http";
import { writeFileSync } from "node:fs";
writeFileSync("visits.db", "1");
createServer(({ url }, answer) => answer.writeHead(url === "/ready" ? 200 : ${status}).end()).listen(${port});
`;

test("a release that answers faults, or listens elsewhere, does not go live unnoticed", async () => {
  await using city = await City.found();
  await city.startController();
  const deployed = async (http: string, source: string) => {
    await writeFile(join(city.app, "fairlead.yml"), city.testbed.adapt(manifest(http)));
    await writeFile(join(city.app, "server.mjs"), source);
    return city.fairlead("deploy");
  };
  const wrong = await deployed("{}", server("4321", 200));
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("web listens on port 4321, but PORT=")]);
  const named = await deployed("{ ready: { path: /ready, within: 4s } }", server("4321", 200));
  expect([named.code, named.stderr]).toEqual([
    1,
    expect.stringMatching(/ web check port warned: web listens on port 4321, but PORT=\d+ was set/),
  ]);
  const failing = await deployed("{ ready: { path: /, within: 3s } }", server("process.env.PORT", 500));
  expect([failing.code, failing.stderr]).toEqual([1, expect.stringContaining("GET / → 500")]);
  const warned = await deployed("{ ready: /ready }", server("process.env.PORT", 500));
  expect([warned.code, warned.stderr]).toEqual([
    0,
    expect.stringContaining("check front-page warned: web is ready, but GET / → 500"),
  ]);
  const written = "web wrote beside its code, to be removed with the instance: visits.db";
  while (!(await city.fairlead("status")).stdout.includes(written)) await pause(100);
  const any = await deployed("{}", server("process.env.PORT", 404));
  expect([any.code, any.stderr]).toEqual([0, expect.stringContaining("GET / → below 500, 2 in a row")]);
  expect(any.stderr).toMatch(
    /check files warned: web v\d wrote beside its code, to be removed with the instance: visits\.db/,
  );
});
