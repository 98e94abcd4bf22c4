import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { replaceFileSync } from "../../../host/files.ts";
import { Aside, copyTree, makeOwn } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";
import type { EnvKey } from "../../../model/environment.ts";
import type { Exit } from "../../../model/instance.ts";
import { type UnknownWorkload, type Workload, type WrittenWorkload, workloadIn } from "../../../model/workload.ts";
import { roomScript } from "./confine.ts";
import {
  type Claim,
  type ForcedExit,
  parseClaim,
  parseExitRecord,
  recordText,
  supervisorScript,
} from "./supervisor.ts";

interface Resources {
  readonly port: number | null;
  /** Ports of the pool, one for each of the instance's `tcpPorts`. */
  readonly tcp: readonly number[];
  /** Whom its processes run as; null: whoever ran the controller. */
  readonly user: User | null;
}

interface Kept extends Resources {
  /** Whether its temporary directory is memory that is mounted when it starts. */
  readonly mounts: boolean;
  /** Whether it has namespaces of its own, as the user who runs the controller. */
  readonly namespaced: boolean;
  /** Whether it finds its working directory at `ProcessFolder.app`, and its temporary one at `ProcessFolder.tmp`. */
  readonly placed: boolean;
  /** The kernel's count of out-of-memory kills before the start. */
  readonly oomKills: number;
}

/** What is recorded of a workload before it is started. Never its variables: they may hold secrets. */
export type StoredWorkload = Workload & Kept;

/** What the directory has: workloads, and those of kinds that this version does not know, with what they use. */
interface Contents {
  readonly stored: readonly StoredWorkload[];
  readonly unknown: readonly (UnknownWorkload & Resources)[];
}

type Written = WrittenWorkload & Kept & { readonly spec: { name: string; command: unknown; key?: EnvKey } };

const namePattern = /^[a-z0-9][a-zA-Z0-9._-]{0,199}$/;
/** What else the directory has. */
const reserved = ["exits", "app", "tmp"];
/** What the file of claims holds once the runtime itself took it, so that no supervisor can. */
const withdrawn = "withdrawn";

/**
 * The runtime's directory. `<name>/`: `spec.json`, `out.log`, `err.log`, `claim`, the marks `stopped` and `killed`; and for the
 * user that it runs as `own/` with the supervisor's `claim`, `home/`, `work/`, its copy of the artifact, and `tmp/`, or an empty place
 * where that is mounted. `exits/<name>`: the exit record, empty until the end. `app/`, `tmp/`: always empty. `.homes/<uid>`: where package managers of builds
 * keep what they fetched. `.spare/`: always empty. `.aside/`: what is being deleted. A directory without a readable
 * specification is none of ours and is left alone. But for the trees of users all of it is small and local, so it is
 * read and written synchronously: the steps of a start cannot mix.
 */
export class ProcessFolder {
  readonly exits: string;
  readonly supervisor: string;
  readonly roomScript: string;
  /** An empty directory, over which every process that can have mounts of its own finds its working directory. */
  readonly app: string;
  /** The same for its temporary directory. */
  readonly tmp: string;
  readonly #directory: string;
  readonly #aside: Aside;

  /** `tell` is told of what could not be deleted. */
  constructor(directory: string, notify: (words: string) => void) {
    this.#directory = directory;
    this.#aside = new Aside({ directory: join(directory, ".aside"), notify });
    this.exits = join(directory, "exits");
    this.app = join(directory, "app");
    this.tmp = join(directory, "tmp");
    this.supervisor = join(directory, scriptName("keeper", supervisorScript));
    this.roomScript = join(directory, scriptName("room", roomScript));
  }

  /** Makes the directory, takes away what was left half made or half removed, and gives what is there. */
  open(): Contents {
    fs.mkdirSync(this.exits, { recursive: true });
    fs.chmodSync(this.#directory, 0o711);
    fs.chmodSync(this.exits, 0o700);
    for (const place of [this.app, this.tmp]) {
      fs.mkdirSync(place, { recursive: true });
      fs.chmodSync(place, 0o555);
    }
    for (const [path, text] of [
      [this.supervisor, supervisorScript],
      [this.roomScript, roomScript],
    ] as const) {
      fs.writeFileSync(`${path}.new`, text);
      fs.chmodSync(`${path}.new`, 0o644);
      fs.renameSync(`${path}.new`, path);
    }
    const names = fs.readdirSync(this.#directory);
    for (const name of names.filter((each) => /^\.(new|old)-/.test(each))) this.#aside.take(this.path(name));
    this.#aside.sweep();
    const { stored, unknown } = this.all();
    return { stored: stored.filter(({ spec }) => !this.#abandoned(spec.name)), unknown };
  }

  all(): Contents {
    const names = fs.existsSync(this.#directory) ? fs.readdirSync(this.#directory) : [];
    const all = names.map((name) => this.#read(name)).filter((written) => written !== null);
    const known = all.map((written) => {
      const workload = workloadIn(written);
      return workload && this.#upgraded({ ...written, ...workload });
    });
    return {
      stored: known.filter((stored) => stored !== null),
      unknown: all.flatMap((written, place) => (known[place] ? [] : unknownIn(written))),
    };
  }

  /** A name that is a single, harmless path segment. Faults: `runtime.start-failed`. */
  check(name: string): void {
    if (namePattern.test(name) && !reserved.includes(name)) return;
    throw new Fault("runtime.start-failed", `"${name.slice(0, 80)}" cannot name an instance`);
  }

  /**
   * Makes the place of what is about to be started, with a copy of the directory that it runs in; null: it runs where it is
   * told. It is there as a whole or not at all. Faults: those of `copyTree`.
   */
  async create(stored: StoredWorkload, artifact: string | null): Promise<void> {
    const { spec, user, mounts } = stored;
    const draft = this.path(`.new-${spec.name}`);
    this.#aside.take(draft);
    makeOwn(draft, user && { uid: 0, gid: user.gid }, 0o710);
    for (const name of ["own", "home"]) makeOwn(join(draft, name), user);
    makeOwn(join(draft, "tmp"), mounts ? null : user);
    if (artifact !== null) await copyTree({ from: artifact, to: join(draft, "work"), as: user, access: "own" });
    replaceFileSync(join(draft, "spec.json"), JSON.stringify(stored));
    fs.rmSync(this.#record(spec.name), { force: true });
    try {
      fs.renameSync(draft, this.path(spec.name));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw thrown;
      throw new Fault("operation.failed", `the name ${spec.name} is used by something else`, { cause: thrown });
    }
  }

  /** When a place with its copy was made, in nanoseconds by the clock of the file system: parts of one may be equal. */
  madeAt(name: string): bigint {
    return fs.statSync(this.path(name, "spec.json"), { bigint: true }).mtimeNs;
  }

  /** The directory in which package managers of an environment's builds keep what they fetched, so that builds are quick. */
  buildHome(user: User): string {
    const homes = this.path(".homes");
    const home = join(homes, String(user.uid));
    if (!fs.existsSync(homes)) makeOwn(homes, null, 0o711);
    if (!fs.existsSync(home)) makeOwn(home, user);
    return home;
  }

  /** An empty directory that only this process's user can reach. */
  spare(): string {
    const spare = this.path(".spare");
    if (!fs.existsSync(spare)) makeOwn(spare, null);
    return spare;
  }

  /** Output files and exit record, opened for the supervisor to inherit. */
  openFor(name: string): { out: number; err: number; exit: number } {
    const open = (path: string) => fs.openSync(path, "a", 0o600);
    return {
      out: open(this.path(name, "out.log")),
      err: open(this.path(name, "err.log")),
      exit: open(this.#record(name)),
    };
  }

  /**
   * Null when no supervisor has claimed it. The supervisor's file belongs to the user that instances run as, so the first good
   * look at it is kept where that user cannot change it.
   */
  claim(name: string): Claim | null {
    const kept = readSmall(this.path(name, "claim"));
    const made = kept ?? readSmall(this.path(name, "own", "claim"));
    if (made === null) return null;
    const claim = parseClaim(made.content, made.writtenAt);
    if (kept === null && claim.pid !== null) this.keep(name, made);
    return claim;
  }

  /** Keeps a claim where only the runtime can change it; when it was made is the file's time. */
  keep(name: string, claim: { content: string; writtenAt: number }): void {
    const draft = this.path(name, "claim.new");
    fs.writeFileSync(draft, claim.content, { mode: 0o600 });
    fs.utimesSync(draft, claim.writtenAt / 1_000, claim.writtenAt / 1_000);
    fs.renameSync(draft, this.path(name, "claim"));
  }

  exit(stored: StoredWorkload): Exit | null {
    const record = readSmall(this.#record(stored.spec.name));
    return record && parseExitRecord(record.content, { writtenAt: record.writtenAt, oomKills: stored.oomKills });
  }

  /** Writes the exit that no supervisor could write. */
  record(name: string, verdict: ForcedExit, at: number): void {
    fs.appendFileSync(this.#record(name), recordText(verdict, at), { mode: 0o600 });
  }

  /** Says why a command was not started, where a person looks for it. */
  explain(name: string, reason: string): void {
    fs.appendFileSync(this.path(name, "err.log"), `fairlead: ${reason}\n`, { mode: 0o600 });
  }

  /** When a mark was first set, or null. */
  mark(name: string, mark: "stopped" | "killed"): number | null {
    const text = readSmall(this.path(name, mark));
    return text === null ? null : Number(text.content);
  }

  setMark(name: string, mark: "stopped" | "killed", at: number): void {
    try {
      fs.writeFileSync(this.path(name, mark), String(at), { flag: "wx" });
    } catch (thrown) {
      if (!isErrno(thrown, "EEXIST")) throw thrown;
    }
  }

  /** Takes the claim itself, so that no supervisor that is still on its way begins the command. False when one has it. */
  withdraw(name: string): boolean {
    try {
      fs.writeFileSync(this.path(name, "own", "claim"), withdrawn, { flag: "wx" });
      return true;
    } catch (thrown) {
      if (isErrno(thrown, "EEXIST")) return false;
      throw thrown;
    }
  }

  /** It is gone when this returns; its files are deleted later, apart from everything else. */
  remove(name: string): void {
    this.#aside.take(this.path(name));
    fs.rmSync(this.#record(name), { force: true });
  }

  /** The environment has nothing more: what its builds fetched is fetched again by the next one. */
  removeBuildHome({ uid }: User): void {
    this.#aside.take(this.path(".homes", String(uid)));
  }

  /** Resolves when it was tried to delete all that was removed. */
  idle(): Promise<void> {
    return this.#aside.idle();
  }

  path(...segments: readonly string[]): string {
    return join(this.#directory, ...segments);
  }

  #record(name: string): string {
    return join(this.exits, name);
  }

  #read(name: string): Written | null {
    if (!namePattern.test(name) || reserved.includes(name)) return null;
    try {
      const written = JSON.parse(fs.readFileSync(this.path(name, "spec.json"), "utf8")) as Written;
      return written.spec.name === name && typeof written.spec.command === "object" ? written : null;
    } catch (thrown) {
      if (thrown instanceof SyntaxError || thrown instanceof TypeError) return null;
      if (isErrno(thrown, "ENOENT", "ENOTDIR", "EISDIR", "EACCES")) return null;
      throw thrown;
    }
  }

  /** Earlier versions had no namespaces, and before that one user for all: whoever owns the directory that is its own. */
  #upgraded(stored: StoredWorkload): StoredWorkload {
    const before =
      stored.user === undefined ? { user: ownerOf(this.path(stored.spec.name, "own")), mounts: false } : {};
    const { tcp = [], namespaced = false, placed = false } = stored as Partial<Kept>;
    return { ...stored, tcp, namespaced, placed, ...before };
  }

  /** Whether a controller died before the command was begun; then it never happened, and its place is cleared. */
  #abandoned(name: string): boolean {
    const taken = readSmall(this.path(name, "own", "claim"));
    const refused = taken === null && (readSmall(this.#record(name))?.content ?? "") !== "";
    if (refused || (taken !== null && taken.content !== withdrawn)) return false;
    if (taken === null && !this.withdraw(name)) return false;
    this.remove(name);
    return true;
  }
}

function unknownIn({ kind, spec, port, tcp, user }: Written): Contents["unknown"] {
  const key = (spec.identity as { key?: EnvKey } | undefined)?.key ?? spec.key;
  if (typeof key?.app !== "string" || typeof key.environment !== "string") return [];
  const words = [kind, spec.purpose].filter((word) => typeof word === "string").join(" ");
  return [{ name: spec.name, key, kind: words, port: port ?? null, tcp: tcp ?? [], user: user ?? null }];
}

/** A shell reads its script while it runs: one of another version gets another file. */
function scriptName(name: string, script: string): string {
  return `.${name}-${createHash("sha256").update(script).digest("hex").slice(0, 12)}.sh`;
}

/** Who owns a directory; null: this process. */
function ownerOf(path: string): User | null {
  const { uid, gid } = fs.lstatSync(path);
  return uid === process.getuid?.() ? null : { uid, gid };
}

/** The first bytes of a plain file, or null when there is none. Neither a link nor a pipe put there can mislead it. */
function readSmall(path: string): { content: string; writtenAt: number } | null {
  let file: number;
  try {
    file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ELOOP", "ENXIO")) return null;
    throw thrown;
  }
  try {
    const stat = fs.fstatSync(file);
    if (!stat.isFile()) return { content: "", writtenAt: Math.round(stat.mtimeMs) };
    const buffer = Buffer.alloc(256);
    const length = fs.readSync(file, buffer, 0, buffer.length, 0);
    return { content: buffer.toString("latin1", 0, length), writtenAt: Math.round(stat.mtimeMs) };
  } finally {
    fs.closeSync(file);
  }
}
