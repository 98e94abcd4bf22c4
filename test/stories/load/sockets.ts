import { WebSocket } from "ws";
import type { Target } from "./requests.ts";
import type { Tally } from "./tally.ts";

const echoEveryMs = 200;
const echoWithinMs = 15_000;
const reopenAfterMs = 100;

/** Keeps one WebSocket open at a time, with an echo every 200 ms; opens the next one when it ends. */
export function startSocket(target: Target, tally: Tally): () => void {
  let close = (): void => undefined;
  const open = (): void => {
    if (tally.stopping) return;
    close = openSocket(target, tally, () => setTimeout(open, reopenAfterMs));
  };
  open();
  return () => close();
}

function openSocket({ address, port, host }: Target, tally: Tally, whenOver: () => void): () => void {
  const socket = new WebSocket(`ws://${address}:${port}/echo`, { headers: { host }, handshakeTimeout: echoWithinMs });
  let sent = 0;
  let echoed = 0;
  let heardAt = Date.now();
  const beat = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (sent > echoed && Date.now() - heardAt > echoWithinMs) return end("silent");
    sent += 1;
    socket.send(String(sent));
  }, echoEveryMs);
  let over = false;
  const end = (broken: string | null): void => {
    if (over) return;
    over = true;
    clearInterval(beat);
    socket.terminate();
    if (tally.stopping) return;
    if (broken === null) tally.sockets.drained += 1;
    else {
      tally.sockets.brokenEarly += 1;
      tally.fail(`socket: ${broken}`);
    }
    whenOver();
  };
  socket.once("open", () => {
    tally.sockets.opened += 1;
    heardAt = Date.now();
  });
  socket.on("message", (data) => {
    echoed += 1;
    heardAt = Date.now();
    if (String(data) !== String(echoed)) return end(`echo ${echoed} is wrong`);
    tally.sockets.messages += 1;
  });
  socket.once("close", (code) => end(code === 1000 || code === 1001 ? null : `closed with ${code}`));
  // `on`, because terminating a socket that is still connecting reports once more.
  socket.on("error", (error: NodeJS.ErrnoException) => end(`failed: ${error.code ?? "handshake refused"}`));
  return () => end(null);
}
