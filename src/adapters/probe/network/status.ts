import { validateHeaderValue } from "node:http";
import { connect } from "node:net";
import type { Address } from "../../../model/instance.ts";

/** The most of an answer's head that is read. */
const headLimit = 64 * 1024;
/** What no path of a request line may hold: the same that `node:http` refuses. */
const unaskable = /[^\u0021-\u00ff]/;
/** Every connection reads into it and takes out what it read at once. */
const page = Buffer.allocUnsafeSlow(16 * 1024);

export interface StatusQuestion {
  readonly address: Address;
  readonly path: string;
  readonly host: string;
}

/**
 * The status of the answer to a GET, once its head is there. Serving instances are probed this way all the time, so it
 * uses a plain socket: `node:http` takes twice the time. `cut` gets a function that ends it.
 */
export function statusOf(asked: StatusQuestion, cut: (how: (error?: Error) => void) => void): Promise<number> {
  const head = requestHead(asked);
  return new Promise((resolve, reject) => {
    let text = "";
    const { host, port } = asked.address;
    const onread = {
      buffer: page,
      callback: (bytes: number) => {
        text += page.toString("latin1", 0, bytes);
        const status = statusIn(text);
        if (status === null) return true;
        if (typeof status === "number") resolve(status);
        else reject(status);
        return false;
      },
    };
    const socket = connect({ host, port, onread });
    cut((error) => socket.destroy(error));
    socket.on("error", reject);
    socket.once("close", () => reject(failure("ECONNRESET")));
    socket.write(head, "latin1");
  });
}

function requestHead({ path, host }: StatusQuestion): string {
  if (unaskable.test(path)) throw failure("ERR_UNESCAPED_CHARACTERS");
  validateHeaderValue("Host", host);
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json, */*\r\nUser-Agent: fairlead-probe\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n`;
}

/** What the text of an answer says so far; null while more must come. Interim answers (1xx) are skipped. */
function statusIn(text: string): number | Error | null {
  let rest = text;
  for (;;) {
    if (!(rest.startsWith("HTTP/1.") || "HTTP/1.".startsWith(rest))) return failure("HPE_INVALID_CONSTANT");
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) return rest.length > headLimit ? failure("HPE_HEADER_OVERFLOW") : null;
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r\n)/.exec(rest)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) return failure("HPE_INVALID_STATUS");
    if (status >= 200 || status === 101) return status;
    rest = rest.slice(end + 4);
  }
}

/** The codes are those that `node:http` would give. */
function failure(code: string): Error {
  return Object.assign(new Refused(code), { code });
}

class Refused extends Error {}
