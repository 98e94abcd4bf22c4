import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Fault } from "../base/faults.ts";
import { Serial } from "../base/serial.ts";
import type { Certificates, ControlLoop } from "../engine/engine.ts";
import type { Domain, DomainFinding } from "../model/certificate.ts";
import type { Deployment, Verdict } from "../model/deployment.ts";
import { type EnvKey, keyText, sameKey } from "../model/environment.ts";
import type { Exit, ObservedTask, TaskSpec, TerminalSize } from "../model/instance.ts";
import type { ArtifactState } from "../model/release.ts";
import { plan } from "../plan/decide.ts";
import { nextServing } from "../plan/deployment-context.ts";
import { emptySnapshot, type Snapshot } from "../plan/plan.ts";
import type { Builder, StoredObject } from "../ports/builder.ts";
import type { Clock } from "../ports/clock.ts";
import type { EdgeAnswer } from "../ports/edge.ts";
import type { Journal } from "../ports/journal.ts";
import type { LogStore } from "../ports/logs.ts";
import {
  type AttachingRuntime,
  type Attachment,
  emptyWorld,
  type Output,
  type OutputRange,
  type OutputStream,
  type RuntimeChange,
  type Volumes,
} from "../ports/runtime.ts";
import { wallClock } from "./clock.ts";
import { SimulatedVault } from "./simulation/vault.ts";

/** A builder that only remembers: sources are put in, artifacts are declared built. */
export class FakeBuilder implements Builder {
  makes: Builder["makes"] = "directories";
  readonly sources = new Map<string, ReadonlyMap<string, string>>();
  readonly states = new Map<string, ArtifactState>();
  readonly admitted = new Map<string, number>();

  async hasSource(digest: string): Promise<boolean> {
    return this.sources.has(digest);
  }

  async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    let bytes = 0;
    for await (const chunk of tar) bytes += chunk.length;
    this.admitted.set(digest, bytes);
    this.sources.set(digest, new Map());
  }

  async readSource(digest: string, path: string): Promise<Uint8Array | null> {
    const text = this.sources.get(digest)?.get(path);
    return text === undefined ? null : new TextEncoder().encode(text);
  }

  async observe(digest: string): Promise<ArtifactState> {
    return this.states.get(digest) ?? { state: "absent" };
  }

  async build(): Promise<void> {}

  async list(): Promise<readonly StoredObject[]> {
    return [];
  }

  async remove(_object: { digest: string }): Promise<void> {}
}

/** As where none was ever made. */
export const noVolumes: Volumes = { ensure: async () => {}, list: async () => [], remove: async () => {} };

interface FakeAttached {
  readonly spec: TaskSpec;
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly sizes: TerminalSize[];
  hungUp: boolean;
}

/** A runtime that starts nothing: tests say what its tasks wrote and how they ended. */
export class FakeRuntime implements AttachingRuntime {
  readonly capsMemory = false;
  volumes: Volumes = noVolumes;
  readonly innerHost = (key: EnvKey, service: string) => `${service}.${key.app}.internal`;
  readonly tasks = new Map<string, { task: ObservedTask; output: Record<OutputStream, Uint8Array> }>();
  readonly signals: string[] = [];
  /** The attached tasks, and the other side of their streams. */
  readonly attached: FakeAttached[] = [];
  readonly #listeners = new Set<(change: RuntimeChange) => void>();

  async observe(key: EnvKey) {
    const tasks = [...this.tasks.values()].map(({ task }) => task).filter(({ spec }) => sameKey(spec.key, key));
    return { ...emptyWorld, tasks };
  }

  async keys(): Promise<readonly EnvKey[]> {
    return [];
  }

  async start(): Promise<void> {}

  async startTask(spec: TaskSpec): Promise<void> {
    const task = { name: spec.name, spec, startedAt: Date.now(), exit: null };
    this.tasks.set(spec.name, { task, output: { stdout: new Uint8Array(), stderr: new Uint8Array() } });
  }

  async startAttached(spec: TaskSpec, terminal: TerminalSize | null): Promise<Attachment> {
    await this.startTask(spec);
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const attached = { spec, stdin, stdout, stderr, sizes: terminal ? [terminal] : [], hungUp: false };
    this.attached.push(attached);
    const hangUp = () => {
      attached.hungUp = true;
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    };
    return {
      stdout: stdout.iterator(),
      stderr: stderr.iterator(),
      write: (bytes) => new Promise<void>((resolve) => stdin.write(bytes, () => resolve())),
      end: () => void stdin.end(),
      resize: async (size) => void attached.sizes.push(size),
      hangUp,
      release: hangUp,
    };
  }

  /** A task writes something. */
  write(name: string, stream: OutputStream, bytes: Uint8Array): void {
    const entry = this.#entry(name);
    entry.output[stream] = Buffer.concat([entry.output[stream], bytes]);
    this.#report(entry.task, "output");
  }

  /** A task ends. */
  end(name: string, exit: Omit<Exit, "at">): void {
    const entry = this.#entry(name);
    entry.task = { ...entry.task, exit: { at: Date.now(), ...exit } };
    this.#report(entry.task, "state");
  }

  async signal(name: string, signal: string): Promise<void> {
    this.signals.push(`${name} ${signal}`);
    const isAttached = this.tasks.get(name)?.task.spec.purpose === "attached";
    if (signal === "SIGKILL" || isAttached) this.end(name, { code: null, signal, reason: "signalled" });
  }

  async remove(name: string): Promise<void> {
    if (this.#entry(name).task.exit === null) throw new Fault("operation.failed", `${name} still runs`);
    this.tasks.delete(name);
  }

  async strangerAt(): Promise<null> {
    return null;
  }

  async listening(): Promise<readonly number[]> {
    return [];
  }

  async usage() {
    return null;
  }

  async written(): Promise<readonly string[]> {
    return [];
  }

  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    return { at: offset, bytes: this.#entry(name).output[stream].slice(offset, offset + limit) };
  }

  async releaseOutput(): Promise<void> {}

  changes(listener: (change: RuntimeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many listen; a reader that left must not be among them. */
  get listeners(): number {
    return this.#listeners.size;
  }

  async close(): Promise<void> {}

  #entry(name: string) {
    const entry = this.tasks.get(name);
    if (!entry) throw new Fault("task.unknown", name);
    return entry;
  }

  #report({ name, spec }: ObservedTask, what: RuntimeChange["what"]): void {
    for (const listener of this.#listeners) listener({ key: spec.key, name, what });
  }
}

/** An engine that decides nothing: changes run one after the other, and the world is what the test put on stage. */
export class FakeEngine implements ControlLoop {
  readonly #journal: Journal;
  readonly #serial = new Serial();
  /** What `observe` adds to what the journal knows. */
  world: Partial<Snapshot> = {};

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  exclusively<T>(key: EnvKey, change: () => Promise<T>): Promise<T> {
    return this.#serial.run(keyText(key), change);
  }

  async observe(key: EnvKey): Promise<Snapshot> {
    const environment = await this.#journal.environments.find(key);
    if (!environment) throw new Fault("app.unknown", keyText(key));
    return {
      ...emptySnapshot(key, Date.now()),
      environment,
      releases: await this.#journal.releases.page(key, { limit: 100 }),
      deployments: await this.#journal.deployments.unfinished(key),
      facts: await this.#journal.environments.facts(key),
      edge: { up: true, table: null, stats: {} },
      ...this.world,
    };
  }

  /** Writes down what the planner would, and does nothing else of its plan. */
  async record(key: EnvKey, now: number): Promise<void> {
    for (const step of plan({ ...(await this.observe(key)), now }).steps) {
      if (step.do === "record") await this.#journal.commit(step.changes);
    }
  }

  async plan() {
    return { steps: [], deployment: null, againAfterMs: null, why: "at rest" };
  }

  async usage() {
    return { memoryBytes: 1_048_576, cpuMs: 12.4, processes: 1 };
  }

  /** Ends a deployment as the loop would; a live one serves from then on, and a staged one waits. */
  async finish(id: string, verdict: Verdict, more: Partial<Deployment> = {}): Promise<void> {
    const deployment = await this.#journal.deployments.find(id);
    if (!deployment) throw new Fault("deployment.unknown", id);
    const { key, release: number, history } = deployment;
    const at = Date.now();
    const ended = {
      ...deployment,
      verdict,
      phase: "ended" as const,
      endedAt: at,
      history: [...history, { phase: "ended" as const, at }],
    };
    const release = await this.#journal.releases.find(key, number);
    if (!release) throw new Fault("release.unknown", `v${number}`);
    await this.#journal.commit([
      { kind: "deployment", deployment: { ...ended, ...more } },
      ...(verdict === "live" ? [{ kind: "serving", key, serving: nextServing(deployment, release) } as const] : []),
      ...(verdict === "staged" ? [{ kind: "staged", key, staged: number } as const] : []),
    ]);
  }
}

/** A stage whose journal and log store are real ones, in a `directory` of their own that `close` deletes. */
export async function openFakes({ openJournal, openLogs }: FakeStores) {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-stage-"));
  const journal = await openJournal(join(directory, "journal.db"), wallClock);
  const logs = await openLogs(join(directory, "logs.db"), wallClock);
  const close = async (): Promise<void> => {
    await journal.close();
    await logs.close();
    await rm(directory, { recursive: true });
  };
  return { deps: fakeDeps({ journal, logs }), directory, close };
}

/** Without TLS: there are no certificates, and nobody to ask for one. */
class FakeCertificates implements Certificates {
  has(): boolean {
    return false;
  }

  async domains(): Promise<readonly Domain[]> {
    return [];
  }

  async add(): Promise<void> {}

  async selfSign(): Promise<void> {}

  async remove(): Promise<void> {}

  async check(): Promise<DomainFinding> {
    const nothing = { dns: "none", dnsDetail: "", port: "not-tried", portDetail: "" } as const;
    return { addresses: [], ...nothing, fault: null };
  }

  async retry(): Promise<void> {}
}

interface FakeStores {
  readonly openJournal: (file: string, clock: Clock) => Promise<Journal>;
  readonly openLogs: (file: string, clock: Clock) => Promise<LogStore>;
}

/** All that the API stands on, with nobody at work behind it. */
export function fakeDeps({ journal, logs, clock = wallClock }: { journal: Journal; logs: LogStore; clock?: Clock }) {
  const failures: object[] = [];
  return {
    journal,
    logs,
    clock,
    engine: new FakeEngine(journal),
    builder: new FakeBuilder(),
    runtime: new FakeRuntime(),
    vault: new SimulatedVault(),
    edge: {
      address: () => ({ host: "127.0.0.1", port: 8080 }),
      secureAddress: () => null,
      answer: (): EdgeAnswer => ({ answers: true, since: 0, detail: null }),
    },
    certificates: new FakeCertificates(),
    info: { version: "0.1.0", pid: 1, stateDirectory: "/state", runtime: "process", startedAt: 0 },
    tokenDigest: null as string | null,
    intact: () => undefined,
    doctor: async () => [{ name: "disk", state: "ok" as const, detail: "10 GB free", fix: null }],
    /** What was recorded as a failure of the controller's own. */
    failures,
    log: { info: () => {}, error: (what: object) => void failures.push(what) },
  };
}
