import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";

/** Targets of a child's standard streams: none, this process, a pipe, or an open file descriptor. */
export type Stream = "ignore" | "inherit" | "pipe" | number;

export interface ChildOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited unless the caller copies it. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard input, output and error, then descriptors 3, 4 … */
  readonly stdio?: readonly [Stream, Stream, Stream, ...Stream[]];
  /** Own session and process group, outliving this process. */
  readonly detached?: boolean;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts a program from an argument list; no shell is ever involved. This is the only file of the project that may
 * import `node:child_process` (tools/shape.ts checks it). Failures to start arrive as the child's `error` event.
 */
export function startChild(command: readonly [string, ...string[]], options: ChildOptions): ChildProcess {
  const [program, ...args] = command;
  const spawnOptions: SpawnOptions = {
    env: options.env,
    stdio: [...(options.stdio ?? ["ignore", "ignore", "ignore"])],
    detached: options.detached ?? false,
    windowsHide: true,
  };
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd;
  if (options.uid !== undefined) spawnOptions.uid = options.uid;
  if (options.gid !== undefined) spawnOptions.gid = options.gid;
  return spawn(program, args, spawnOptions);
}

export interface ChildResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends Omit<ChildOptions, "stdio" | "detached"> {
  /** Bytes stored of each output stream; default: 1 MiB. */
  readonly limit?: number;
  /** Open files that the program finds as its descriptors 3, 4 … */
  readonly files?: readonly number[];
  /** Its standard input; default: empty. */
  readonly input?: string;
  /** Killed with SIGKILL after this time; default: no limit. */
  readonly withinMs?: number;
}

/** Runs a program to its end and stores the beginning of its output. Rejects if it cannot be started. */
export function runChild(command: readonly [string, ...string[]], options: RunOptions): Promise<ChildResult> {
  const limit = options.limit ?? 1024 * 1024;
  const stdin = options.input === undefined ? "ignore" : "pipe";
  const child = startChild(command, { ...options, stdio: [stdin, "pipe", "pipe", ...(options.files ?? [])] });
  // A program that does not read its whole input decides by its exit code whether that is an error.
  child.stdin?.on("error", () => undefined).end(options.input);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      texts[name] = (texts[name] + text).slice(0, limit);
    });
  }
  const end = options.withinMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), options.withinMs);
  return new Promise<ChildResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, ...texts }));
  }).finally(() => clearTimeout(end));
}

/** Runs a short program to its end while this process waits; its standard output. Null: it failed or cannot be started. */
export function childOutput(
  [program, ...args]: readonly [string, ...string[]],
  { cwd, env, limit, withinMs }: Required<Pick<RunOptions, "cwd" | "env" | "limit" | "withinMs">>,
): string | null {
  const { status, stdout } = spawnSync(program, args, {
    cwd,
    env,
    maxBuffer: limit,
    timeout: withinMs,
    encoding: "utf8",
  });
  return status === 0 ? stdout : null;
}
