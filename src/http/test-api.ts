import { afterEach, beforeEach, expect } from "vitest";
import { openJournal } from "../adapters/journal/sqlite/open.ts";
import { openLogs } from "../adapters/logs/sqlite/open.ts";
import { sha256 } from "../base/digest.ts";
import type { EnvKey } from "../model/environment.ts";
import type { Release } from "../model/release.ts";
import { openFakes } from "../testing/fakes.ts";
import { type Connection, createApi } from "./api.ts";

type FakeController = Awaited<ReturnType<typeof openFakes>>;

export interface Asking {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How it comes; omitted: over the controller's own socket. */
  readonly from?: Connection;
}

/** The API on a stage whose journal and log store are real ones, again before each test of the file that calls this. */
export function apiOnFakes(): ApiOnFakes {
  let fakes: FakeController | null = null;
  const opened = new ApiOnFakes();
  beforeEach(async () => {
    fakes = await openFakes({ openJournal, openLogs });
    opened.deps = fakes.deps;
    opened.directory = fakes.directory;
    opened.api = createApi(fakes.deps);
  });
  afterEach(() => fakes?.close());
  return opened;
}

class ApiOnFakes {
  deps!: FakeController["deps"];
  /** Where the journal lies. */
  directory!: FakeController["directory"];
  api!: ReturnType<typeof createApi>;

  async request(method: string, path: string, asking: Asking = {}): Promise<Response> {
    const { body, headers, from = { via: "socket" } } = asking;
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    return this.api.request(path, { method, headers: { ...type, ...headers }, ...json }, from);
  }

  /** The same, for the JSON of the answer. */
  async ask(method: string, path: string, asking: Asking = {}) {
    const response = await this.request(method, path, asking);
    const { status, headers } = response;
    return { status, headers, json: status === 204 ? null : await response.json() };
  }

  /** Has a source there with this manifest and perhaps more files; the answer is its digest. */
  put(manifest: string, files: Readonly<Record<string, string>> = {}): string {
    const digest = sha256(manifest);
    this.deps.builder.sources.set(digest, new Map(Object.entries({ "fairlead.yml": manifest, ...files })));
    return digest;
  }

  /** Ends a deployment well, and has there what it built. */
  async finish(id: string): Promise<void> {
    await this.deps.engine.finish(id, "live");
    const deployment = await this.deps.journal.deployments.find(id);
    const release = deployment && (await this.deps.journal.releases.find(deployment.key, deployment.release));
    for (const { digest } of release?.artifacts ?? []) this.deps.builder.states.set(digest, { state: "built" });
  }

  async newest(key: EnvKey): Promise<Release> {
    const { journal } = this.deps;
    return (
      (await journal.releases.find(key, await journal.releases.lastNumber(key))) ?? expect.fail("there is no release")
    );
  }
}
