import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testImages } from "../../src/testing/engine.ts";
import { City } from "./city.ts";
import { lightLoad } from "./scene.ts";
import { platform } from "./testbed.ts";

/** The front asks the brain for every answer, and the brain its memory; each is told where to by its environment. */
const source = (version: string) => `
import { createServer } from "node:http";
const { ASK_URL, PORT } = process.env;
createServer(async (request, response) => {
  if (ASK_URL === undefined) return response.end("memory ${version}");
  const answer = await fetch(ASK_URL);
  response.writeHead(answer.status).end("heard: " + (await answer.text()));
}).listen(PORT);
process.on("SIGTERM", () => process.exit());
`;

const manifest = `version: 1
app: beacon
services:
  web:
    run: node app.mjs
    env: { ASK_URL: "\${brain.url}" }
    http: { ready: { path: /, every: 100ms, times: 1 } }
    needs: [brain]
    stop: { drain: 1s, within: 1s }
  brain:
    run: node app.mjs
    env: { ASK_URL: "\${memory.url}" }
    http: { internal: true, ready: { path: /, every: 100ms, times: 1 } }
    needs: [memory]
    stop: { drain: 1s, within: 1s }
  memory:
    run: node app.mjs
    single: true
    http: { internal: true, ready: { path: /, every: 100ms, times: 1 } }
    stop: { drain: 1s, within: 1s }
deploy: { watch: { for: 500ms } }
`;

test("internal services answer their neighbours, also those that get ready, through deployments too, and nobody else", async () => {
  await using city = await City.found();
  const write = (version: string) => writeFile(join(city.app, "app.mjs"), source(version));
  await write("one");
  if (platform === "docker") {
    await writeFile(join(city.app, "Dockerfile"), `FROM ${testImages.node}\nWORKDIR /app\nCOPY . .\n`);
  }
  await city.editManifest(() => manifest);
  await city.startController();
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  expect((await city.get("/")).body).toBe("heard: heard: memory one");

  const load = lightLoad(city, {});
  await write("two");
  expect((await city.deploy()).deployment).toMatchObject({ status: "live", fault: null });
  expect((await city.get("/")).body).toBe("heard: heard: memory two");
  expect((await load.stop()).failures).toEqual([]);

  // On plain processes the whole machine is inside; there it has no name that anybody could guess.
  for (const host of ["brain.beacon.localhost", "brain.beacon.internal"]) {
    expect((await city.get("/", host)).status).toBe(404);
  }
  expect((await city.fairlead("status")).stdout).toMatch(/brain .* http:\/\/\S+ \(internal\)/);
});
