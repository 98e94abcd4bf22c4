import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { replaceFile } from "../../../host/files.ts";
import { endLeftovers } from "../../../host/leftovers.ts";
import { type Copy, copyTree, fileOwner, makeReadable } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit, ObservedTask } from "../../../model/instance.ts";
import { type ArtifactSpec, unconfined } from "../../../model/release.ts";
import {
  type ArtifactState,
  type Builder,
  type BuildVariables,
  noVariables,
  type StoredObject,
} from "../../../ports/builder.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Runtime } from "../../../ports/runtime.ts";
import { ContentStore, hexOf, isDigest, unlessMissing } from "../source/content-store.ts";
import { Sources } from "../source/sources.ts";
import { KeptPackages, type PackagesOptions } from "./packages.ts";

export interface ProcessBuilderOptions {
  readonly directory: string;
  /** Runs the build commands, as tasks of the environment that asked. */
  readonly runtime: Runtime;
  /** The user of an environment's tasks; null: that of this process. */
  readonly userOf: (key: EnvKey) => Promise<User | null>;
  /** The owner of artifacts: no app runs as this user. Null: the user of the build, or of this process. */
  readonly owner: User | null;
  readonly clock: Clock;
  readonly packages: PackagesOptions;
  /** The PATH of builds of a source, or what the machine lacks for it. */
  readonly programsFor: (context: string) => Promise<{ readonly path: string } | { readonly lacks: string }>;
  /** Receives notices about the store. */
  readonly notify: (words: string) => void;
}

type ForWhom = Parameters<Builder["build"]>[1];

/** What a directory is made of: `copyTree` tells more. */
type Content = Pick<Copy, "from" | "only" | "below">;

/** One command of a build, in a directory made of `content`. */
interface Job {
  readonly digest: string;
  readonly forWhom: ForWhom;
  readonly variables: BuildVariables;
  readonly command: readonly string[];
  readonly content: Content;
  readonly packages?: string;
}

/** The record of a build before its command starts. */
interface BuildRecord {
  readonly key: EnvKey;
  /** Null: it did not begin. */
  readonly task: string | null;
  readonly command: readonly string[];
  readonly staging: string;
  readonly since: number;
  /** For the first of two steps: the packages that it makes. */
  readonly packages?: string;
  /** The first step alone failed: everything is one command. */
  readonly whole?: true;
  /** Why the command's output cannot be an artifact; absent: not tried, or it is one. */
  readonly refused?: string;
}

/**
 * Builds in directories: `whole/sources/<hex>`, `whole/artifacts/<hex>`, `whole/packages/<hex>`, `builds/<hex>.json` for
 * a build under way and `staging/` for what is not finished. A build is a task of the runtime in a copy of the source;
 * only the task shows its state, so it continues without the controller. After its end, everything that it left running
 * is ended and its output copied: the artifact belongs to a user that runs nothing, is read-only, and no process of the
 * build can access it.
 *
 * Where detection knows what installs the packages, that is a task of its own before, with nothing but the files that
 * it reads; its output is kept like an artifact. Then the artifact is absent again, and who asks for it next begins
 * with the packages. If that task fails, the whole command is tried in the whole source.
 */
export function processBuilder(options: ProcessBuilderOptions): Builder {
  return new ProcessBuilder(options);
}

class ProcessBuilder implements Builder {
  readonly makes = "directories";
  readonly #options: ProcessBuilderOptions;
  readonly #store: ContentStore;
  readonly #sources: Sources;
  readonly #packages: KeptPackages;
  readonly #preparing = new Map<string, { since: number; done: Promise<void> }>();
  readonly #finishing = new Map<string, Promise<ArtifactState>>();
  #opened: Promise<void> | null = null;

  constructor(options: ProcessBuilderOptions) {
    this.#options = options;
    const { directory, owner, notify } = options;
    this.#store = new ContentStore({ directory, kinds: ["source", "artifact", "packages"], owner, notify });
    this.#sources = new Sources(this.#store, options.clock);
    this.#packages = new KeptPackages(this.#store, options.packages);
  }

  async hasSource(digest: string): Promise<boolean> {
    await this.#open();
    return this.#sources.has(digest);
  }

  async admit(digest: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#open();
    return this.#sources.admit(digest, tar);
  }

  async readSource(digest: string, path: string): Promise<Uint8Array | null> {
    await this.#open();
    return this.#sources.read(digest, path);
  }

  async observe(digest: string): Promise<ArtifactState> {
    await this.#open();
    const preparing = this.#preparing.get(digest);
    if (!preparing || (await this.#store.has("artifact", digest))) return this.#look(digest);
    return { state: "building", since: preparing.since, task: null };
  }

  build(artifact: ArtifactSpec, forWhom: ForWhom, variables = noVariables): Promise<void> {
    const { digest } = artifact;
    const preparing = this.#preparing.get(digest);
    if (preparing) return preparing.done;
    const done = this.#ensure(artifact, forWhom, variables).finally(() => this.#preparing.delete(digest));
    this.#preparing.set(digest, { since: this.#options.clock.now(), done });
    return done;
  }

  async list(): Promise<readonly StoredObject[]> {
    await this.#open();
    await this.#packages.prune(this.#options.clock.now());
    return this.#store.list(["source", "artifact"]);
  }

  async remove({ digest, what, touchedAt }: Parameters<Builder["remove"]>[0]): Promise<void> {
    await this.#open();
    await this.#store.remove(what, digest, touchedAt);
    if (what === "artifact" && !(await this.#store.has(what, digest))) await this.#forget(digest);
  }

  #open(): Promise<void> {
    this.#opened ??= this.#store
      .open(() => this.#kept())
      .catch((thrown) => {
        this.#opened = null;
        throw thrown;
      });
    return this.#opened;
  }

  async #look(digest: string): Promise<ArtifactState> {
    if (await this.#has(digest)) return { state: "built" };
    const record = await this.#record(digest);
    if (record?.task === null)
      return { state: "failed", code: "build.failed", detail: record.refused ?? "", task: null };
    const task = record && (await this.#task(record));
    // Without its task a build never started: the controller died before, or the task was removed.
    if (!record || !task || record.whole) return { state: "absent" };
    if (task.exit === null) return { state: "building", since: record.since, task: task.name };
    const failed = (detail: string) => ({ state: "failed", code: "build.failed", detail, task: task.name }) as const;
    if (record.refused !== undefined) return failed(record.refused);
    if (task.exit.code !== 0 || task.exit.reason !== "exited") {
      this.#store.discard(record.staging);
      if (record.packages !== undefined && task.exit.reason === "exited" && task.exit.signal === null) {
        await this.#write(digest, { ...record, whole: true });
        return { state: "absent" };
      }
      return failed(failureOf(record.command, task.exit));
    }
    if ((await unlessMissing(lstat(record.staging))) === null) return { state: "absent" };
    return this.#finish(digest, record);
  }

  /** A requested artifact is not collected for a while. */
  async #has(digest: string): Promise<boolean> {
    const now = this.#options.clock.now();
    if (!(await this.#store.has("artifact", digest))) return false;
    await this.#store.dropIfDamaged("artifact", digest, now);
    return this.#store.touch("artifact", digest, now);
  }

  async #ensure(artifact: ArtifactSpec, forWhom: ForWhom, variables: BuildVariables): Promise<void> {
    await this.#open();
    const now = this.#options.clock.now();
    const { state } = await this.#look(artifact.digest);
    await this.#store.touch("source", artifact.source, now);
    if (state !== "built" && state !== "building") await this.#begin(artifact, forWhom, variables);
  }

  async #begin(artifact: ArtifactSpec, forWhom: ForWhom, variables: BuildVariables): Promise<void> {
    const { digest, command } = artifact;
    const from = await this.#sources.context(artifact);
    const isWhole = (await this.#record(digest))?.whole === true;
    await this.#forget(digest);
    const programs = await this.#options.programsFor(from);
    if ("lacks" in programs) return this.#refuse(digest, forWhom.key, programs.lacks);
    if (command === null) return this.#place("artifact", digest, { from });
    const steps = isWhole ? null : await this.#packages.stepsOf(artifact, from, { key: forWhom.key, ...programs });
    const job = { digest, forWhom, variables };
    if (steps === null) return this.#run({ ...job, command, content: { from } });
    const { packages, install, files: only } = steps;
    const found = await this.#packages.find(packages, this.#options.clock.now());
    if (found === null) return this.#run({ ...job, command: install, content: { from, only }, packages });
    const below = { from: found, shared: steps.build === null };
    if (steps.build === null) return this.#place("artifact", digest, { from, below });
    return this.#run({ ...job, command: steps.build, content: { from, below } });
  }

  async #run({ digest, forWhom, variables, command, content, packages }: Job): Promise<void> {
    const since = this.#options.clock.now();
    // A new name for every attempt: a task of a previous one may still be kept for its output.
    const task = `build-${hexOf(digest).slice(0, 16)}-${since.toString(36)}`;
    const staging = join(this.#store.staging, task);
    await this.#copy(content, staging, forWhom.key);
    const { key, release, deployment } = forWhom;
    const record = { key, task, command, staging, since };
    await this.#write(digest, packages === undefined ? record : { ...record, packages });
    await this.#options.runtime.startTask({
      name: task,
      key,
      purpose: "build",
      service: "build",
      release,
      deployment,
      artifact: staging,
      ...unconfined,
      command,
      env: { ...variables.plain, ...revealed(variables.secret) },
      neighbours: [],
    });
  }

  /** A build that cannot begin on this machine. */
  #refuse(digest: string, key: EnvKey, refused: string): Promise<void> {
    const since = this.#options.clock.now();
    return this.#write(digest, {
      key,
      task: null,
      command: [],
      staging: join(this.#store.staging, hexOf(digest)),
      since,
      refused,
    });
  }

  /** A private copy for the build. */
  async #copy(content: Content, to: string, key: EnvKey): Promise<void> {
    try {
      await copyTree({ ...content, to, as: await this.#options.userOf(key), access: "own" });
    } catch (thrown) {
      this.#store.discard(to);
      throw thrown;
    }
  }

  /** Idempotent: after a crash the next look repeats it. Concurrent callers wait for the same result. */
  #finish(digest: string, record: BuildRecord): Promise<ArtifactState> {
    const under = this.#finishing.get(digest);
    if (under) return under;
    const finished = this.#take(digest, record).finally(() => this.#finishing.delete(digest));
    this.#finishing.set(digest, finished);
    return finished;
  }

  /** Creates an artifact from a build's output. If it cannot be copied, the build fails, always with the same fault. */
  async #take(digest: string, record: BuildRecord): Promise<ArtifactState> {
    const { staging, task, command, packages } = record;
    if (await this.#store.has("artifact", digest)) return { state: "built" };
    const user = fileOwner(staging);
    try {
      await endLeftovers({ directory: staging, variable: `FAIRLEAD_INSTANCE=${task}`, user });
      await makeReadable(staging, user);
      await (packages === undefined
        ? this.#place("artifact", digest, { from: staging })
        : this.#place("packages", packages, { from: staging }));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      const refused = `the output of ${briefly(command)} cannot be stored: ${thrown.detail}`;
      await this.#write(digest, { ...record, refused });
      this.#store.discard(staging);
      return { state: "failed", code: "build.failed", detail: refused, task };
    }
    await this.#forget(digest);
    return { state: packages === undefined ? "built" : "absent" };
  }

  /** Copies as the owner of artifacts, so that nothing a build put there can be misused. */
  async #place(what: "artifact" | "packages", digest: string, content: Content): Promise<void> {
    const draft = await this.#store.draft(what);
    try {
      const tree = join(draft, "tree");
      await copyTree({ ...content, to: tree, as: this.#options.owner ?? fileOwner(content.from), access: "sealed" });
      await this.#store.put(what, digest, tree);
      await this.#store.touch(what, digest, this.#options.clock.now());
    } finally {
      this.#store.discard(draft);
    }
  }

  async #task({ key, task }: BuildRecord): Promise<ObservedTask | null> {
    const { tasks } = await this.#options.runtime.observe(key);
    return tasks.find((each) => each.name === task) ?? null;
  }

  #recordPath(digest: string): string {
    return join(this.#options.directory, "builds", `${hexOf(digest)}.json`);
  }

  /** Null if there is none; an unreadable one, from before records were synced, counts as none. */
  async #record(digest: string): Promise<BuildRecord | null> {
    const text = await unlessMissing(readFile(this.#recordPath(digest), "utf8"));
    try {
      return text === null ? null : (JSON.parse(text) as BuildRecord);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return null;
      throw thrown;
    }
  }

  #write(digest: string, record: BuildRecord): Promise<void> {
    return replaceFile(this.#recordPath(digest), JSON.stringify(record));
  }

  /** Removes what a previous build left behind. */
  async #forget(digest: string): Promise<void> {
    const record = await this.#record(digest);
    if (record) this.#store.discard(record.staging);
    this.#store.discard(this.#recordPath(digest));
  }

  /** Names in `staging/` that a running build, or one that is being moved into place, still needs. */
  async #kept(): Promise<ReadonlySet<string>> {
    const names = await readdir(join(this.#options.directory, "builds"));
    const digests = names.map((name) => `sha256:${basename(name, ".json")}`).filter(isDigest);
    const records = await Promise.all(digests.map((digest) => this.#record(digest)));
    return new Set(records.filter((record) => record !== null).map((record) => basename(record.staging)));
  }
}

function revealed(secrets: BuildVariables["secret"]): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, secret.reveal()]));
}

/** A short form of a command: only its first arguments. */
function briefly(command: readonly string[]): string {
  const words = command.join(" ");
  return words.length > 80 ? `${words.slice(0, 79)}…` : words;
}

/** How a command failed, in words, and without its output. */
function failureOf(command: readonly string[], exit: Exit): string {
  const name = briefly(command);
  if (exit.reason === "could-not-start") return `${name} could not be started: no such program in PATH`;
  if (exit.reason === "out-of-memory") return `${name} was killed because it ran out of memory`;
  if (exit.reason === "lost") return `${name} was interrupted`;
  return exit.signal ? `${name} was terminated by ${exit.signal}` : `${name} exited with ${exit.code}`;
}
