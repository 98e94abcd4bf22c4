import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Fault, isErrno } from "../../../base/faults.ts";

/**
 * HAProxy answers in microseconds; a machine under load may take long. Asked twice: a connection made at the moment of a
 * reload can wait at the worker that is going, which takes none any more. Every command may be given twice.
 */
const patienceMs = [2_000, 8_000] as const;
/** An answer longer than this is no answer to what the adapter asks. */
const answerBytes = 64 * 1024 * 1024;

/**
 * Sends one line of commands (separated by `;`, or one with a payload) and returns HAProxy's answers. Fault
 * `edge.unreachable` without an answer.
 */
export async function askCli(
  socket: string,
  command: string,
  patience: readonly number[] = patienceMs,
): Promise<string> {
  for (const withinMs of patience) {
    const answer = await askOnce(socket, command, withinMs);
    if (answer !== null) return answer;
  }
  // What follows the command's own words may be secret.
  throw new Fault("edge.unreachable", `HAProxy does not answer ${/^[a-z -]*/.exec(command)?.[0].trim()}.`);
}

/** Null: no answer in time. */
async function askOnce(socket: string, command: string, withinMs: number): Promise<string | null> {
  const connection = connect(socket);
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    connection.destroy(new Error("late"));
  }, withinMs);
  try {
    await once(connection, "connect");
    connection.end(`${command}\n`);
    return await readAll(connection);
  } catch (thrown) {
    if (isLate) return null;
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("edge.unreachable", `HAProxy's socket ${socket} does not answer.`, { cause: thrown });
  } finally {
    clearTimeout(deadline);
    connection.destroy();
  }
}

async function readAll(connection: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of connection as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytes) throw new Fault("edge.unreachable", "HAProxy's answer is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export interface CliStream {
  readonly opened: () => void;
  readonly lines: (lines: readonly string[]) => void;
  /** Called once: it ended, or could not be opened, as `opened` shows. */
  readonly ended: (opened: boolean) => void;
}

/**
 * Follows a command with continuous output. The returned function stops it without calling `ended`. Keeps no process
 * alive.
 */
export function followCli(socket: string, command: string, on: CliStream): () => void {
  const connection = connect(socket);
  let opened = false;
  let over = false;
  let rest = "";
  connection.unref();
  connection.setEncoding("utf8");
  connection.once("connect", () => {
    opened = true;
    connection.write(`${command}\n`);
    on.opened();
  });
  connection.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) on.lines(lines);
  });
  // The following `close` reports it.
  connection.on("error", () => undefined);
  connection.once("close", () => {
    if (over) return;
    over = true;
    on.ended(opened);
  });
  return () => {
    over = true;
    connection.destroy();
  };
}

/** What the master process says of its workers, the one that takes new connections first. */
export interface Workers {
  readonly current: number;
  /** Of earlier configurations, until their last request ended. */
  readonly old: readonly number[];
}

/** Asks the master for its worker. Null: none is up. */
export async function askWorkers(master: string): Promise<Workers | null> {
  const text = await askCli(master, "show proc");
  const [now = "", before = ""] = text.split("# old workers");
  const pids = (part: string) => [...part.matchAll(/^(\d+)\s+worker\s/gm)].map((match) => Number(match[1]));
  const [current] = pids(now);
  return current === undefined ? null : { current, old: pids(before) };
}

/** Returns null without an answer; rethrows every other error. */
export function absent(thrown: unknown): null {
  if (thrown instanceof Fault && thrown.code === "edge.unreachable") return null;
  if (isErrno(thrown, "ECONNRESET")) return null;
  throw thrown;
}
