import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { runLine, type TestRunOptions } from "../cli/test-run.ts";
import { createApi } from "../http/api.ts";
import type { Deployment } from "../model/deployment.ts";
import { refText, secretsOf } from "../model/release.ts";
import { openFakes } from "../testing/fakes.ts";
import { UnpackingBuilder } from "../testing/unpacking-builder.ts";
import { serveSocket } from "./servers.ts";

export const shopKey = { app: "shop", environment: "production" };

/** How the engine on stage ends what is queued: as it should, or badly; null leaves it under way. */
export type Ending = { readonly is: "good" | "failed"; readonly more?: Partial<Deployment> } | null;

/**
 * A project directory with a manifest and a controller of its own on stage, whose command line is run in this process; for
 * tests. `close` deletes all of it.
 */
export async function openShop(manifest: string) {
  const fakes = await openFakes({ openJournal, openLogs });
  fakes.deps.builder = new UnpackingBuilder();
  const { deps } = fakes;
  const around = mkdtempSync(join(tmpdir(), "fairlead-shop-"));
  const root = join(around, "shop");
  mkdirSync(join(root, ".fairlead"), { recursive: true });
  writeFileSync(join(root, "fairlead.yml"), manifest);
  const api = createApi(deps);
  const server = await serveSocket(
    (request, link) => api.fetch(request, { via: "socket", ...link }),
    join(root, ".fairlead/controller.sock"),
  );
  const shop = {
    deps,
    /** Holds the project directory and nothing else. */
    around,
    root,
    ending: { is: "good" } as Ending,
    run: (argv: readonly string[], options: TestRunOptions = {}) => runLine(argv, { cwd: root, ...options }),
    /** The versions that every service of a release has, as NAME@3. */
    versionsOf: async (release: number): Promise<Record<string, string>> => {
      const services = (await deps.journal.releases.find(shopKey, release))?.services ?? [];
      return Object.fromEntries(services.map(({ name, env }) => [name, secretsOf(env).map(refText).sort().join(" ")]));
    },
    close: async (): Promise<void> => {
      stopListening();
      await server.close();
      await fakes.close();
      rmSync(around, { recursive: true, force: true });
    },
  };
  const finishing = new Set<string>();
  const stopListening = deps.journal.committed(() => {
    void deps.journal.deployments.unfinished(shopKey).then(async (waiting) => {
      for (const { id, kind } of waiting) {
        if (shop.ending === null || finishing.has(id)) continue;
        finishing.add(id);
        const good = kind === "stage" ? "staged" : "live";
        await deps.engine.finish(id, shop.ending.is === "good" ? good : "failed", shop.ending.more ?? {});
      }
    });
  });
  return shop;
}
