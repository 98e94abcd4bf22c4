import { createHash, randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "./requests.ts";
import type { Tally } from "./tally.ts";

const pieces = 4;
const pieceBytes = 32 * 1024;
/** Slow enough that an upload is under way at every switch. */
const betweenPiecesMs = 25;
const answerWithinMs = 15_000;

/** Uploads one body after another, in pieces, and compares the digest that comes back. */
export async function upload(target: Target, tally: Tally): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!tally.stopping) {
    tally.uploads.sent += 1;
    const wrong = await uploadOnce(target, agent);
    if (wrong === null) continue;
    tally.uploads.failed += 1;
    tally.fail(`upload: ${wrong}`);
    await pause(betweenPiecesMs);
  }
  agent.destroy();
}

/** What went wrong, or null. */
async function uploadOnce({ address, port, host }: Target, agent: Agent): Promise<string | null> {
  const body = randomBytes(pieces * pieceBytes);
  const headers = { host, "content-length": body.length, "content-type": "application/octet-stream" };
  const call = request({ host: address, port, path: "/upload", method: "POST", agent, headers });
  const outcome = new Promise<string | null>((resolve) => {
    call.setTimeout(answerWithinMs, () => call.destroy());
    call.once("close", () => resolve("closed before the answer"));
    call.once("error", (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code}`));
    call.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text = (text + part).slice(0, 10_000);
      });
      response.once("error", (error: NodeJS.ErrnoException) => resolve(`answer cut: ${error.code}`));
      response.once("end", () => resolve(judge(response.statusCode, text, body)));
    });
  });
  for (let at = 0; at < body.length && !call.destroyed; at += pieceBytes) {
    call.write(body.subarray(at, at + pieceBytes));
    await pause(betweenPiecesMs);
  }
  call.end();
  return await outcome;
}

function judge(status: number | undefined, text: string, body: Buffer): string | null {
  if (status !== 200) return `POST /upload → ${status}`;
  const right = text.includes(createHash("sha256").update(body).digest("hex")) && text.includes(`:${body.length}`);
  return right ? null : "the digest is wrong";
}
