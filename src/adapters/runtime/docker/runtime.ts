import { asFault, Fault, isMistake } from "../../../base/faults.ts";
import { SingleFlight } from "../../../base/serial.ts";
import { type ContainerEngine, isRefusal } from "../../../host/engine.ts";
import { installationLabel } from "../../../host/installation.ts";
import { OutputFiles } from "../../../host/output.ts";
import { type EnvKey, keyText, sameKey } from "../../../model/environment.ts";
import type { InstanceSpec, TaskSpec, TerminalSize, Usage } from "../../../model/instance.ts";
import type { DataSpec, Workload } from "../../../model/workload.ts";
import { lastingFiles } from "../../../model/written.ts";
import type { Clock } from "../../../ports/clock.ts";
import type {
  AttachingRuntime,
  Attachment,
  ObservedWorld,
  Output,
  OutputRange,
  OutputStream,
  RuntimeChange,
} from "../../../ports/runtime.ts";
import { Attacher } from "./attachment.ts";
import { Calls } from "./calls.ts";
import { containerBody, mountsOf, unfitContainer } from "./container.ts";
import { type ContainerEntry, observedAs } from "./entry.ts";
import { ContainerFolder } from "./folder.ts";
import { type ImageFacts, imageFacts, ownDirectories } from "./image.ts";
import { type About, aboutInstance, aboutTask, hostOf, identified, labelledKey, labelsOf } from "./labels.ts";
import { containerPorts, containerUsage, type Running } from "./looks.ts";
import { type EnvNetwork, innerName, Networks } from "./networks.ts";
import { ContainerTable } from "./table.ts";
import { EngineVolumes } from "./volumes.ts";
import { Watch } from "./watch.ts";

export interface DockerRuntimeOptions {
  readonly engine: ContainerEngine;
  /**
   * This id distinguishes Fairlead's objects from those of another controller on the same engine
   * (src/host/installation.ts).
   */
  readonly installation: string;
  /** Where output and marks are kept. */
  readonly directory: string;
  /** The image that was built for an artifact's digest; what is no digest is an image already. */
  readonly imageOf: (digest: string) => string;
  /** PATH in which fallocate is searched for. */
  readonly path: string;
  readonly clock: Clock;
  /** Is told mistakes in the code behind which nobody waits for an answer; what the engine fails to do is seen by who observes. */
  readonly failed: (fault: Fault) => void;
  /** How long an instance must have run before the engine may start it again by itself; 5 seconds when not given. */
  readonly armedAfterMs?: number;
}

/** How long the table of what runs is believed without asking the engine, although it reports every change. */
const believedMs = 2_000;
/** Output within this time is reported once. */
const outputMs = 20;

const deliverable = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"];

/**
 * Runs instances and tasks as containers of a Docker engine, found again by their labels. The engine starts an instance
 * that had run for some seconds again when the machine comes up, or when it crashes while no controller is there; while
 * one is, a crash is an exit, and the controller decides.
 *
 * What it cannot do: an exit code above 128 is read as a signal, as shells do. Output is byte-exact as
 * long as the controller that started it lives; after that it is as the engine logs it: bytes that are no UTF-8 are replaced.
 */
export function dockerRuntime(options: DockerRuntimeOptions): AttachingRuntime {
  return new DockerRuntime(options);
}

class DockerRuntime implements AttachingRuntime {
  readonly capsMemory = true;
  readonly volumes: EngineVolumes;
  readonly innerHost = innerName;
  readonly #options: DockerRuntimeOptions;
  readonly #folder: ContainerFolder;
  readonly #calls: Calls;
  readonly #table: ContainerTable;
  readonly #watch: Watch;
  readonly #networks: Networks;
  readonly #output: OutputFiles;
  readonly #listeners = new Set<(change: RuntimeChange) => void>();
  readonly #starting = new SingleFlight();
  readonly #reporting = new Set<string>();
  #checkedAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | null = null;

  constructor(options: DockerRuntimeOptions) {
    const { engine, installation, directory, clock } = options;
    this.#options = options;
    this.#folder = new ContainerFolder(directory);
    this.#calls = new Calls(engine, installation);
    this.#networks = new Networks(engine, installation);
    this.volumes = new EngineVolumes(engine, installation);
    this.#output = new OutputFiles(options.path);
    const notify = (entry: ContainerEntry, what: RuntimeChange["what"]) => this.#tell(entry, what);
    const armedAfterMs = options.armedAfterMs ?? 5_000;
    const failed = (thrown: unknown) => {
      if (isMistake(thrown)) options.failed(asFault(thrown));
    };
    this.#table = new ContainerTable({
      engine,
      calls: this.#calls,
      folder: this.#folder,
      clock,
      notify,
      failed,
      armedAfterMs,
    });
    this.#watch = new Watch({
      engine,
      installation,
      clock,
      failed,
      heard: (event) => this.#table.heard(event, this.#watch.isWhole),
      lookAtAll: () => this.#look({ thoroughly: true }),
    });
  }

  async observe(key: EnvKey): Promise<ObservedWorld> {
    const own = (await this.#entries()).filter((entry) => sameKey(entry.key, key));
    const { unreadable, ...seen } = observedAs(own);
    for (const { name } of this.#table.illegible.filter((each) => sameKey(each.key, key))) {
      unreadable.push({ name, identity: null, why: "its labels were changed" });
    }
    const unknown = this.#table.unknown.filter((each) => sameKey(each.key, key));
    const unknownKinds = unknown.map(({ name, kind }) => ({ name, key, kind }));
    return { ...seen, unreadable, unknownKinds, inside: await this.#networks.inside(key) };
  }

  async keys(): Promise<readonly EnvKey[]> {
    const keys = [...(await this.#entries()), ...this.#table.unknown].map(({ key }) => key);
    return [...new Map(keys.map((key) => [keyText(key), key])).values()];
  }

  start(spec: InstanceSpec | DataSpec): Promise<void> {
    return this.#starting.run(spec.name, () => this.#begin(spec, (host) => aboutInstance(spec, host)));
  }

  startTask(spec: TaskSpec): Promise<void> {
    return this.#starting.run(spec.name, () => this.#begin(spec, () => aboutTask(spec)));
  }

  async startAttached(spec: TaskSpec, terminal: TerminalSize | null): Promise<Attachment> {
    const attacher = new Attacher(this.#options.engine, terminal);
    const start = this.#starting.run(spec.name, () => this.#begin(spec, () => aboutTask(spec), attacher));
    return attacher.after(start);
  }

  async signal(name: string, signal: string): Promise<void> {
    if (!deliverable.includes(signal)) throw new Fault("request.invalid", `${signal.slice(0, 20)} cannot be sent`);
    await this.#watch.ready();
    const entry = this.#table.entries.get(name);
    if (!entry || entry.exit || (entry.startedAt === null && entry.trouble === null)) return;
    const now = this.#options.clock.now();
    if (signal === "SIGKILL") {
      entry.killedAt ??= now;
      this.#folder.setMark(name, "killed", entry.killedAt);
    } else {
      entry.stopSignalAt ??= now;
      this.#folder.setMark(name, "stopped", entry.stopSignalAt);
    }
    await this.#calls.kill(entry.id ?? "", signal);
  }

  /** Its anonymous volumes go with the container: nothing else could ever find them again. */
  async remove(name: string): Promise<void> {
    await this.#watch.ready();
    await this.#starting.over(name);
    const entry = this.#table.entries.get(name);
    if (!entry) return;
    if (!entry.exit && entry.startedAt !== null) throw new Fault("operation.failed", `${name} still runs`);
    if (!entry.exit) await this.#table.abandon(entry);
    else await this.#delete(entry);
    if (entry.isLeaving) return;
    for (const stream of ["stdout", "stderr"] as const) this.#output.forget(this.#folder.outputPath(name, stream));
    await this.#tidy(entry.key);
  }

  /** A container's address is its own. */
  async strangerAt(): Promise<null> {
    return null;
  }

  async listening(name: string): Promise<readonly number[]> {
    const running = this.#running(name);
    return running ? containerPorts(running) : [];
  }

  async usage(name: string): Promise<Usage | null> {
    const running = this.#running(name);
    return running ? containerUsage(this.#options.engine, running) : null;
  }

  async written(name: string): Promise<readonly string[]> {
    const running = this.#running(name);
    return running ? lastingFiles(await this.#calls.written(running.id)) : [];
  }

  async readOutput(name: string, { stream, offset, limit }: OutputRange): Promise<Output> {
    this.#folder.check(name);
    // The files belong to this controller (spool.ts): nothing truncates them.
    return this.#output.read(this.#folder.outputPath(name, stream), { offset, limit, isOpen: false });
  }

  async releaseOutput(name: string, stream: OutputStream, offset: number): Promise<void> {
    if (this.#table.entries.has(name)) await this.#output.release(this.#folder.outputPath(name, stream), offset);
  }

  changes(listener: (change: RuntimeChange) => void): () => void {
    const own = (change: RuntimeChange) => listener(change);
    this.#listeners.add(own);
    this.#watch.start();
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#starting.over();
    this.#watch.close();
    await this.#table.close();
  }

  /** What there is. An engine that does not answer is a fault: nothing must look as if it had stopped. */
  async #entries(): Promise<readonly ContainerEntry[]> {
    await this.#watch.ready();
    if (performance.now() - this.#checkedAt >= believedMs) await this.#look({ thoroughly: false });
    return [...this.#table.entries.values()];
  }

  #look(how: { thoroughly: boolean }): Promise<void> {
    if (this.#checking && !how.thoroughly) return this.#checking;
    const before = performance.now();
    const look = Promise.allSettled([this.#checking])
      .then(() => this.#table.lookAtAll(how))
      .then(() => {
        this.#checkedAt = before;
      })
      .finally(() => {
        if (this.#checking === look) this.#checking = null;
      });
    this.#checking = look;
    return look;
  }

  #running(name: string): Running | null {
    const entry = this.#table.entries.get(name);
    if (!entry?.id || entry.exit !== null || entry.ending !== null || entry.startedAt === null) return null;
    return { id: entry.id, pid: entry.pid };
  }

  async #begin(spec: Workload["spec"], about: (host: string | null) => About, attacher?: Attacher): Promise<void> {
    this.#folder.check(spec.name);
    await this.#watch.ready();
    const known = this.#table.entries.get(spec.name);
    if (known && known.exit === null && known.startedAt === null) await this.#table.abandon(known);
    if (this.#table.entries.has(spec.name)) return;
    const reason = unfitContainer(spec) ?? (await this.#lackingVolume(spec));
    if (reason !== null) return this.#table.stillborn(about(null), reason);
    const image = /^sha256:/.test(spec.artifact) ? this.#options.imageOf(spec.artifact) : spec.artifact;
    try {
      const facts = await imageFacts(this.#options.engine, image);
      if (facts === null) {
        const reason = `the container engine no longer has its image ${image}; \`fairlead deploy\` builds it again`;
        return this.#table.stillborn(about(null), reason);
      }
      await this.#place({ spec, about, image, facts, attacher });
    } catch (thrown) {
      if (!isRefusal(thrown, 400, 404, 409, 500)) throw thrown;
      this.#table.stillborn(about(null), (thrown as Fault).detail);
    }
  }

  /** The engine would make a volume that is not there, and a database would begin with nothing. */
  async #lackingVolume(spec: Workload["spec"]): Promise<string | null> {
    const { key } = "identity" in spec ? spec.identity : spec;
    for (const { volume: name } of mountsOf(spec)) {
      if (!(await this.volumes.has({ key, name }))) return `its volume ${name} is not there`;
    }
    return null;
  }

  async #place(start: Start): Promise<void> {
    const { about, spec } = start;
    const { key } = "identity" in spec ? spec.identity : spec;
    const wantsAddress = "port" in spec && (spec.port !== null || spec.tcpPorts.length > 0);
    await this.#networks.during(key, async (network) => {
      const entry = this.#table.add(about(wantsAddress ? this.#address(key, network) : null));
      entry.isStarting = true;
      try {
        entry.id = await this.#create(entry.about, { ...start, network });
        const writable = mountsOf(spec).flatMap(({ path, readOnly }) => (readOnly ? [] : [path]));
        if (!spec.readOnly) await ownDirectories(this.#options.engine, entry.id, { facts: start.facts, writable });
        await this.#run(entry, start.attacher);
      } catch (thrown) {
        // Not begun: as if it had never been. What the engine has of it is found and taken away with the next look.
        if (this.#folder.mark(entry.name, "begun") === null) await this.#table.forget(entry);
        throw thrown;
      } finally {
        entry.isStarting = false;
      }
    });
  }

  #address(key: EnvKey, network: EnvNetwork): string {
    const placed = [...this.#table.entries.values()].filter((entry) => sameKey(entry.key, key));
    const hosts = placed
      .sort((a, b) => b.createdAt - a.createdAt)
      .map(({ about }) => hostOf(about))
      .filter((host) => host !== null);
    const others = this.#table.unknown.flatMap(({ host }) => host ?? []);
    return this.#networks.address(network, new Set([...hosts, ...others]), hosts[0] ?? null);
  }

  /** Creates the container: this claims the name on the engine. */
  async #create(about: About, start: Start & { network: EnvNetwork }): Promise<string> {
    const { spec, image, facts, network, attacher } = start;
    const labels = labelsOf(about, this.#options.installation);
    const key = labelledKey(about);
    const named = mountsOf(spec).map(({ volume: name }) => [name, this.volumes.nameOf({ key, name })] as const);
    const volumes = new Map(named);
    const body = containerBody(about, spec, { image, facts, labels, network, volumes, terminal: attacher?.terminal });
    try {
      return await this.#calls.create(about.name, body);
    } catch (thrown) {
      if (!isRefusal(thrown, 409) || !(await this.#clearName(about.name))) throw thrown;
      return this.#calls.create(about.name, body);
    }
  }

  /** The name is taken. A container of ours that nobody knows of is what a lost answer left, and was never started. */
  async #clearName(name: string): Promise<boolean> {
    const taken = await this.#calls.inspect(name);
    const { Labels = {} } = taken?.Config ?? {};
    if (taken === null || Labels[installationLabel] !== this.#options.installation) return false;
    if (identified(name, Labels)?.is === "unknown") return false;
    await this.#calls.remove(taken.Id);
    return true;
  }

  /** Starts a container once. From here on only the engine knows whether the command was started. */
  async #run(entry: ContainerEntry, attacher: Attacher | undefined): Promise<void> {
    await (attacher ? attacher.attach(entry) : this.#table.follower(entry)?.attach());
    this.#folder.setMark(entry.name, "begun", this.#options.clock.now());
    try {
      await this.#calls.start(entry.id ?? "");
    } catch (thrown) {
      // Its network may have been taken away by somebody.
      this.#networks.forget(entry.key);
      await this.#table.look(entry);
      if (entry.startedAt === null) throw thrown;
    }
    await attacher?.begun(entry);
    await this.#table.look(entry);
  }

  /** What the engine cannot take away now (a mount in use, a removal that hangs) is told, and tried again by itself. */
  async #delete(entry: ContainerEntry): Promise<void> {
    try {
      await this.#table.delete(entry);
    } catch (thrown) {
      if (!isRefusal(thrown, 409, 500)) throw thrown;
      entry.isLeaving = true;
      this.#table.troubled(entry, thrown);
    }
  }

  /** Takes an environment's network away when nothing of it is left. */
  async #tidy(key: EnvKey): Promise<void> {
    const isEmpty = ![...this.#table.entries.values(), ...this.#table.unknown].some((one) => sameKey(one.key, key));
    if (isEmpty) await this.#networks.drop(key);
  }

  #tell(entry: ContainerEntry, what: RuntimeChange["what"]): void {
    if (what === "state" || entry.exit !== null) this.#report(entry, what);
    else if (!this.#reporting.has(entry.name)) {
      this.#reporting.add(entry.name);
      this.#options.clock.after(outputMs, () => {
        this.#reporting.delete(entry.name);
        this.#report(entry, what);
      });
    }
  }

  #report({ key, name }: ContainerEntry, what: RuntimeChange["what"]): void {
    for (const listener of this.#listeners) listener({ key, name, what });
  }
}

interface Start {
  readonly spec: Workload["spec"];
  readonly about: (host: string | null) => About;
  readonly image: string;
  readonly facts: ImageFacts;
  /** Undefined: its output goes to files. */
  readonly attacher: Attacher | undefined;
}
