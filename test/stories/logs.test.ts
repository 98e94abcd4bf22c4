import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "../../src/host/child.ts";
import { City, cli, until } from "./city.ts";
import { deployed } from "./scene.ts";

const counter = `
let count = 0;
setInterval(() => console.log("line", (count += 1)), 10);
`;

const manifest = `version: 1
app: beacon
services:
  worker: { run: node counter.mjs, settle: 100ms, stop: { within: 1s } }
`;

test("following the logs shows every line once, through the death of the controller and its return", async () => {
  await using city = await City.found();
  await writeFile(join(city.app, "counter.mjs"), counter);
  await city.editManifest(() => manifest);
  await city.startController();
  expect((await deployed(city, "1")).status).toBe("live");

  const seen: number[] = [];
  const line = [process.execPath, cli, "--state", city.state, "logs", "worker", "-f", "-n", "10000", "--no-prefix"];
  const command = line as [string, ...string[]];
  const env = { PATH: process.env.PATH ?? "" };
  const follower = startChild(command, { env, cwd: city.app, stdio: ["ignore", "pipe", "ignore"] });
  let rest = "";
  follower.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const found of lines) seen.push(Number(/^line (\d+)$/.exec(found)?.[1]));
  });
  await until(async () => seen.length > 100, "lines come");

  await city.killController("SIGKILL");
  const atDeath = seen.length;
  await city.startController();
  await until(async () => seen.length > atDeath + 200, "lines come again");
  await city.killController("SIGTERM");
  const atEnd = seen.length;
  await city.startController();
  await until(async () => seen.length > atEnd + 100, "lines come once more");

  const ended = new Promise((done) => follower.once("close", done));
  follower.kill("SIGINT");
  await ended;
  expect(seen).toEqual(seen.map((_line, i) => i + 1));
  const kept = await city.fairlead("logs", "worker", "-n", "10000", "--no-prefix");
  const all = kept.stdout.trimEnd().split("\n");
  expect(all.slice(0, seen.length)).toEqual(seen.map((count) => `line ${count}`));
});
