import { type Diagnostic, Fault, type FaultCode, faults } from "../base/faults.ts";
import type { Problem } from "../contract/problem.ts";

/** One HTTP request to a controller. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, escaped already. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as JSON, anything else as it comes. */
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** What came back, as soon as the headers are there. */
export interface HttpAnswer {
  readonly status: number;
  /** Null: it has no header of that name. */
  header(name: string): string | null;
  /** Throws when the connection breaks off; a reader that stops early ends the request. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Requests to one controller. Every status is an answer. Faults: `controller.unreachable`, `access.denied`. */
export interface Transport {
  /** Where it talks to, for messages. */
  readonly place: string;
  exchange(request: HttpRequest): Promise<HttpAnswer>;
}

/** Most bytes of a JSON answer. Pages are limited far below this; more means that something else answered. */
const answerLimit = 64 * 1024 * 1024;

/** The body as text. Faults: `controller.unreachable` when it breaks off. */
export async function bodyText({ body }: HttpAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > answerLimit) throw new Fault("operation.failed", "the answer is too large; ask for a smaller page");
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("controller.unreachable", "the connection was closed in the middle of an answer", { cause: error });
  }
  return text + decoder.decode();
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

/** The Fault that a problem document reports; a code unknown to this version becomes the nearest by status. */
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
