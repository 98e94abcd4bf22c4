import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isErrno } from "../../../base/faults.ts";
import { runChild, startChild } from "../../../host/child.ts";
import type { ContainerEngine } from "../../../host/engine.ts";
import { type BuildControl, type BuildEnd, type BuildOrder, exitCodeIn, type Way } from "./way.ts";

/** The docker program, and its environment: PATH, and HOME where it has its plugins and credentials. */
export interface DockerProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `docker buildx` on this engine, or null if the program or its plugin is missing or does not reach the engine. */
export async function findBuildx(engine: ContainerEngine, docker: DockerProgram): Promise<Way | null> {
  const env = { ...docker.env, DOCKER_HOST: `unix://${engine.socket}`, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
  try {
    const plugin = await pluginOf(docker, env);
    if (plugin === null) return null;
    const { code, stdout } = await runChild([plugin, "inspect", "default"], { env });
    // It exits with 0 even if it reaches no engine.
    if (code !== 0 || !/^Driver: +docker$/m.test(stdout) || !/^Status: +running$/m.test(stdout)) return null;
    return { name: "docker buildx", run: (order, control) => run({ path: plugin, env }, order, control) };
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "EACCES")) return null;
    throw thrown;
  }
}

/**
 * The plugin's own program, without the docker program: a single process that ends when it is killed, while newer
 * docker programs run their plugins in separate process groups.
 */
async function pluginOf(docker: DockerProgram, env: Readonly<Record<string, string>>): Promise<string | null> {
  const { code, stdout } = await runChild([docker.path, "info", "--format", "{{json .ClientInfo.Plugins}}"], { env });
  if (code !== 0) return null;
  const plugins = JSON.parse(stdout) as readonly { readonly Name: string; readonly Path?: string }[] | null;
  return plugins?.find(({ Name }) => Name === "buildx")?.Path ?? null;
}

async function run(docker: DockerProgram, order: BuildOrder, control: BuildControl): Promise<BuildEnd> {
  const { signal } = control;
  signal.throwIfAborted();
  const child = startChild([docker.path, ...argumentsOf(order)], {
    env: { ...docker.env, ...secretEnv(order) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  const lines = new PlainLines(control.say);
  const ended = endOf(child);
  try {
    await Promise.all([feed(order.tar(), child), read(child.stdout, lines), read(child.stderr, lines)]);
    const code = await ended;
    signal.throwIfAborted();
    if (code === 0) return { ok: true };
    const words = lines.failed?.error ?? lines.last;
    return { ok: false, step: lines.failed?.name ?? null, code: exitCodeIn(words), words };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
}

/** A build that fails early does not read the rest. */
async function feed(tar: Readable, { stdin }: ChildProcess): Promise<void> {
  try {
    if (stdin) await pipeline(tar, stdin);
  } catch (thrown) {
    if (!isErrno(thrown, "EPIPE", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED")) throw thrown;
  }
}

async function read(stream: Readable | null, lines: PlainLines): Promise<void> {
  if (!stream) return;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) lines.take(line);
}

/**
 * Names of the secrets in the program's environment: not their own, because the program might use some of those itself.
 */
function secretEnv({ secrets }: BuildOrder): Record<string, string> {
  return Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [secretName(name), secret.reveal()]));
}

function secretName(name: string): string {
  return `FAIRLEAD_BUILD_SECRET_${name}`;
}

function argumentsOf({ tag, dockerfile, target, args, labels, secrets }: BuildOrder): string[] {
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
  return [
    ...["build", "--builder", "default", "--progress", "plain", "--tag", tag, "--file", dockerfile],
    ...(target === null ? [] : ["--target", target]),
    ...pairs("--build-arg", args),
    ...Object.keys(secrets).flatMap((name) => ["--secret", `id=${name},env=${secretName(name)}`]),
    ...pairs("--label", labels),
    "-",
  ];
}

/** Passes on the lines of `--progress plain` and tracks the failed step. */
export class PlainLines {
  readonly #say: (line: string) => void;
  readonly #names = new Map<string, string>();
  failed: { readonly name: string; readonly error: string } | null = null;
  last = "";

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  take(line: string): void {
    if (line.trim() === "") return;
    this.last = line;
    this.#say(line);
    const [, number = "", words = ""] = /^#(\d+) (.*)$/.exec(line) ?? [];
    const known = this.#names.get(number);
    if (number !== "" && known === undefined) this.#names.set(number, words.replace(/^\[[^\]]*\] /, ""));
    const error = /^ERROR: (.*)$/.exec(words)?.[1];
    if (error !== undefined && known !== undefined) this.failed ??= { name: known, error };
  }
}
