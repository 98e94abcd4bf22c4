import { parseArgs } from "node:util";
import { assembleController } from "../../src/main/controller.ts";
import type { Change } from "../../src/ports/journal.ts";

/**
 * A controller that kills itself with SIGKILL right after its n-th journal write since a deployment was last queued, or with
 * 0 never, and prints `write 1`, `write 2` …: `crashing-controller.ts --crash-after N --state DIR --edge HOST:PORT`. All the
 * rest is the real one.
 */
const { values } = parseArgs({
  options: {
    "crash-after": { type: "string" },
    state: { type: "string" },
    edge: { type: "string" },
    runtime: { type: "string", default: "process" },
    engine: { type: "string" },
    proxy: { type: "string" },
    ports: { type: "string" },
  },
});
const crashAfter = Number(values["crash-after"]);
const [host = "127.0.0.1", port = "0"] = (values.edge ?? "").split(":");
const [from, to] = (values.ports ?? "").split("-").map(Number);
const writing: ReadonlySet<string | symbol> = new Set(["commit", "begin", "claim", "answer", "disclaim"]);
let armed = false;
let writes = 0;

function wrote(): void {
  if (!armed) return;
  writes += 1;
  console.log(`write ${writes}`);
  if (writes === crashAfter) process.kill(process.pid, "SIGKILL");
}

function isQueued(change: Change): boolean {
  return change.kind === "deployment" && change.deployment.phase === "queued";
}

function crashing<Port extends object>(port: Port): Port {
  return new Proxy(port, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member === "object" && member !== null) return crashing(member);
      if (typeof member !== "function") return member;
      if (!writing.has(name)) return member.bind(target);
      return async (...args: readonly unknown[]) => {
        if (name === "commit" && (args[0] as readonly Change[]).some(isQueued)) {
          armed = true;
          writes = 0;
        }
        const answer = await (member as (...all: readonly unknown[]) => Promise<unknown>).apply(target, [...args]);
        wrote();
        return answer;
      };
    },
  });
}

const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
);
const platform = {
  runtime: values.runtime === "docker" ? "docker" : "process",
  ...(from !== undefined && to !== undefined && { ports: { from, to } }),
  ...(values.engine !== undefined && { engine: values.engine }),
  ...(values.proxy === "haproxy" && { proxy: "haproxy" as const }),
} as const;
const controller = await assembleController(
  { stateDirectory: values.state ?? "", listen: null, edge: { host, port: Number(port) }, env, ...platform },
  (adapters) => ({ ...adapters, journal: crashing(adapters.journal) }),
);
process.once("SIGTERM", () => void controller.close().then(() => process.exit(0)));
