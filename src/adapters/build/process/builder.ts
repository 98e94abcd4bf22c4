import { chmod, chown, lstat, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { runChild } from "../../../host/child.ts";
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
import { clear, hexOf, isDigest, Shelf, unlessMissing } from "../source/shelf.ts";
import { Sources } from "../source/sources.ts";

export interface ProcessBuilderOptions {
  readonly directory: string;
  /** Runs the build commands, as tasks of the environment that asked. */
  readonly runtime: Runtime;
  /** Whom the commands of an environment run as, builds too; null for whoever runs the controller. */
  readonly userOf: (key: EnvKey) => Promise<User | null>;
  readonly clock: Clock;
}

type ForWhom = Parameters<Builder["build"]>[1];

/** What is written down of a build before its command is begun. */
interface BuildRecord {
  readonly key: EnvKey;
  readonly task: string;
  readonly command: readonly string[];
  readonly staging: string;
  readonly since: number;
}

/**
 * Builds in directories: `sources/<hex>`, `artifacts/<hex>`, `builds/<hex>.json` for a build under way and `staging/` for
 * what is not finished. A build is a task of the runtime in a copy of the source; how it stands is told by the task alone,
 * so it goes on without the controller, and whoever looks after its end puts the artifact in its place.
 * What is in an artifact loses its write permissions: what runs from it cannot change it by accident.
 */
export function processBuilder(options: ProcessBuilderOptions): Builder {
  return new ProcessBuilder(options);
}

class ProcessBuilder implements Builder {
  readonly makes = "directories";
  readonly #options: ProcessBuilderOptions;
  readonly #shelf: Shelf;
  readonly #sources: Sources;
  readonly #preparing = new Map<string, { since: number; done: Promise<void> }>();
  readonly #finishing = new Map<string, Promise<void>>();
  #opened: Promise<void> | null = null;

  constructor(options: ProcessBuilderOptions) {
    this.#options = options;
    this.#shelf = new Shelf(options.directory, ["source", "artifact"]);
    this.#sources = new Sources(this.#shelf, options.clock);
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
    if (!preparing || (await this.#shelf.has("artifact", digest))) return this.#look(digest);
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
    return this.#shelf.list();
  }

  async remove({ digest, what }: { digest: string; what: StoredObject["what"] }): Promise<void> {
    await this.#open();
    await this.#shelf.remove(what, digest);
    if (what === "artifact") await this.#forget(digest);
  }

  #open(): Promise<void> {
    this.#opened ??= this.#shelf.open(() => this.#kept());
    return this.#opened;
  }

  async #look(digest: string): Promise<ArtifactState> {
    if (await this.#shelf.has("artifact", digest)) return { state: "built" };
    const record = await this.#record(digest);
    const task = record && (await this.#task(record));
    // Without its task a build was never begun: the controller died before, or somebody took the task away.
    if (!record || !task) return { state: "absent" };
    if (task.exit === null) return { state: "building", since: record.since, task: task.name };
    if (task.exit.code !== 0 || task.exit.reason !== "exited") {
      await clear(record.staging);
      const detail = failureOf(record.command, task.exit);
      return { state: "failed", code: "build.failed", detail, task: task.name };
    }
    if ((await unlessMissing(lstat(record.staging))) === null) return { state: "absent" };
    await this.#finish(digest, record);
    return { state: "built" };
  }

  async #ensure(artifact: ArtifactSpec, forWhom: ForWhom, variables: BuildVariables): Promise<void> {
    await this.#open();
    const now = this.#options.clock.now();
    const { state } = await this.#look(artifact.digest);
    await this.#shelf.touch("source", artifact.source, now);
    if (state === "built") await this.#shelf.touch("artifact", artifact.digest, now);
    else if (state !== "building") await this.#begin(artifact, forWhom, variables);
  }

  async #begin(artifact: ArtifactSpec, forWhom: ForWhom, { plain, secret }: BuildVariables): Promise<void> {
    const { digest, command } = artifact;
    const context = await this.#sources.context(artifact);
    await this.#forget(digest);
    const since = this.#options.clock.now();
    // A name of its own for every try: a task of an earlier one, which may still be kept for its output, is not this one.
    const task = `build-${hexOf(digest).slice(0, 16)}-${since.toString(36)}`;
    const staging = join(this.#shelf.staging, task);
    const { key, release, deployment } = forWhom;
    await this.#copy(context, staging, await this.#options.userOf(key));
    if (command === null) return this.#finish(digest, { staging, key });
    await this.#write(digest, { key, task, command, staging, since });
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
      env: { ...plain, ...revealed(secret) },
      neighbours: [],
    });
  }

  /**
   * Copies as the build's user, so that the copy is its own and nothing needs to change owners. cp(1) copies a tree many
   * times faster than file by file, and shares the blocks where the file system can.
   */
  async #copy(from: string, to: string, user: User | null): Promise<void> {
    await mkdir(to);
    await chmod(to, 0o755);
    if (user) await chown(to, user.uid, user.gid);
    await this.#run(["/bin/cp", "-RPp", `${from}/.`, to], user);
  }

  /** Idempotent: after a crash in the middle the next look does it again. Who looks meanwhile waits for the same end. */
  #finish(digest: string, made: Pick<BuildRecord, "staging" | "key">): Promise<void> {
    const under = this.#finishing.get(digest);
    if (under) return under;
    const finished = this.#place(digest, made).finally(() => this.#finishing.delete(digest));
    this.#finishing.set(digest, finished);
    return finished;
  }

  /**
   * Permissions are changed as the tree's owner: what the build put there must not lead a mightier user astray. The
   * directory itself stays writable, because only then may its owner move it (rename(2), EACCES).
   */
  async #place(digest: string, { staging, key }: Pick<BuildRecord, "staging" | "key">): Promise<void> {
    if (await this.#shelf.has("artifact", digest)) return;
    const user = await this.#options.userOf(key);
    // Whoever the build was: it is copied, and run, by others, and no one of them changes it.
    await this.#run(["/bin/chmod", "-R", "a+rX,a-w", staging], user);
    await this.#run(["/bin/chmod", "u+w", staging], user);
    await this.#shelf.put("artifact", digest, staging);
    await this.#shelf.touch("artifact", digest, this.#options.clock.now());
    await this.#forget(digest);
  }

  async #run(command: [string, ...string[]], user: User | null): Promise<void> {
    const { code, stderr } = await runChild(command, { env: {}, ...(user ?? {}), limit: 500 });
    if (code !== 0) throw new Fault("operation.failed", `${command[0]} ended with ${code}: ${stderr.trim()}`);
  }

  async #task({ key, task }: BuildRecord): Promise<ObservedTask | null> {
    const { tasks } = await this.#options.runtime.observe(key);
    return tasks.find((each) => each.name === task) ?? null;
  }

  #recordPath(digest: string): string {
    return join(this.#options.directory, "builds", `${hexOf(digest)}.json`);
  }

  async #record(digest: string): Promise<BuildRecord | null> {
    const text = await unlessMissing(readFile(this.#recordPath(digest), "utf8"));
    return text === null ? null : (JSON.parse(text) as BuildRecord);
  }

  async #write(digest: string, record: BuildRecord): Promise<void> {
    const draft = `${this.#recordPath(digest)}.new`;
    await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
    await rename(draft, this.#recordPath(digest));
  }

  /** Takes away what an earlier build left behind. */
  async #forget(digest: string): Promise<void> {
    const record = await this.#record(digest);
    if (record) await clear(record.staging);
    await clear(this.#recordPath(digest));
  }

  /** Names in `staging/` that a build under way, or one that only has to be put in its place, still needs. */
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

/** How a command failed, in words: without its arguments' values beyond the first ones, and without its output. */
function failureOf(command: readonly string[], exit: Exit): string {
  const words = command.join(" ");
  const name = words.length > 80 ? `${words.slice(0, 79)}…` : words;
  if (exit.reason === "could-not-start") return `${name} could not be started: there is no such program in PATH`;
  if (exit.reason === "out-of-memory") return `${name} was ended for want of memory`;
  if (exit.reason === "lost") return `${name} was cut off`;
  return exit.signal ? `${name} was ended by ${exit.signal}` : `${name} exited with ${exit.code}`;
}
