import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { runChild, startChild } from "../../src/host/child.ts";
import { City, cli, until } from "./city.ts";

const manifest = `version: 1
app: beacon
env: { WORD: here }
services:
  worker: { run: node worker.mjs, settle: 100ms, stop: { within: 1s } }
`;

/** A city with something to run commands in. */
async function cityWithWorker(): Promise<City> {
  const city = await City.found();
  await writeFile(join(city.app, "worker.mjs"), "setInterval(() => {}, 1000);\n");
  await city.editManifest(() => manifest);
  await city.startController();
  expect((await city.deploy()).deployment.status).toBe("live");
  return city;
}

const variables = { PATH: process.env.PATH ?? "" };

/** `fairlead run` with pipes. */
function piped(city: City, script: string) {
  const line = [process.execPath, cli, "--state", city.state, "run", "--", "sh", "-c", script] as const;
  const child = startChild(line, { env: variables, cwd: city.app, stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  return { child, ended, stdout: child.stdout as Readable, stderr: child.stderr as Readable };
}

/** `fairlead run` on a terminal of 90 times 30, which script(1) of util-linux gives it. */
async function typed(city: City, ...command: readonly string[]) {
  const place = join(city.app, "tty");
  const run = `exec ${process.execPath} ${cli} --state ${city.state} run -- ${command.join(" ")}`;
  const line = `tty >${place}; stty rows 30 cols 90; ${run}`;
  const child = startChild(["script", "-qec", line, "/dev/null"], {
    env: { ...variables, TERM: "xterm-256color" },
    cwd: city.app,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  let said = "";
  child.stdout?.on("data", (bytes) => {
    said += bytes;
  });
  return {
    ended,
    said: () => said,
    type: (keys: string) => child.stdin?.write(keys),
    shows: (words: string) => until(async () => said.includes(words), `${words} is shown`, 60_000),
    stty: async (...settings: readonly string[]) =>
      (await runChild(["stty", "-F", (await readFile(place, "utf8")).trim(), ...settings], { env: variables })).stdout,
  };
}

/** Everything that is left of commands. */
async function commands(city: City): Promise<readonly string[]> {
  return (await city.testbed.present()).filter((name) => name.includes("-run-"));
}

test("run passes bytes, the end of input and the exit code, and keeps stdout and stderr apart", async () => {
  await using city = await cityWithWorker();
  const { child, ended, stdout, stderr } = piped(city, 'cat; echo "$WORD" >&2; exit 42');
  const bytes = Buffer.concat([Buffer.alloc(512), randomBytes(8 * 1024 * 1024)]);
  const [received, complaints] = [buffer(stdout), text(stderr)];
  child.stdin?.end(bytes);
  expect(await ended).toEqual([42, null]);
  const digest = (content: Buffer) => createHash("sha256").update(content).digest("hex");
  expect(digest(await received)).toBe(digest(bytes));
  expect(await complaints).toBe("here\n");
  const early = piped(city, "exec head -c 1");
  const first = buffer(early.stdout);
  early.child.stdin?.write("x");
  expect([await early.ended, String(await first)]).toEqual([[0, null], "x"]);
  expect((await piped(city, "kill -TERM $$").ended)[0]).toBe(143);
  expect(await commands(city)).toEqual([]);
  expect((await city.fairlead("audit", "-n", "1")).stdout).toContain("run");
});

test("run on a terminal is a terminal: size, keys, job control, exit code, and the user's own is as before", async () => {
  await using city = await cityWithWorker();
  const shell = await typed(city, "bash", "--norc", "-i");
  await shell.shows("$ ");
  shell.type('stty size; echo "$TERM-$WORD"\r');
  await shell.shows("30 90\r\nxterm-256color-here\r\n");
  await shell.stty("rows", "22", "cols", "77");
  shell.type("until stty size | grep '22 77'; do :; done; echo in-$((1 + 1)); sleep 600\r");
  await shell.shows("22 77\r\nin-2");
  shell.type("\u0003");
  await shell.shows("^C");
  shell.type("exit 9\r");
  expect(await shell.ended).toEqual([9, null]);
  const stopped = await typed(city, "sh", "-c", "'echo up; stty -echo; sleep 600'");
  await stopped.shows("up");
  expect(await stopped.stty("-a")).toContain("-icanon");
  stopped.type("\u0003");
  expect(await stopped.ended).toEqual([130, null]);
  expect(await commands(city)).toEqual([]);
});

test("a command ends with whoever asked for it, and with the controller", async () => {
  await using city = await cityWithWorker();
  const killed = piped(city, "echo up; sleep 600");
  await once(killed.stdout, "data");
  killed.child.kill("SIGKILL");
  await until(async () => (await commands(city)).length === 0, "the command of a client that was killed ends");
  const stubborn = "trap '' HUP PIPE; echo up; while :; do sleep 0.2; done";
  const interrupted = piped(city, stubborn);
  await once(interrupted.stdout, "data");
  interrupted.child.kill("SIGTERM");
  expect(await interrupted.ended).toEqual([130, null]);
  await until(async () => (await commands(city)).length === 0, "a command that ignores SIGHUP ends");
  const orphan = piped(city, stubborn);
  await once(orphan.stdout, "data");
  const said = text(orphan.stderr);
  await city.killController("SIGKILL");
  expect(await orphan.ended).toEqual([7, null]);
  expect((await said).match(/^error: .*$/gm)).toEqual([expect.stringContaining("closed the connection")]);
  await city.startController();
  await until(async () => (await commands(city)).length === 0, "the next controller ends a command that nobody holds");
});
