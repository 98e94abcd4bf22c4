import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteFlat } from "../../../host/tree.ts";

/** Where a line to the engine is cut: when a request passes that looks so, before it or on the way back. */
interface Cut {
  readonly request: RegExp;
  readonly when: "before" | "after";
}

/**
 * For tests: a line to the engine that can be cut, so that an engine that goes away and comes back looks as from afar; and
 * on which something else answers than the engine.
 */
export async function lineTo(target: string): Promise<Line> {
  const directory = mkdtempSync(join(tmpdir(), "fl-line-"));
  const line = new Line(target, directory);
  await line.listen();
  return line;
}

class Line {
  readonly path: string;
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();
  readonly #server;
  readonly #answers = new Map<RegExp, string | null>();
  readonly #held: (() => void)[] = [];
  #isCut = false;
  #cut: Cut | null = null;
  #isHeld: RegExp | null = null;
  #passed = "";

  constructor(target: string, directory: string) {
    this.#directory = directory;
    this.path = join(directory, "s");
    this.#server = createServer((client) => {
      if (this.#isCut) client.destroy();
      else this.#join(client, connect(target));
    });
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(this.path), "listening");
  }

  cut(): void {
    this.#isCut = true;
    for (const each of this.#sockets) each.destroy();
  }

  cutAt(at: Cut): void {
    this.#cut = at;
  }

  mend(): void {
    this.#cut = null;
    this.#isCut = false;
  }

  /** Requests that look so wait, until they are let go. */
  hold(request: RegExp): void {
    this.#isHeld = request;
    this.#passed = "";
  }

  letGo(): void {
    this.#isHeld = null;
    for (const each of this.#held.splice(0)) each();
  }

  holds(): boolean {
    return this.#held.length > 0;
  }

  /** Whether the engine has said so since requests are held. */
  hasSaid(words: RegExp): boolean {
    return words.test(this.#passed);
  }

  /** Requests that look so get this answer of status and body; null: none ever. */
  answer(request: RegExp, reply: { status: number; body: string } | null): void {
    const head = (status: number, length: number) =>
      `HTTP/1.1 ${status} Odd\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    this.#answers.set(request, reply && head(reply.status, Buffer.byteLength(reply.body)) + reply.body);
  }

  /** The engine itself answers again. */
  answerNothing(): void {
    this.#answers.clear();
  }

  close(): void {
    this.cut();
    this.#server.close();
    deleteFlat(this.#directory);
  }

  #join(client: Socket, engine: Socket): void {
    let isLast = false;
    for (const each of [client, engine]) {
      this.#sockets.add(each.on("error", () => each.destroy()).on("close", () => this.#sockets.delete(each)));
    }
    client.on("data", (data) => {
      const text = data.toString("latin1");
      const isHit = this.#cut?.request.test(text) ?? false;
      if (isHit && this.#cut?.when === "before") return this.cut();
      isLast ||= isHit;
      const other = [...this.#answers].find(([request]) => request.test(text));
      if (other) return other[1] !== null && client.write(other[1]);
      if (this.#isHeld?.test(text)) return this.#held.push(() => engine.write(data));
      return engine.write(data);
    });
    engine.on("data", (data) => {
      if (isLast) return this.cut();
      this.#passed += data.toString("latin1");
      return client.write(data);
    });
    client.on("close", () => engine.destroy());
    engine.on("end", () => client.end()).on("close", () => client.destroy());
  }
}
