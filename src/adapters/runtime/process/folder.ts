import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import type { Exit, InstanceSpec, TaskSpec } from "../../../model/instance.ts";
import { type Claim, keeperScript, parseClaim, parseRecord, recordText, type Verdict } from "./keeper.ts";

/** The user that instances run as. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** What is written down of an instance or task before it is started. Never its variables: they may hold secrets. */
export type Stored = (
  | { readonly kind: "instance"; readonly spec: InstanceSpec }
  | { readonly kind: "task"; readonly spec: TaskSpec }
) & {
  readonly port: number | null;
  /** The kernel's count of out-of-memory kills before the start. */
  readonly oomKills: number;
};

const namePattern = /^[a-z0-9][a-zA-Z0-9._-]{0,199}$/;
/** What the file of claims holds once the runtime itself took it, so that no keeper can. */
const withdrawn = "withdrawn";

/**
 * The runtime's directory. `<name>/`: `spec.json`, `out.log`, `err.log`, `claim`, the marks `stopped` and `killed`, and
 * `own/`, which belongs to the user that instances run as: the keeper's `claim` and the command's `tmp/`. `exits/<name>`: the exit
 * record, empty until the end. A directory without a readable specification is none of ours and is left alone.
 * All of it is small and local, so it is read and written synchronously: the steps of a start cannot mix.
 */
export class Folder {
  readonly exits: string;
  readonly keeper: string;
  readonly #directory: string;
  readonly #runAs: RunAs | null;

  constructor(directory: string, runAs: RunAs | null) {
    this.#directory = directory;
    this.#runAs = runAs;
    this.exits = join(directory, "exits");
    // A shell reads its script while it runs: a keeper of another version gets another file.
    const version = createHash("sha256").update(keeperScript).digest("hex").slice(0, 12);
    this.keeper = join(directory, `.keeper-${version}.sh`);
  }

  /** Makes the directory, takes away what was left half made or half removed, and gives what is there. */
  open(): readonly Stored[] {
    fs.mkdirSync(this.exits, { recursive: true });
    fs.chmodSync(this.#directory, 0o711);
    fs.chmodSync(this.exits, 0o700);
    const draft = `${this.keeper}.new`;
    fs.writeFileSync(draft, keeperScript);
    fs.chmodSync(draft, 0o644);
    fs.renameSync(draft, this.keeper);
    const names = fs.readdirSync(this.#directory);
    for (const name of names.filter((each) => /^\.(new|old)-/.test(each))) this.#delete(join(this.#directory, name));
    const found = names.map((name) => this.#read(name)).filter((stored) => stored !== null);
    return found.filter((stored) => !this.#abandoned(stored.spec.name));
  }

  /** A name that is a single, harmless path segment. Faults: `runtime.start-failed`. */
  check(name: string): void {
    if (namePattern.test(name) && name !== "exits") return;
    throw new Fault("runtime.start-failed", `"${name.slice(0, 80)}" cannot name an instance`);
  }

  create(stored: Stored): void {
    const { name } = stored.spec;
    const draft = this.path(`.new-${name}`);
    this.#delete(draft);
    const own = join(draft, "own");
    fs.mkdirSync(join(own, "tmp"), { recursive: true });
    fs.chmodSync(draft, 0o711);
    for (const directory of [own, join(own, "tmp")]) {
      fs.chmodSync(directory, 0o700);
      if (this.#runAs) fs.chownSync(directory, this.#runAs.uid, this.#runAs.gid);
    }
    fs.writeFileSync(join(draft, "spec.json"), JSON.stringify(stored), { mode: 0o600 });
    fs.rmSync(join(this.exits, name), { force: true });
    try {
      fs.renameSync(draft, this.path(name));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw thrown;
      throw new Fault("operation.failed", `the place of ${name} is taken by something else`, { cause: thrown });
    }
  }

  /** Output files and exit record, opened for the keeper to inherit. */
  openFor(name: string): { out: number; err: number; exit: number } {
    const open = (path: string) => fs.openSync(path, "a", 0o600);
    return {
      out: open(this.path(name, "out.log")),
      err: open(this.path(name, "err.log")),
      exit: open(this.#record(name)),
    };
  }

  /**
   * Null when no keeper has claimed it. The keeper's file belongs to the user that instances run as, so the first good
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

  exit(stored: Stored): Exit | null {
    const record = readSmall(this.#record(stored.spec.name));
    return record && parseRecord(record.content, { writtenAt: record.writtenAt, oomKills: stored.oomKills });
  }

  /** Writes the exit that no keeper could write. */
  record(name: string, verdict: Verdict, at: number): void {
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

  /** Takes the claim itself, so that no keeper that is still on its way begins the command. False when one has it. */
  withdraw(name: string): boolean {
    try {
      fs.writeFileSync(this.path(name, "own", "claim"), withdrawn, { flag: "wx" });
      return true;
    } catch (thrown) {
      if (isErrno(thrown, "EEXIST")) return false;
      throw thrown;
    }
  }

  remove(name: string): void {
    const old = this.path(`.old-${name}`);
    this.#delete(old);
    fs.renameSync(this.path(name), old);
    fs.rmSync(this.#record(name), { force: true });
    this.#delete(old);
  }

  path(...segments: readonly string[]): string {
    return join(this.#directory, ...segments);
  }

  #record(name: string): string {
    return join(this.exits, name);
  }

  #delete(path: string): void {
    fs.rmSync(path, { recursive: true, force: true });
  }

  #read(name: string): Stored | null {
    if (!namePattern.test(name) || name === "exits") return null;
    try {
      const stored = JSON.parse(fs.readFileSync(this.path(name, "spec.json"), "utf8")) as Stored;
      return stored.spec.name === name && typeof stored.spec.command === "object" ? stored : null;
    } catch (thrown) {
      if (thrown instanceof SyntaxError || thrown instanceof TypeError) return null;
      if (isErrno(thrown, "ENOENT", "ENOTDIR", "EISDIR", "EACCES")) return null;
      throw thrown;
    }
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
