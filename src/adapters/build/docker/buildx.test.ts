import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../../base/secret.ts";
import { ContainerEngine } from "../../../host/engine.ts";
import { findBuildx } from "./buildx.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fl-buildx-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A program in the place of the docker command and its plugin, which records what it is told. */
function program(): string {
  const path = join(directory, "docker");
  const script = `#!/bin/sh
case "$1" in
  info) echo '[{"Name":"buildx","Path":"${path}"}]' ;;
  inspect) printf 'Driver: docker\\nStatus: running\\n' ;;
  build) cat > /dev/null; printf '%s\\n' "$@" > ${directory}/arguments; env > ${directory}/environment ;;
esac
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

test("buildx gets secrets by names of our own in its environment, and none in its arguments", async () => {
  const way = await findBuildx(new ContainerEngine(join(directory, "socket")), {
    path: program(),
    env: { PATH: "/usr/bin:/bin" },
  });
  const order = {
    tag: "fairlead-artifact:1",
    tar: () => Readable.from(["tar"]),
    dockerfile: "Dockerfile",
    target: null,
    args: { API: "plain-value" },
    secrets: { NPM_TOKEN: new Secret("canary-1"), PATH: new Secret("canary-2") },
    registries: {},
    labels: {},
    limits: { memoryBytes: null, cpus: null },
  };
  const end = await way?.run(order, { say: () => undefined, signal: new AbortController().signal });
  expect(end).toEqual({ ok: true });
  const told = readFileSync(join(directory, "arguments"), "utf8");
  expect(told).toContain("--build-arg\nAPI=plain-value\n");
  expect(told).toContain("--secret\nid=NPM_TOKEN,env=FAIRLEAD_BUILD_SECRET_NPM_TOKEN\n");
  expect(told).not.toContain("canary");
  const environment = readFileSync(join(directory, "environment"), "utf8").split("\n");
  expect(environment).toContain("FAIRLEAD_BUILD_SECRET_NPM_TOKEN=canary-1");
  expect(environment).toContain("FAIRLEAD_BUILD_SECRET_PATH=canary-2");
  expect(environment).toContain("PATH=/usr/bin:/bin");
});
