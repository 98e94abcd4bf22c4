import * as fs from "node:fs";
import { join } from "node:path";
import { Fault, isErrno } from "../../../base/faults.ts";
import { replaceFileSync } from "../../../host/files.ts";
import { deleteFlat } from "../../../host/tree.ts";
import type { Exit } from "../../../model/instance.ts";
import type { OutputStream } from "../../../ports/runtime.ts";
import { type About, aboutIn } from "./labels.ts";

const namePattern = /^[a-z0-9][a-zA-Z0-9_.-]{0,199}$/;

/** How a container's program ended when it did so first, before the engine may have started it again. */
export interface End {
  readonly at: number;
  readonly code: number;
  readonly isOutOfMemory: boolean;
}

/** The exit that was reported; from then on the container itself says nothing more. */
export interface Ended {
  readonly startedAt: number;
  readonly exit: Exit;
}

/** When a mark was set: the command was started, a stop signal or SIGKILL was sent. */
export type Mark = "begun" | "stopped" | "killed";

/**
 * What the runtime keeps of each instance and task beside its container, in `<name>/`: `about.json`, the marks, `end.json`
 * (the first end, not yet reported), `exit.json` (reported: it never changes), `out.log`, `err.log` and `position.json`
 * (follow.ts). It is small and local, so it is read and written synchronously.
 */
export class ContainerFolder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory and gives what is there; what was left half removed is taken away. */
  open(): readonly About[] {
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const names = fs.readdirSync(this.#directory);
    for (const name of names) if (name.startsWith(".old-")) this.#delete(name);
    return names.map((name) => this.#about(name)).filter((about) => about !== null);
  }

  /** A name that is a single, harmless path segment and a container's name. Faults: `runtime.start-failed`. */
  check(name: string): void {
    if (namePattern.test(name)) return;
    throw new Fault("runtime.start-failed", `"${name.slice(0, 80)}" cannot name a container`);
  }

  create(about: About): void {
    fs.mkdirSync(this.path(about.name), { recursive: true, mode: 0o700 });
    this.#write(about.name, "about.json", JSON.stringify(about));
  }

  mark(name: string, mark: Mark): number | null {
    return this.#read(name, mark) as number | null;
  }

  /** A mark keeps the first time that it is set. */
  setMark(name: string, mark: Mark, at: number): void {
    if (this.mark(name, mark) === null) this.#write(name, mark, String(at));
  }

  clearMark(name: string, mark: Mark): void {
    fs.rmSync(this.path(name, mark), { force: true });
  }

  end(name: string): End | null {
    return this.#read(name, "end.json") as End | null;
  }

  setEnd(name: string, end: End): void {
    if (this.end(name) === null) this.#write(name, "end.json", JSON.stringify(end));
  }

  /** It came back: its end was none. */
  clearEnd(name: string): void {
    fs.rmSync(this.path(name, "end.json"), { force: true });
  }

  ended(name: string): Ended | null {
    return this.#read(name, "exit.json") as Ended | null;
  }

  setEnded(name: string, ended: Ended): void {
    this.#write(name, "exit.json", JSON.stringify(ended));
  }

  /** Says why something was not started, where a person looks for it. */
  explain(name: string, reason: string): void {
    fs.appendFileSync(this.outputPath(name, "stderr"), `fairlead: ${reason}\n`, { mode: 0o600 });
  }

  remove(name: string): void {
    const old = `.old-${name}`;
    this.#delete(old);
    try {
      fs.renameSync(this.path(name), this.path(old));
    } catch (thrown) {
      if (!isErrno(thrown, "ENOENT")) throw thrown;
    }
    this.#delete(old);
  }

  outputPath(name: string, stream: OutputStream): string {
    return this.path(name, stream === "stdout" ? "out.log" : "err.log");
  }

  path(...segments: readonly string[]): string {
    return join(this.#directory, ...segments);
  }

  #delete(name: string): void {
    deleteFlat(this.path(name));
  }

  #about(name: string): About | null {
    if (!namePattern.test(name)) return null;
    const about = this.#read(name, "about.json") as About | null;
    return about?.name === name ? aboutIn(about) : null;
  }

  #write(name: string, file: string, content: string): void {
    replaceFileSync(this.path(name, file), content);
  }

  /** A file's JSON; null when there is none, or it was cut short by a loss of power. */
  #read(name: string, file: string): unknown {
    try {
      return JSON.parse(fs.readFileSync(this.path(name, file), "utf8"));
    } catch (thrown) {
      if (thrown instanceof SyntaxError || isErrno(thrown, "ENOENT", "ENOTDIR")) return null;
      throw thrown;
    }
  }
}
