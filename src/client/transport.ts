import type { ClientRequest, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { type Diagnostic, Fault, type FaultCode, faults, isErrno } from "../base/faults.ts";
import { headers } from "../contract/headers.ts";
import type { Problem } from "../contract/problem.ts";

/**
 * Not imported: an import of node:http reads all its exports, WebSocket among them, and that loads Node's whole fetch
 * (55 ms of CPU on Node 24, more than everything else that a command does).
 */
const http = process.getBuiltinModule("node:http");

/** Where a controller listens: its unix socket, or an http(s) URL with a bearer token. */
export type Target = { readonly socketPath: string } | { readonly url: string; readonly token: string | null };

export interface ClientOptions {
  readonly target: Target;
  /** Longest silence before an answer begins; default 60 s, for a plan or a status under load takes its time. */
  readonly timeoutMs?: number;
  /** Asks whether to go on with a change that is guarded, and throws when not; left out: it is refused. */
  readonly confirm?: (fault: Fault, name: string) => Promise<void>;
  /** Cuts every request short; what was thrown as its reason is thrown on. */
  readonly signal?: AbortSignal;
}

export interface Call {
  readonly method: string;
  /** Path and query, escaped already. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as JSON, a stream as it comes. */
  readonly body?: string | Readable;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
}

/** Most bytes of a JSON answer. Pages are limited far below this; more means that something else answered. */
const answerLimit = 64 * 1024 * 1024;

/**
 * Requests to one controller. Every one has a connection of its own: an idle one that the other end closes just now would
 * make a request fail that cannot always be repeated. Errors leave it as `Fault`s only.
 */
export class Transport {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Where it talks to, for messages. */
  get place(): string {
    const { target } = this.#options;
    return "socketPath" in target ? target.socketPath : target.url;
  }

  /**
   * Sends one request and answers as soon as the headers are there. Status 400 and above is thrown as a Fault. What wants
   * to be confirmed is sent again when it was.
   */
  async send(call: Call): Promise<Answer> {
    const answer = await this.exchange(call);
    if (answer.status < 400) return answer;
    const fault = problemFault(answer.status, await readText(answer.body));
    const { confirm } = this.#options;
    const isAsked = call.headers?.[headers.confirm] !== undefined;
    if (fault.confirm === null || confirm === undefined || isAsked) throw fault;
    await confirm(fault, fault.confirm);
    return this.send({ ...call, headers: { ...call.headers, [headers.confirm]: fault.confirm } });
  }

  /** Like `send`, but every status is an answer. Faults: `controller.unreachable`. */
  exchange(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const signals = [this.#options.signal, call.signal].filter((signal) => signal !== undefined);
      const signal = AbortSignal.any(signals);
      const request = this.#open(call, signal);
      const fail = (error: unknown) => {
        if (call.body !== undefined && typeof call.body !== "string") call.body.destroy();
        reject(signal.aborted ? signal.reason : this.#unreachable(error));
      };
      request.on("error", fail);
      request.setTimeout(this.#options.timeoutMs ?? 60_000, () =>
        request.destroy(new Fault("controller.unreachable", `no answer from ${this.place} in time`)),
      );
      request.once("response", (body) => {
        request.setTimeout(0);
        body.once("error", () => undefined); // readers get it too; without a reader it must not end the process
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
      });
      if (call.body === undefined || typeof call.body === "string") request.end(call.body);
      else call.body.once("error", (error) => request.destroy(error)).pipe(request);
    });
  }

  #open(call: Call, signal: AbortSignal): ClientRequest {
    const { target } = this.#options;
    const headers: Record<string, string> = { accept: "application/json", ...call.headers };
    if (typeof call.body === "string") {
      headers["content-type"] = "application/json";
      headers["content-length"] = String(Buffer.byteLength(call.body));
    }
    if ("socketPath" in target) {
      const { socketPath } = target;
      return http.request({ socketPath, path: call.path, method: call.method, headers, signal, agent: false });
    }
    if (target.token !== null) headers.authorization = `Bearer ${target.token}`;
    const url = new URL(call.path, target.url);
    const protocol = url.protocol === "https:" ? process.getBuiltinModule("node:https") : http;
    return protocol.request(url, { method: call.method, headers, signal, agent: false });
  }

  #unreachable(error: unknown): Fault {
    if (error instanceof Fault) return error;
    if (isErrno(error, "EACCES", "EPERM")) {
      const hint = "Ask as the user that runs the controller, or over --url with its token.";
      return new Fault("access.denied", `this user may not open ${this.place}`, { hint, cause: error });
    }
    const nobody = isErrno(error, "ENOENT", "ECONNREFUSED");
    const why = nobody ? "no controller answers at" : "lost the connection to the controller at";
    const hint = "Start one with `fairlead up` or `fairlead controller`, or name a running one with --state or --url.";
    return new Fault("controller.unreachable", `${why} ${this.place}`, { cause: error, hint });
  }
}

/** The body as text. Faults: `controller.unreachable` when it breaks off. */
export async function readText(body: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > answerLimit) throw new Fault("operation.failed", "the answer is too large; ask for a smaller page");
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("controller.unreachable", "the connection broke off in the middle of an answer", { cause: error });
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Parses a JSON answer. Faults: `operation.failed` when something else than a controller answered. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("operation.failed", "the answer is not JSON; is this address a Fairlead controller?", {
      cause: error,
    });
  }
}

/** What an HTTP status means when no code of this version's catalogue comes with it (RFC 9110 section 15). */
const codeOfStatus: Readonly<Record<number, FaultCode>> = {
  400: "request.invalid",
  401: "access.unauthenticated",
  403: "access.denied",
  404: "path.unknown",
  405: "method.wrong",
  412: "document.stale",
  413: "request.too-large",
  422: "request.invalid",
  503: "controller.unreachable",
};

/** The Fault that a problem document tells of; a code unknown to this version becomes the nearest by status. */
export function problemFault(status: number, text: string): Fault {
  const fallback = codeOfStatus[status] ?? "operation.failed";
  const problem = asProblem(text);
  if (problem === null) return new Fault(fallback, `the controller answered with status ${status}`);
  const code = problem.code !== undefined && Object.hasOwn(faults, problem.code) ? problem.code : fallback;
  const { errors: diagnostics = [], hint, confirm } = problem;
  const more = { diagnostics, ...(hint !== undefined && { hint }), ...(confirm !== undefined && { confirm }) };
  return new Fault(code as FaultCode, problem.detail ?? problem.title ?? `status ${status}`, more);
}

function asProblem(text: string): (Partial<Omit<Problem, "errors">> & { errors?: readonly Diagnostic[] }) | null {
  if (!text.startsWith("{")) return null;
  return parseAnswer(text) as Partial<Omit<Problem, "errors">> & { errors?: readonly Diagnostic[] };
}
