import { type IncomingMessage, request } from "node:http";
import type { Target } from "./requests.ts";
import type { Tally } from "./tally.ts";

/** Beacon sends five events a second; so long without one is a stream that hangs. */
const silenceMs = 15_000;
const reopenAfterMs = 100;

/** Keeps one event stream open at a time until told to stop; opens the next one when the server ends it or it breaks. */
export function startStream(target: Target, tally: Tally): () => void {
  let close = (): void => undefined;
  const open = (): void => {
    if (tally.stopping) return;
    close = openStream(target, tally, () => setTimeout(open, reopenAfterMs));
  };
  open();
  return () => close();
}

function openStream({ address, port, host }: Target, tally: Tally, whenOver: () => void): () => void {
  const call = request({ host: address, port, path: "/events", headers: { host }, agent: false });
  let over = false;
  const end = (broken: string | null): void => {
    if (over) return;
    over = true;
    call.destroy();
    if (tally.stopping) return;
    if (broken === null) tally.streams.drained += 1;
    else {
      tally.streams.brokenEarly += 1;
      tally.fail(`stream: ${broken}`);
    }
    whenOver();
  };
  call.setTimeout(silenceMs, () => end("silent"));
  call.once("error", (error: NodeJS.ErrnoException) => end(`failed: ${error.code}`));
  call.once("response", (response) => {
    if (response.statusCode !== 200) return end(`refused: ${response.statusCode}`);
    tally.streams.opened += 1;
    follow(response, tally, end);
  });
  call.end();
  return () => end(null);
}

function follow(response: IncomingMessage, tally: Tally, end: (broken: string | null) => void): void {
  const chunked = response.headers["transfer-encoding"] === "chunked";
  let expected: number | null = null;
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (part: string) => {
    const events = (text + part).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const counter = Number(/"counter":(\d+)/.exec(event)?.[1]);
      if (expected !== null && counter !== expected) return end(`event ${counter} came after ${expected - 1}`);
      expected = counter + 1;
      tally.streams.messages += 1;
    }
  });
  // Only a last chunk tells an end from a cut: without chunks both look the same.
  response.once("close", () => end(response.complete && chunked && text === "" ? null : "cut"));
  response.once("error", (error: NodeJS.ErrnoException) => end(`cut: ${error.code}`));
}
