import { startRequests, type Target } from "./requests.ts";
import { startSocket } from "./sockets.ts";
import { startStream } from "./streams.ts";
import { type Report, Tally } from "./tally.ts";
import { upload } from "./uploads.ts";

export type { Report };

export interface LoadOptions {
  /** Where to dial, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** The name to ask for in the Host header, e.g. `web.beacon.localhost`. */
  readonly host: string;
  /** Keep-alive connections for plain requests. */
  readonly connections: number;
  /** Plain requests a second over all connections; without it, as many as are answered. */
  readonly ratePerSecond?: number;
  /** Event streams, WebSockets and upload loops that run in parallel. */
  readonly streams: number;
  readonly sockets: number;
  readonly uploads: number;
}

export interface Load {
  /** What was seen so far. */
  report(): Report;
  /** Sends nothing new, waits for what is under way (at most 15 s), closes everything and says what was seen. */
  stop(): Promise<Report>;
}

/**
 * Puts clients without any retry on an app like examples/beacon and counts all that they see go wrong: requests that are
 * not answered or not with 2xx or 3xx, reused connections that are reset, streams and sockets that are cut or miss
 * something, uploads whose digest is wrong. What the server ends cleanly counts as drained, and is opened again.
 */
export function startLoad(options: LoadOptions): Load {
  const { hostname, port } = new URL(options.url);
  const target: Target = { address: hostname, port: Number(port || 80), host: options.host };
  const tally = new Tally();
  const requests = startRequests(target, tally, options);
  const closers = [
    ...Array.from({ length: options.streams }, () => startStream(target, tally)),
    ...Array.from({ length: options.sockets }, () => startSocket(target, tally)),
  ];
  const uploads = Array.from({ length: options.uploads }, () => upload(target, tally));
  return {
    report: () => tally.report(),
    async stop() {
      tally.stopping = true;
      for (const close of closers) close();
      await Promise.all([requests(), ...uploads]);
      return tally.report();
    },
  };
}
