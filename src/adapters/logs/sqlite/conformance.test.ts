import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../../ports/clock.ts";
import { type LogStoreUnderTest, logsConformance } from "../../../testing/conformance/logs.ts";
import { openLogs } from "./open.ts";

/** `crash` opens a copy of the files as they lie on disk at that moment: what a killed process leaves. */
async function sqliteLogs(): Promise<LogStoreUnderTest> {
  const root = mkdtempSync(join(tmpdir(), "fl-logs-"));
  const at = (life: number) => join(root, String(life));
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after: (_ms, then) => {
      timers.add(then);
      return () => timers.delete(then);
    },
  };
  let life = 0;
  mkdirSync(at(0));
  let current = await openLogs(join(at(0), "logs.db"), clock);
  return {
    store: current,
    crash: async () => {
      timers.clear();
      cpSync(at(life), at(life + 1), { recursive: true });
      await current.close();
      life += 1;
      current = await openLogs(join(at(life), "logs.db"), clock);
      return current;
    },
    settle: async () => {
      for (const then of [...timers]) {
        timers.delete(then);
        then();
      }
    },
    dispose: async () => {
      await current.close();
      rmSync(root, { recursive: true });
    },
  };
}

logsConformance("sqlite", sqliteLogs);
