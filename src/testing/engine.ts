import { statSync } from "node:fs";

const usual = "/var/tmp/fairlead-engine/docker.sock";

/**
 * Why a test is omitted where `testEngine` finds nothing; the test command says in FAIRLEAD_NO_ENGINE what is missing.
 */
export const noEngine = `no container engine: ${process.env.FAIRLEAD_NO_ENGINE || "`bin/fairlead-node tools/engine.ts up` starts one"}`;

/** The socket of the engine that tests may use, by FAIRLEAD_TEST_ENGINE or where the project's own one listens; else null. */
export function testEngine(): string | null {
  const socket = process.env.FAIRLEAD_TEST_ENGINE ?? usual;
  return statSync(socket, { throwIfNoEntry: false })?.isSocket() ? socket : null;
}

/** What the engine for tests has: images with a shell, Node and npm, Python and so on; of `buildx` only files are used. */
export const testImages = {
  debian: "fairlead-test/debian:trixie",
  node: "fairlead-test/node:24",
  python: "fairlead-test/python:3.13",
  haproxy: "fairlead-test/haproxy:lts",
  caddy: "fairlead-test/caddy:2",
  buildx: "fairlead-test/buildx-bin:0",
} as const;
