import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { Fault, isErrno } from "../../src/base/faults.ts";
import { startChild } from "../../src/host/child.ts";
import { ContainerEngine } from "../../src/host/engine.ts";
import { until } from "../../src/testing/conformance/runtime.ts";
import { runs } from "../../tools/engine/run.ts";

const path = "/usr/sbin:/usr/bin:/sbin:/bin";
const programs = ["dockerd", "containerd", "nsenter", "unshare"];

/** Why no engine of one's own can be started here, or null. */
export function whyNoOwnEngine(): string | null {
  if (process.getuid?.() !== 0) return "only root may start an engine";
  const missing = programs.find((each) => !path.split(":").some((place) => existsSync(join(place, each))));
  return missing === undefined ? null : `${missing} is not installed`;
}

/**
 * An engine of the test's own, which may be stopped, killed and started again. It lives in its own network and mounts, so
 * that it and the engine for all tests do not see each other.
 */
export class OwnEngine {
  readonly socket: string;
  readonly client: ContainerEngine;
  readonly #directory = mkdtempSync("/var/tmp/fl-own-");
  readonly #liveRestore: boolean;
  readonly #diskBytes: number | null;
  readonly #data = join(this.#directory, "data");
  #isMounted = false;
  #holder: ChildProcess | null = null;
  #daemon: ChildProcess | null = null;

  /** `diskBytes`: the size of the disk that it keeps everything on; otherwise it is the machine's. */
  constructor({ liveRestore = false, diskBytes }: { liveRestore?: boolean; diskBytes?: number }) {
    this.#liveRestore = liveRestore;
    this.#diskBytes = diskBytes ?? null;
    this.socket = join(this.#directory, "s");
    this.client = new ContainerEngine(this.socket);
  }

  async start(): Promise<void> {
    const at = (name: string) => join(this.#directory, name);
    writeFileSync(at("daemon.json"), JSON.stringify({ "live-restore": this.#liveRestore }));
    if (this.#holder === null) {
      await this.#mountDisk();
      this.#holder = startChild(["unshare", "--net", "--mount", "sleep", "3600"], { env: { PATH: path } });
      await once(this.#holder, "spawn");
      await until(() => this.#isHeld());
    }
    const log = openSync(at("log"), "a", 0o600);
    const inside = ["nsenter", "--target", String(this.#holder.pid), "--net", "--mount"] as const;
    const flags = ["--config-file", at("daemon.json"), "--host", `unix://${this.socket}`, "--data-root", this.#data];
    this.#daemon = startChild([...inside, "dockerd", ...flags, "--exec-root", at("exec"), "--pidfile", at("pid")], {
      env: { PATH: path },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const answers = () =>
      this.client.json("HEAD", "/_ping", { fresh: true }).then(
        () => true,
        () => false,
      );
    await until(answers);
  }

  /** Copies an image from another engine. */
  async copyImage(image: string, from: string): Promise<void> {
    const other = new ContainerEngine(from);
    const content: Readable = await other.stream("GET", "/images/get", { query: { names: image } });
    const loaded = await this.client.stream("POST", "/images/load", { upload: { content }, withinMs: 60_000 });
    for await (const chunk of loaded) void chunk;
    other.close();
  }

  /** Stops the engine in the middle of whatever it does; the answer lets it go on. */
  freeze(): () => void {
    const daemon = this.#daemon;
    daemon?.kill("SIGSTOP");
    return () => void daemon?.kill("SIGCONT");
  }

  /** What a restart of its service does first. */
  async stop(): Promise<void> {
    if (this.#daemon === null) return;
    const ended = once(this.#daemon, "exit");
    this.#daemon.kill("SIGTERM");
    await ended;
    this.#daemon = null;
  }

  /** The machine loses its power: every process of the engine and of its containers, and its network, are gone at once. */
  async losePower(): Promise<void> {
    for (const pid of this.#processes()) kill(pid);
    await until(() => this.#processes().length === 0);
    this.#holder = null;
    this.#daemon = null;
    rmSync(join(this.#directory, "exec"), { recursive: true, force: true });
    rmSync(join(this.#directory, "pid"), { force: true });
  }

  async close(): Promise<void> {
    this.client.close();
    await this.losePower();
    if (this.#isMounted) await runs(["umount", this.#data], { PATH: path }, "/");
    for (let tries = 0; existsSync(this.#directory); tries += 1) {
      try {
        rmSync(this.#directory, { recursive: true, force: true });
      } catch (thrown) {
        if (tries > 50 || !isErrno(thrown, "EBUSY", "ENOTEMPTY")) throw thrown;
        await pause(100);
      }
    }
  }

  async #mountDisk(): Promise<void> {
    if (this.#diskBytes === null || this.#isMounted) return;
    mkdirSync(this.#data);
    const options = `size=${this.#diskBytes}`;
    this.#isMounted = await runs(["mount", "-t", "tmpfs", "-o", options, "tmpfs", this.#data], { PATH: path }, "/");
    if (!this.#isMounted) throw new Fault("operation.failed", "no disk of its own could be mounted for the engine");
  }

  /** Whether the holder has its own network by now. */
  #isHeld(): boolean {
    const own = namespaceOf(this.#holder?.pid ?? 0);
    return own !== null && own !== namespaceOf(process.pid);
  }

  /** The holder, the engine, its containerd and shims, which name our directory, and all that those have started. */
  #processes(): number[] {
    const all = readdirSync("/proc")
      .map(Number)
      .filter((pid) => pid > 0);
    const parents = new Map(all.map((pid) => [pid, parentOf(pid)]));
    const isOurs = (pid: number): boolean => {
      if (pid <= 1) return false;
      return commandOf(pid).includes(this.#directory) || pid === this.#holder?.pid || isOurs(parents.get(pid) ?? 0);
    };
    return all.filter((pid) => pid !== process.pid && isOurs(pid) && stateOf(pid) !== "Z");
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH", "EACCES")) return "";
    throw thrown;
  }
};
const statOf = (pid: number) =>
  read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
const parentOf = (pid: number) => Number(statOf(pid)[1] ?? 0);
const stateOf = (pid: number) => statOf(pid)[0] ?? "Z";
const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`);

function namespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ESRCH")) return null;
    throw thrown;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}
