import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { choosePlatform, engineSocket } from "./platform.ts";

let stateDirectory: string;
const yes = async () => true;
const no = async () => false;

beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), "fl-platform-"));
});
afterEach(() => rmSync(stateDirectory, { recursive: true }));

test("auto means containers where an engine answers, and a state directory stays what it was at first", async () => {
  expect(await choosePlatform({ wanted: "auto", stateDirectory, answers: yes })).toBe("docker");
  expect(await choosePlatform({ wanted: "auto", stateDirectory, answers: no })).toBe("docker");
  expect(await choosePlatform({ wanted: "docker", stateDirectory, answers: no })).toBe("docker");
  await expect(choosePlatform({ wanted: "process", stateDirectory, answers: yes })).rejects.toMatchObject({
    code: "usage.invalid",
    hint: expect.stringContaining("another --state"),
  });
});

test("auto means plain processes where none does", async () => {
  expect(await choosePlatform({ wanted: "auto", stateDirectory, answers: no })).toBe("process");
  expect(await choosePlatform({ wanted: "auto", stateDirectory, answers: yes })).toBe("process");
});

test("the engine's socket is the one given, else DOCKER_HOST's, else the usual one", () => {
  expect(engineSocket("/run/x.sock", { DOCKER_HOST: "unix:///run/y.sock" })).toBe("/run/x.sock");
  expect(engineSocket(undefined, { DOCKER_HOST: "unix:///run/y.sock" })).toBe("/run/y.sock");
  expect(engineSocket(undefined, {})).toBe("/var/run/docker.sock");
  expect(() => engineSocket(undefined, { DOCKER_HOST: "tcp://10.0.0.1:2375" })).toThrow(/DOCKER_HOST must be/);
  expect(() => engineSocket("docker.sock", {})).toThrow(/--engine must be/);
});
