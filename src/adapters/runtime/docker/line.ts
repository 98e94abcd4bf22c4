import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a line to the engine is cut: when a request passes that looks so, before it or on the way back. */
interface Fault {
  readonly request: RegExp;
  readonly when: "before" | "after";
}

/**
 * For tests: a line to the engine that can be cut, so that an engine that goes away and comes back looks as from afar; and
 * on which something else answers than the engine.
 */
export async function lineTo(target: string) {
  const directory = mkdtempSync(join(tmpdir(), "fl-line-"));
  const path = join(directory, "s");
  const sockets = new Set<Socket>();
  let isCut = false;
  let fault: Fault | null = null;
  let isHeld: RegExp | null = null;
  const held: (() => void)[] = [];
  let passed = "";
  const answers = new Map<RegExp, string | null>();
  const cut = () => {
    isCut = true;
    for (const each of sockets) each.destroy();
  };
  const server = createServer((client) => {
    if (isCut) return client.destroy();
    const engine = connect(target);
    let isLast = false;
    for (const each of [client, engine]) {
      sockets.add(each.on("error", () => each.destroy()).on("close", () => sockets.delete(each)));
    }
    client.on("data", (data) => {
      const isHit = fault?.request.test(data.toString("latin1")) ?? false;
      if (isHit && fault?.when === "before") return cut();
      isLast ||= isHit;
      const other = [...answers].find(([request]) => request.test(data.toString("latin1")));
      if (other) return other[1] !== null && client.write(other[1]);
      if (isHeld?.test(data.toString("latin1"))) return held.push(() => engine.write(data));
      return engine.write(data);
    });
    engine.on("data", (data) => {
      if (isLast) return cut();
      passed += data.toString("latin1");
      return client.write(data);
    });
    client.on("close", () => engine.destroy());
    engine.on("end", () => client.end()).on("close", () => client.destroy());
  }).listen(path);
  await once(server, "listening");
  return {
    path,
    cut,
    cutAt: (at: Fault) => {
      fault = at;
    },
    mend: () => {
      fault = null;
      isCut = false;
    },
    /** Requests that look so get this answer of status and body; null: none ever. */
    answer: (request: RegExp, reply: { status: number; body: string } | null) => {
      const head = (status: number, length: number) =>
        `HTTP/1.1 ${status} Odd\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
      answers.set(request, reply && head(reply.status, Buffer.byteLength(reply.body)) + reply.body);
    },
    /** The engine itself answers again. */
    answerNothing: () => answers.clear(),
    /** Requests that look so wait, until they are let go. */
    hold: (request: RegExp) => {
      isHeld = request;
      passed = "";
    },
    letGo: () => {
      isHeld = null;
      for (const each of held.splice(0)) each();
    },
    holds: () => held.length > 0,
    /** Whether the engine has said so since requests are held. */
    hasSaid: (words: RegExp) => words.test(passed),
    close: () => {
      cut();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
