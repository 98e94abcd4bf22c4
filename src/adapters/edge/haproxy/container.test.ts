import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { type FrontProxies, noFrontProxies } from "../../../model/route.ts";
import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { noEngine, testEngine, testImages } from "../../../testing/engine.ts";
import { containerRunner, killContainer, stopContainer } from "./container.ts";
import { edgeFiles } from "./files.ts";
import { haproxyEdge } from "./haproxy-edge.ts";
import { limitsOf } from "./limits.ts";
import { realClock } from "./test-edge.ts";

const socket = testEngine();

/** A running edge in a container of its own, for tests. */
async function testContainer(engine: string, proxies: FrontProxies = noFrontProxies) {
  const directory = await mkdtemp(join(tmpdir(), "fl-hxc-"));
  const listen = { host: "127.0.0.1", port: 0 };
  const run = { engine, image: testImages.haproxy };
  const edge = haproxyEdge({ directory, listen, secure: listen, proxies, run, clock: realClock });
  await edge.ensure();
  const { host, port } = edge.address();
  return {
    edge,
    url: `http://${host}:${port}`,
    crash: () => killContainer(engine, directory),
    async [Symbol.asyncDispose]() {
      await edge.close();
      await stopContainer(engine, directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

if (socket === null) {
  describe("edge haproxy in a container", () => {
    test("conformance", ({ skip }) => skip(noEngine));
  });
} else {
  const version = await containerRunner({ engine: socket, image: testImages.haproxy }, edgeFiles("/tmp")).version();
  const make = (proxies?: FrontProxies) => testContainer(socket, proxies);
  edgeConformance("haproxy in a container", make, { skip: limitsOf(version), behind: make });
}
