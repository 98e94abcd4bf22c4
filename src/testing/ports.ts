import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { Fault, isErrno } from "../base/faults.ts";

/**
 * Where the ports of tests are: below those that the system gives to connections and to servers that ask for any, and
 * below those that a controller gives to instances when nothing else is said; and no port that browsers refuse (10080).
 */
const first = 12_000;
const inBlock = 400;
const blocks = 20;

/** Nobody listens there: that of a service which went out of use before there was Linux (TCPMUX). */
export const nobodysPort = 1;

interface Block {
  readonly from: number;
  next: number;
}

let mine: Promise<Block> | null = null;

/**
 * Ports in a row that no other test process is given, nor anybody by chance: for programs that are told where to listen,
 * and do so some time later. They come round again after some hundred.
 */
export async function ownPorts(count: number): Promise<{ readonly from: number; readonly to: number }> {
  mine ??= claimBlock();
  const block = await mine;
  const isOver = block.next + count > block.from + inBlock;
  const from = isOver ? block.from : block.next;
  block.next = from + count;
  return { from, to: from + count - 1 };
}

/** A port of those on which nobody listens. */
export async function ownPort(): Promise<number> {
  for (let tried = 0; tried < inBlock; tried += 1) {
    const { from } = await ownPorts(1);
    if (await isFree(from)) return from;
  }
  throw new Fault("runtime.ports-exhausted", "every port of this test process is in use");
}

/** A block is whose process holds the UDP port of the same number as its first: that ends with the process. */
async function claimBlock(): Promise<Block> {
  for (let number = 0; number < blocks; number += 1) {
    const from = first + number * inBlock;
    if (await holds(from)) return { from, next: from };
  }
  throw new Fault("runtime.ports-exhausted", "other test processes have all blocks of ports");
}

function holds(port: number): Promise<boolean> {
  const socket = createSocket("udp4").unref();
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => (isErrno(error, "EADDRINUSE") ? resolve(false) : reject(error)));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => resolve(true));
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error) => (isErrno(error, "EADDRINUSE") ? resolve(false) : reject(error)));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
