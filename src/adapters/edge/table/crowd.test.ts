import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { noFrontProxies } from "../../../model/route.ts";
import { wallClock } from "../../../testing/clock.ts";
import { ask, oneRoute, sayingApp, testApp } from "../../../testing/conformance/edge-rig.ts";
import { ownPort } from "../../../testing/ports.ts";
import { embeddedEdge } from "../embedded/embedded-edge.ts";
import { stopEdge } from "../embedded/stop.ts";
import { entry } from "../embedded/test-edge.ts";
import { haproxyEdge } from "../haproxy/haproxy-edge.ts";
import { stopHaproxy } from "../haproxy/stop.ts";
import { run } from "../haproxy/test-edge.ts";
import { capacityOf } from "./capacity.ts";
import { askOutside } from "./outside.ts";

const descriptors = 832;
const { connections, perClient, perService } = capacityOf(descriptors);
const few = `--nofile=${descriptors}:${descriptors}`;

/** Connected, or refused. */
function settled(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve()).once("close", () => resolve());
  });
}

type Kind = "embedded" | "haproxy";

/** An edge of few descriptors. */
async function smallEdge(kind: Kind) {
  const directory = await mkdtemp(join(tmpdir(), "fl-crowd-"));
  const listen = { host: "127.0.0.1", port: await ownPort() };
  const at = { directory, listen, secure: null, proxies: noFrontProxies, clock: wallClock };
  const edge =
    kind === "embedded"
      ? embeddedEdge({ ...at, entry: ["/usr/bin/prlimit", few, ...entry], env: {} })
      : haproxyEdge({ ...at, run, descriptors });
  await edge.ensure();
  const open: Socket[] = [];
  return {
    edge,
    url: `http://${listen.host}:${listen.port}`,
    /** So many connections of one client. */
    async crowd(count: number, from: string, text = "") {
      const sockets = Array.from({ length: count }, () => connect({ ...listen, localAddress: from }));
      for (const socket of sockets) {
        socket.on("error", () => undefined).resume();
        if (text !== "") socket.write(text);
      }
      await Promise.all(sockets.map((socket) => settled(socket)));
      open.push(...sockets);
      return sockets;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await edge.close();
      await (kind === "embedded" ? stopEdge(directory) : stopHaproxy(directory));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const client = (number: number) => `127.0.1.${number}`;

describe.each(["embedded", "haproxy"] as const)("%s", (kind) => {
  test("one client has its share of connections and no more, and others are served; when all are taken, they are told so", async () => {
    await using under = await smallEdge(kind);
    await using app = await sayingApp("served");
    const { edge, url } = under;
    await edge.apply(oneRoute("a/x", { hosts: ["a.test"], upstreams: [app.upstream("a-1")] }));
    const greedy = await under.crowd(perClient + 10, client(1));
    await expect.poll(() => greedy.filter((socket) => socket.closed).length).toBe(10);
    expect((await ask(url, { host: "a.test", from: client(2) })).text).toBe("served");

    for (let number = 2; number * perClient <= connections; number += 1) await under.crowd(perClient, client(number));
    const refused = await ask(url, { host: "a.test", from: client(99) });
    expect([refused.status, refused.headers["retry-after"], refused.headers.connection]).toEqual([503, "1", "close"]);
    // What it says is an answer: it is full, and not away.
    expect(await askOutside({ ...edge.address(), proxies: noFrontProxies })).toBe("answer");
    for (const socket of greedy) socket.destroy();
    await expect.poll(async () => (await ask(url, { host: "a.test", from: client(99) })).text).toBe("served");
  });

  test("a service that is full is refused, and the others go on", async () => {
    await using under = await smallEdge(kind);
    const { edge, url } = under;
    await using app = await sayingApp("served");
    await using silent = await testApp(() => undefined);
    await edge.apply(oneRoute("full/x", { hosts: ["full.test"], upstreams: [silent.upstream("full-1")] }));
    await edge.apply(oneRoute("a/x", { hosts: ["a.test"], upstreams: [app.upstream("a-1")] }));
    const request = "GET / HTTP/1.1\r\nHost: full.test\r\n\r\n";
    for (let number = 1; (number - 1) * perClient < perService; number += 1) {
      await under.crowd(perClient, client(number), request);
    }
    await expect
      .poll(async () => (await edge.observe("full/x")).stats["full-1"]?.active)
      .toBeGreaterThanOrEqual(perService);
    const refused = await ask(url, { host: "full.test", from: client(99) });
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
    expect((await ask(url, { host: "a.test", from: client(99) })).text).toBe("served");
  });
});
