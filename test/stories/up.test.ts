import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "../../src/host/child.ts";
import { ownPort } from "../../src/testing/ports.ts";
import { City, cli, until } from "./city.ts";

const manifest = (more: string) => `version: 1
app: beacon
${more}
services: { web: { run: node server.mjs, http: {} } }
deploy: { watch: { for: 300ms } }
`;
const server =
  'import { createServer } from "node:http";\ncreateServer((_, answer) => answer.end(process.env.WORD)).listen(process.env.PORT);\n';

/** `fairlead up` on a terminal, which script(1) of util-linux gives it. */
async function upOn(city: City, more: string) {
  await writeFile(join(city.app, "fairlead.yml"), manifest(more));
  await writeFile(join(city.app, "server.mjs"), server);
  const line = `exec ${process.execPath} ${cli} up --state ${city.state} --edge 127.0.0.1:${await ownPort()}`;
  const up = startChild(["script", "-qec", line, "/dev/null"], {
    cwd: city.app,
    env: { PATH: process.env.PATH ?? "", HOME: city.app, TERM: "xterm" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  up.stdout?.on("data", (bytes) => {
    said += bytes;
  });
  return {
    says: (words: string) => until(async () => said.includes(words), `up says ${words}`, 60_000),
    async interrupt() {
      const ended = once(up, "exit");
      up.stdin?.write("\u0003");
      const [code] = await ended;
      return { code, said };
    },
  };
}

test("up on a terminal goes on with its controller when a value is missing, so that it can be set", async () => {
  await using city = await City.found();
  const up = await upOn(city, "env: { WORD: { required: true } }");
  await up.says("The controller keeps running.");
  expect((await city.fairlead("env", "set", "WORD=here")).code).toBe(0);
  const { code, stderr } = await city.fairlead("deploy");
  expect(code, stderr).toBe(0);
  expect((await up.interrupt()).said).toContain("env.WORD");
  expect((await city.fairlead("status")).code).not.toBe(0);
});

test("Ctrl-C during a build stops all that up has started", async () => {
  await using city = await City.found();
  const up = await upOn(city, "build: { command: sleep 600 }");
  await up.says("build ");
  expect(await up.interrupt()).toEqual({ code: 130, said: expect.stringContaining("Stopped;") });
  expect(await city.processes()).toEqual([]);
});
