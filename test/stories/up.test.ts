import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "../../src/host/child.ts";
import { ownPort } from "../../src/testing/ports.ts";
import { City, cli, until } from "./city.ts";

const manifest = `version: 1
app: beacon
env: { WORD: { required: true } }
services: { web: { run: node server.mjs, http: {} } }
deploy: { watch: { for: 300ms } }
`;

test("up on a terminal goes on with its controller when a value is missing, so that it can be set", async () => {
  await using city = await City.found();
  await writeFile(join(city.app, "fairlead.yml"), manifest);
  await writeFile(
    join(city.app, "server.mjs"),
    'import { createServer } from "node:http";\ncreateServer((_, answer) => answer.end(process.env.WORD)).listen(process.env.PORT);\n',
  );
  const edge = `127.0.0.1:${await ownPort()}`;
  const line = `exec ${process.execPath} ${cli} up --state ${city.state} --edge ${edge}`;
  // script(1) of util-linux gives it a terminal.
  const up = startChild(["script", "-qec", line, "/dev/null"], {
    cwd: city.app,
    env: { PATH: process.env.PATH ?? "", HOME: city.app, TERM: "xterm" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  up.stdout?.on("data", (bytes) => {
    said += bytes;
  });
  await until(async () => said.includes("The controller keeps running."), `it stays: ${said}`, 60_000);
  expect(said).toContain("env.WORD");
  expect((await city.fairlead("env", "set", "WORD=here")).code).toBe(0);
  const { code, stderr } = await city.fairlead("deploy");
  expect(code, stderr).toBe(0);
  const ended = once(up, "exit");
  up.stdin?.write("\u0003");
  await ended;
  expect((await city.fairlead("status")).code).not.toBe(0);
});
