import { type IncomingMessage, request } from "node:http";
import { Fault, type FaultCode, faults, isErrno } from "../../../base/faults.ts";
import type { Hello } from "./admin-server.ts";
import { embeddedSettings } from "./settings.ts";

/** The edge answers in microseconds and writes a table in milliseconds; a disk under load may take long. */
const answerMs = 10_000;

export interface AdminCall {
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  readonly path: string;
  readonly body?: unknown;
}

/** Asks the edge at a socket. Its own faults come back as they are; no answer is `edge.unreachable`. */
export async function askEdge(socket: string, call: AdminCall): Promise<unknown> {
  const { status, text } = await send(socket, call);
  if (status < 300) return text === "" ? null : JSON.parse(text);
  throw faultOf(text);
}

/** The process that answers at a socket; null if none does. */
export async function askHello(socket: string): Promise<Hello | null> {
  try {
    return (await askEdge(socket, { method: "GET", path: "/hello" })) as Hello;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "edge.unreachable") return null;
    throw thrown;
  }
}

export interface EdgeStream {
  readonly opened: () => void;
  readonly line: (text: string) => void;
  /** Called once: it ended, or could not be opened. */
  readonly ended: () => void;
}

/** Opens a stream of lines that lasts as long as the edge. The answer closes it without calling `ended`. */
export function followEdge(socket: string, path: string, on: EdgeStream): () => void {
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    on.ended();
  };
  const outgoing = request({ socketPath: socket, path, agent: false });
  outgoing.once("response", (answer) => {
    on.opened();
    let rest = "";
    answer.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) on.line(line);
    });
    answer.once("close", end);
    answer.on("error", end);
  });
  outgoing.once("socket", (connection) => connection.unref());
  outgoing.once("error", end);
  outgoing.end();
  return () => {
    over = true;
    outgoing.destroy();
  };
}

function send(socket: string, call: AdminCall): Promise<{ status: number; text: string }> {
  const body = call.body === undefined ? "" : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const { method, path } = call;
    const outgoing = request({ socketPath: socket, method, path, headers, agent: false, timeout: answerMs });
    const failed = (cause: unknown) => reject(unreachable(socket, cause));
    outgoing.once("timeout", () => outgoing.destroy(new Fault("edge.unreachable", "The edge does not answer.")));
    outgoing.once("error", failed);
    outgoing.once("response", (answer) => {
      readText(answer).then((text) => resolve({ status: answer.statusCode ?? 500, text }), failed);
    });
    outgoing.end(body);
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > 2 * embeddedSettings.tableBytes) throw new Fault("edge.unreachable", "The edge's answer is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(socket: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const words = isErrno(cause, "EACCES") ? "cannot be opened by this user" : "does not answer";
  return new Fault("edge.unreachable", `The edge's socket ${socket} ${words}.`, { cause });
}

function faultOf(text: string): Fault {
  const { code, detail, hint, diagnostics } = JSON.parse(text) as Fault;
  const known: FaultCode = Object.hasOwn(faults, code) ? code : "operation.failed";
  return new Fault(known, detail, { hint, diagnostics });
}
