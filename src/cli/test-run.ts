import { tmpdir } from "node:os";
import { PassThrough, Readable } from "node:stream";
import { executionContext } from "./context.ts";
import { runCli } from "./run.ts";
import type { Host } from "./world.ts";

export interface TestRunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All streams are terminals. */
  readonly terminal?: boolean;
  readonly stdin?: string;
  readonly interrupted?: AbortSignal;
  readonly host?: Partial<Host>;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process and collects its output; for tests. */
export async function runLine(argv: readonly string[], options: TestRunOptions = {}): Promise<Ran> {
  const stdout = collector();
  const stderr = collector();
  const terminal = options.terminal ?? false;
  const host: Host = {
    version: "0.1.0",
    cwd: options.cwd ?? "/",
    stdin: Readable.from(options.stdin === undefined ? [] : [options.stdin]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    terminal: () => null,
    interrupted: options.interrupted ?? new AbortController().signal,
    now: Date.now,
    openUrl: async () => undefined,
    edit: () => Promise.reject(new TypeError("this test has no editor")),
    fleetingDirectory: tmpdir(),
    startController: () => Promise.reject(new TypeError("this test starts no controller")),
    absentChecks: async () => [],
    lacking: async () => [],
    service: () => Promise.reject(new TypeError("this test installs nothing")),
    ...options.host,
  };
  const tty = { stdin: terminal, stdout: terminal, stderr: terminal };
  const env = { TERM: "xterm", ...options.env };
  const code = await runCli(argv, executionContext({ argv, env, tty, root: false }), host);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector() {
  const chunks: Buffer[] = [];
  const stream = new PassThrough().on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
