import { fieldsOf, type WireField } from "./wire.ts";

/** A step as BuildKit reports it (moby/buildkit, api/services/control/control.proto, `Vertex`). */
interface Vertex {
  digest: string;
  name: string;
  cached: boolean;
  startedAt: number | null;
  completedAt: number | null;
  error: string;
}

/** The output of a step so far. */
interface Told {
  readonly number: number;
  name: string;
  announced: boolean;
  closed: boolean;
  /** A line without its end. */
  rest: string;
}

/** Steps of the builder itself, which are shown only if they fail. */
const isQuiet = /^(?:\[internal\]|copy \/context|exporting)/;

/**
 * Formats BuildKit's progress as `docker build --progress=plain` prints it: `#3 [2/4] RUN npm ci`, its output behind
 * `#3`, then `#3 CACHED` or `#3 done in 1.2 s`. Each step is announced once, when it begins.
 */
export class BuildkitLines {
  readonly #say: (line: string) => void;
  readonly #steps = new Map<string, Told>();
  /** The failed step, if any: its name and BuildKit's error. */
  failed: { readonly name: string; readonly error: string } | null = null;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Takes one StatusResponse: vertexes (1), statuses (2, of no interest), logs (3). */
  take(message: Buffer): void {
    for (const { number, value } of fieldsOf(message)) {
      if (!Buffer.isBuffer(value)) continue;
      if (number === 1) this.#vertex(vertexOf(value));
      if (number === 3) this.#log(value);
    }
  }

  #vertex(vertex: Vertex): void {
    const step = this.#step(vertex.digest);
    step.name = vertex.name;
    const isOver = vertex.completedAt !== null || vertex.cached;
    if (vertex.startedAt !== null || isOver) this.#announce(step);
    if (!isOver || step.closed) return;
    step.closed = true;
    this.#endLine(step);
    if (vertex.error !== "") this.#fail(step, vertex.error);
    else if (vertex.cached) this.#tell(step, "CACHED");
    else this.#tell(step, `done in ${(((vertex.completedAt ?? 0) - (vertex.startedAt ?? 0)) / 1_000).toFixed(1)} s`);
  }

  #fail(step: Told, error: string): void {
    // Other steps are cancelled when one fails; the first error is the cause.
    this.failed ??= { name: step.name.replace(/^\[[^\]]*\] /, ""), error };
    this.#say(`#${step.number} failed: ${error}`);
  }

  /** VertexLog: vertex (1), timestamp (2), stream (3), message (4). */
  #log(value: Buffer): void {
    const fields = new Map(Array.from(fieldsOf(value), (field) => [field.number, field.value]));
    const [digest, message] = [fields.get(1), fields.get(4)];
    if (!Buffer.isBuffer(digest) || !Buffer.isBuffer(message)) return;
    const step = this.#step(digest.toString());
    this.#announce(step);
    const lines = (step.rest + message.toString()).split("\n");
    step.rest = lines.pop() ?? "";
    for (const line of lines) this.#say(`#${step.number} ${lastWriting(line)}`);
  }

  #step(digest: string): Told {
    const found = this.#steps.get(digest);
    if (found) return found;
    const step = { number: this.#steps.size + 1, name: "", announced: false, closed: false, rest: "" };
    this.#steps.set(digest, step);
    return step;
  }

  #announce(step: Told): void {
    if (step.announced) return;
    step.announced = true;
    this.#tell(step, step.name);
  }

  #tell(step: Told, words: string): void {
    if (!isQuiet.test(step.name)) this.#say(`#${step.number} ${words}`);
  }

  #endLine(step: Told): void {
    if (step.rest !== "") this.#say(`#${step.number} ${lastWriting(step.rest)}`);
    step.rest = "";
  }
}

/** The final state of a line that was overwritten repeatedly. */
export function lastWriting(line: string): string {
  const shown = line.replace(/\r$/, "");
  return shown.slice(shown.lastIndexOf("\r") + 1);
}

/** Vertex: digest (1), name (3), cached (4), started (5), completed (6), error (7). */
function vertexOf(bytes: Buffer): Vertex {
  const vertex: Vertex = { digest: "", name: "", cached: false, startedAt: null, completedAt: null, error: "" };
  for (const field of fieldsOf(bytes)) setField(vertex, field);
  return vertex;
}

function setField(vertex: Vertex, { number, value }: WireField): void {
  if (!Buffer.isBuffer(value)) {
    if (number === 4) vertex.cached = value !== 0;
    return;
  }
  if (number === 1) vertex.digest = value.toString();
  else if (number === 3) vertex.name = value.toString();
  else if (number === 5) vertex.startedAt = msOf(value);
  else if (number === 6) vertex.completedAt = msOf(value);
  else if (number === 7) vertex.error = value.toString();
}

/** google.protobuf.Timestamp: seconds (1) and nanoseconds (2). */
function msOf(bytes: Buffer): number {
  let ms = 0;
  for (const { number, value } of fieldsOf(bytes)) {
    if (typeof value === "number") ms += number === 1 ? value * 1_000 : value / 1_000_000;
  }
  return ms;
}
