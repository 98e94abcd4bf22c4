import { expect, test } from "vitest";
import { noRedactor } from "../base/redact.ts";
import type { ObservedInstance } from "../model/instance.ts";
import { nowhere } from "../model/route.ts";
import type { ObservedWorld, OutputRange, Runtime } from "../ports/runtime.ts";
import { SimulatedClock } from "../testing/simulation/clock.ts";
import { SimulatedLogs } from "../testing/simulation/logs.ts";
import { LogIngest } from "./ingest.ts";
import type { Redactors } from "./redaction.ts";

const key = { app: "shop", environment: "production" };
const other = { app: "shop", environment: "staging" };

/** Instances by name, of which each has written this to stderr. */
function world(written: Readonly<Record<string, string>>) {
  const logs = new SimulatedLogs();
  const runtime = {
    readOutput: async (name: string, { stream, offset, limit }: OutputRange) =>
      stream === "stderr" ? Buffer.from(written[name] ?? "").subarray(offset, offset + limit) : new Uint8Array(),
  } as unknown as Runtime;
  const redactors = { of: async () => noRedactor } as unknown as Redactors;
  const start = () => new LogIngest({ runtime, logs, clock: new SimulatedClock(), redactors });
  return { start };
}

function seen(name: string): ObservedWorld {
  return {
    instances: [{ name, identity: { service: "web", release: 1 } } as ObservedInstance],
    tasks: [],
    unreadable: [],
    inside: nowhere,
  };
}

test("lines of level error or worse are counted by instance and environment, also by the next controller", async () => {
  const { start } = world({
    "web-1": 'INFO starts\n{"level":"error","msg":"no database"}\nFATAL gives up\nno errors here\n',
    "web-2": "INFO starts\n",
    "web-3": "ERROR elsewhere\n",
  });
  const first = start();
  for (const name of ["web-1", "web-2"]) await first.know(key, seen(name));
  await first.know(other, seen("web-3"));
  for (const name of ["web-1", "web-2", "web-3"]) await first.take(name);
  expect(first.errorLines(key)).toEqual({ "web-1": 2, "web-2": 0 });
  expect(first.errorLines(other)).toEqual({ "web-3": 1 });

  const second = start();
  await second.know(key, seen("web-1"));
  await second.take("web-1");
  expect(second.errorLines(key)).toEqual({ "web-1": 2 });
  await second.forget("web-1");
  expect(second.errorLines(key)).toEqual({});
});
