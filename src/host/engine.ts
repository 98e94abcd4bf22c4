import { Agent, type IncomingMessage, request as open, type RequestOptions } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault, isErrno } from "../base/faults.ts";

/** The engine APIs that this client supports: 1.41 is engine 20.10; 1.47 is understood by every engine up to 29. */
export const oldestApi = "1.41";
export const newestApi = "1.47";

/** Default time limit of a call. */
const usualMs = 30_000;
/** Size limit of an answer. */
const longestAnswer = 64 * 1024 * 1024;

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** A value other than text is written as JSON, as the engine requires for `filters`; `undefined` is omitted. */
export type Query = Readonly<Record<string, string | number | boolean | object | undefined>>;

export interface CallOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent unchanged, a stream in chunks, as `type`, by default a tar. */
  readonly upload?: { readonly content: Readable | Uint8Array; readonly type?: string };
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Ends the call, and a stream that it gave; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Time limit of the answer: for `json` all of it, otherwise its head. */
  readonly withinMs?: number;
  /** On a new connection: an engine that is stopping accepts none, but still answers on existing ones. */
  readonly fresh?: boolean;
}

/** A refusal of the engine. Use `status`, never the text: 404 no such object, 409 conflict, 304 is not a refusal. */
export class EngineRefusal extends Fault {
  readonly status: number;

  constructor(status: number, detail: string) {
    super("engine.refused", detail);
    this.status = status;
  }
}

/** Whether the engine refused with one of these statuses. */
export function isRefusal(thrown: unknown, ...statuses: readonly number[]): boolean {
  return thrown instanceof EngineRefusal && statuses.includes(thrown.status);
}

export function isUnreachable(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === "engine.unreachable";
}

export interface EngineVersion {
  /** The API version in use: the newest that both sides support. */
  readonly api: string;
  /** The engine's own version, e.g. `20.10.24`. */
  readonly engine: string;
}

/**
 * A container engine's HTTP API on its Unix socket. Paths have no version (`/containers/json`); it is negotiated with
 * the first call, and again after the engine was down, because it may have been upgraded. Faults of every call:
 * `engine.refused` (an EngineRefusal with the engine's message and status), `engine.unreachable` (no answer, or not in
 * time; whether the engine executed the call is then unknown), `engine.unsupported` (no common API).
 */
export class ContainerEngine {
  readonly socket: string;
  readonly #agent: Agent;
  #version: Promise<EngineVersion> | null = null;

  constructor(socket: string) {
    this.socket = socket;
    // The engine never closes idle connections; a few are enough for consecutive calls.
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: 4 });
  }

  /** The negotiated version, requested once. */
  version(signal?: AbortSignal): Promise<EngineVersion> {
    this.#version ??= this.#negotiate(signal).catch((thrown) => {
      this.#version = null;
      throw thrown;
    });
    return this.#version;
  }

  /** Requests a JSON value; null if the answer has no body. */
  async json<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    const full = await this.#path(path, options);
    return (await this.#json(method, full, options)) as T;
  }

  /** Requests a streamed body. Destroy it when you have read enough. */
  async stream(method: Method, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const full = await this.#path(path, options);
    return this.#answer(method, full, options);
  }

  /** Requests a separate two-way connection (attach, exec, session). `end()` closes only the outgoing direction. */
  async hijack(path: string, options: CallOptions = {}): Promise<Duplex> {
    const full = await this.#path(path, options);
    const headers = { Connection: "Upgrade", Upgrade: "tcp", ...options.headers };
    return this.#send("POST", full, { ...options, headers, hijacks: true }) as Promise<Duplex>;
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #path(path: string, options: CallOptions): Promise<string> {
    const { api } = await this.version(options.signal);
    return `/v${api}${path}`;
  }

  async #negotiate(signal: AbortSignal | undefined): Promise<EngineVersion> {
    const said = await this.#json("GET", "/version", signal ? { signal } : {});
    const { ApiVersion, MinAPIVersion, Version } = said as Record<string, string | undefined>;
    const newest = ApiVersion ?? "0";
    const oldest = MinAPIVersion ?? "0";
    const api = isOlder(newest, newestApi) ? newest : newestApi;
    if (isOlder(api, oldestApi) || isOlder(api, oldest)) {
      const detail = `engine ${Version} speaks API ${oldest} to ${newest}, Fairlead ${oldestApi} to ${newestApi}`;
      throw new Fault("engine.unsupported", detail);
    }
    return { api, engine: Version ?? "unknown" };
  }

  async #json(method: Method, path: string, options: CallOptions): Promise<unknown> {
    const call = { method, path, signal: options.signal };
    const before = performance.now();
    const answer = await this.#answer(method, path, options);
    const late = () => answer.destroy(this.#unreachable(call, "took too long with its answer"));
    const timer = setTimeout(late, (options.withinMs ?? usualMs) - (performance.now() - before));
    try {
      const text = await textOf(answer, longestAnswer);
      return text === "" ? null : JSON.parse(text);
    } catch (thrown) {
      throw this.#explained(call, thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A read may be repeated if its connection had been closed while idle. */
  async #answer(method: Method, path: string, options: CallOptions): Promise<IncomingMessage> {
    try {
      return (await this.#send(method, path, options)) as IncomingMessage;
    } catch (thrown) {
      if (!(thrown instanceof Stale)) throw thrown;
      return (await this.#send(method, path, options)) as IncomingMessage;
    }
  }

  #send(method: Method, path: string, options: CallOptions & { hijacks?: boolean }): Promise<IncomingMessage | Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | Duplex>();
    const asked = { method, path, signal: options.signal };
    const withinMs = options.withinMs ?? usualMs;
    const call = open(this.#request(method, path, options));
    const late = () => call.destroy(this.#unreachable(asked, `no answer within ${withinMs} ms`));
    const timer = setTimeout(late, withinMs);
    call.once("close", () => clearTimeout(timer));
    call.once("response", (answer) => {
      const isGood = (answer.statusCode ?? 500) < 400;
      if (isGood && !options.hijacks) {
        clearTimeout(timer);
        resolve(answer);
        return;
      }
      if (isGood) answer.destroy(this.#unreachable(asked, "it gave no connection"));
      refusalOf(answer).then(reject, (thrown) => reject(this.#explained(asked, thrown)));
    });
    call.once("upgrade", (_answer, connection, head) => {
      clearTimeout(timer);
      if (head.length > 0) connection.unshift(head);
      resolve(connection);
    });
    call.on("error", (thrown) => {
      const isStale = method === "GET" && call.reusedSocket && isErrno(thrown, "ECONNRESET", "EPIPE");
      reject(isStale ? new Stale() : this.#explained(asked, thrown));
    });
    write(call, options);
    return promise;
  }

  #request(method: Method, path: string, options: CallOptions): RequestOptions {
    const { body, upload, signal, fresh } = options;
    const type = upload ? (upload.type ?? "application/x-tar") : body === undefined ? null : "application/json";
    return {
      socketPath: this.socket,
      agent: fresh ? false : this.#agent,
      method,
      path: path + queryText(options.query ?? {}),
      headers: { Host: "engine", ...(type ? { "Content-Type": type } : {}), ...options.headers },
      ...(signal ? { signal } : {}),
    };
  }

  #explained(call: Asked, thrown: unknown): unknown {
    if (call.signal?.aborted) return call.signal.reason;
    if (thrown instanceof Fault) return thrown;
    if (thrown instanceof SyntaxError) {
      return new Fault("operation.failed", `the container engine's answer to ${call.method} ${call.path} is not JSON`);
    }
    const why = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "the connection broke";
    return this.#unreachable(call, why, thrown);
  }

  #unreachable({ method, path }: Asked, why: string, cause?: unknown): Fault {
    this.#version = null;
    return new Fault(
      "engine.unreachable",
      `no container engine answers at ${this.socket} (${method} ${path}: ${why})`,
      { cause },
    );
  }
}

interface Asked {
  readonly method: Method;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
}

/** A connection that was closed while idle. */
class Stale extends Fault {
  constructor() {
    super("engine.unreachable", "the connection was closed meanwhile");
  }
}

function write(call: ReturnType<typeof open>, { body, upload }: CallOptions): void {
  if (upload?.content instanceof Readable) {
    // A failure here fails the call too, or comes after its answer, when nothing waits for the rest.
    pipeline(upload.content, call).catch((thrown: Error) => call.destroy(thrown));
  } else if (upload) call.end(upload.content);
  else call.end(body === undefined ? undefined : JSON.stringify(body));
}

function queryText(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

async function textOf(answer: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new Fault("operation.failed", `an answer of the engine is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The engine sends `{"message"}`; very old APIs and proxies plain text. */
async function refusalOf(answer: IncomingMessage): Promise<EngineRefusal> {
  const status = answer.statusCode ?? 500;
  const text = await textOf(answer, 1024 * 1024);
  const detail = text.trim() || `status ${status}`;
  if (!/^application\/json/.test(answer.headers["content-type"] ?? "")) return new EngineRefusal(status, detail);
  return new EngineRefusal(status, messageIn(text) ?? detail);
}

function messageIn(text: string): string | null {
  try {
    const said = JSON.parse(text) as { message?: unknown } | null;
    return typeof said?.message === "string" ? said.message : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

/** Whether API version `a` comes before `b`; `1.9` comes before `1.41`. */
function isOlder(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor < bMajor || (aMajor === bMajor && aMinor < bMinor);
}
