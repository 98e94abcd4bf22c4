export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Bytes of the answer; what follows belongs to the next one. */
  readonly length: number;
  readonly closes: boolean;
}

const blank = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

/** The HTTP/1.1 answer that the bytes begin with, or null while it is not whole. `ended`: the server has sent its last byte. */
export function readAnswer(bytes: Buffer, ended: boolean): Answer | null {
  const headEnd = bytes.indexOf(blank);
  if (headEnd === -1) return null;
  const head = bytes.toString("latin1", 0, headEnd);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  const start = headEnd + blank.length;
  // Interim answers (RFC 9110, section 15.2) come before the real one.
  if (status >= 100 && status < 200) {
    const rest = readAnswer(bytes.subarray(start), ended);
    return rest && { ...rest, length: rest.length + start };
  }
  const body = readBody(head, { bytes, start, ended, empty: status === 204 || status === 304 });
  return body && { status, ...body, closes: body.closes || /\r\nconnection: *close/i.test(head) };
}

interface Place {
  readonly bytes: Buffer;
  readonly start: number;
  readonly ended: boolean;
  readonly empty: boolean;
}

/** The three ways in which a body may be delimited (RFC 9112, section 6.3). */
function readBody(head: string, { bytes, start, ended, empty }: Place): Omit<Answer, "status"> | null {
  if (empty) return { body: "", length: start, closes: false };
  if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) return readChunks(bytes, start);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined)
    return ended ? { body: bytes.toString("utf8", start), length: bytes.length, closes: true } : null;
  const end = start + Number(length);
  return bytes.length < end ? null : { body: bytes.toString("utf8", start, end), length: end, closes: false };
}

function readChunks(bytes: Buffer, start: number): Omit<Answer, "status"> | null {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const sizeEnd = bytes.indexOf(lineEnd, at);
    if (sizeEnd === -1) return null;
    const size = Number.parseInt(bytes.toString("latin1", at, sizeEnd), 16);
    const next = sizeEnd + 2 + size + 2;
    // Not a number: garbage, which never becomes whole and ends as a timeout.
    if (!(bytes.length >= next)) return null;
    if (size === 0) return { body: Buffer.concat(parts).toString("utf8"), length: next, closes: false };
    parts.push(bytes.subarray(sizeEnd + 2, sizeEnd + 2 + size));
    at = next;
  }
}
