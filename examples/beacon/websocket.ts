import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

// The fixed text of RFC 6455, section 1.3.
const handshakeText = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;
const longestMessage = 65_535;

export interface EchoSocket {
  /** Says goodbye with a status code (RFC 6455, section 7.4; 1001 is "going away") and ends the connection. */
  close(code: number): void;
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? [payload.length] : [126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload]);
}

function closeFrame(code: number): Buffer {
  return frame(opcodes.close, Buffer.from([code >> 8, code & 255]));
}

/** The first whole frame of the bytes, null while it is not there yet; `broken` when it is none that this server takes. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | "broken" | null {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return null;
  const extended = (second & 127) === 126;
  // Only whole (FIN), masked messages of at most 65,535 bytes: all that an echo needs.
  if ((first & 0xf0) !== 0x80 || (second & 128) === 0 || (second & 127) === 127) return "broken";
  const start = extended ? 8 : 6;
  if (bytes.length < start) return null;
  const size = extended ? bytes.readUInt16BE(2) : second & 127;
  if (bytes.length < start + size) return null;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + size).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  return { opcode: first & 15, payload, length: start + size };
}

/** Completes the handshake and sends every text back; answers pings; ends the connection on anything unknown. */
export function acceptEcho(request: IncomingMessage, socket: Duplex, onEnd: () => void): EchoSocket | null {
  const key = request.headers["sec-websocket-key"];
  if (request.headers.upgrade?.toLowerCase() !== "websocket" || key === undefined) {
    socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return null;
  }
  const accept = createHash("sha1").update(`${key}${handshakeText}`).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join("\r\n")}\r\n\r\n`);
  const close = (code: number): void => {
    if (socket.writable) socket.end(closeFrame(code));
  };
  let waiting = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    waiting = Buffer.concat([waiting, bytes]);
    for (let next = readFrame(waiting); next !== null; next = readFrame(waiting)) {
      if (next === "broken") return close(1002);
      waiting = waiting.subarray(next.length);
      if (next.opcode === opcodes.close) return close(1000);
      if (next.opcode === opcodes.text) socket.write(frame(opcodes.text, next.payload));
      if (next.opcode === opcodes.ping) socket.write(frame(opcodes.pong, next.payload));
    }
    if (waiting.length > longestMessage + 8) close(1009);
  });
  // A connection that breaks needs no answer; its end is all there is to know.
  socket.once("error", () => socket.destroy()).once("close", onEnd);
  return { close };
}
