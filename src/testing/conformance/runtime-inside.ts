import { once } from "node:events";
import { type AddressInfo, BlockList, createServer } from "node:net";
import { expect } from "vitest";
import { parseNetwork } from "../../base/network.ts";
import type { EnvKey } from "../../model/environment.ts";
import type { TaskSpec } from "../../model/instance.ts";
import type { Inside } from "../../model/route.ts";
import type { Runtime } from "../../ports/runtime.ts";

/** Calls a server of this machine from a task, by nothing but the host of an internal service. `taskFor`: a Node script as a neighbour. */
export async function checkInside(
  runtime: Runtime,
  key: EnvKey,
  taskFor: (script: string, host: string) => TaskSpec,
): Promise<void> {
  const host = runtime.innerHost(key, "brain");
  expect(runtime.innerHost(key, "brain")).toBe(host);
  const others = [runtime.innerHost({ ...key, environment: "other" }, "brain"), runtime.innerHost(key, "web")];
  expect(new Set([host, ...others]).size).toBe(3);
  const server = createServer().listen(0, "0.0.0.0");
  const caller = new Promise<string>((resolve) => {
    server.once("connection", (socket) => {
      resolve(socket.remoteAddress ?? "");
      socket.destroy();
    });
  });
  try {
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const script = `require("net").connect(${port}, "${host}").on("close", () => process.exit())`;
    await runtime.startTask(taskFor(script, host));
    const { inside } = await runtime.observe(key);
    expect(isCaller(inside, await caller)).toBe(true);
    expect(isCaller(inside, "203.0.113.9")).toBe(false);
  } finally {
    server.close();
  }
}

function isCaller({ callers }: Inside, address: string): boolean {
  const networks = new BlockList();
  for (const { address: first, bits } of callers.map(parseNetwork).filter((one) => one !== null)) {
    networks.addSubnet(first, bits, "ipv4");
  }
  return networks.check(address, "ipv4");
}
