/** A generator of numbers in [0, 1): the same for the same seed (mulberry32, public domain). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const methods = [
  "GET",
  "POST",
  "HEAD",
  "PUT",
  "OPTIONS",
  "DELETE",
  "CONNECT",
  "get",
  "G\u00e9T",
  "M-SEARCH",
  "",
  "GET GET",
];
const targets = [
  ...[
    "/",
    "/a?b=c",
    "//evil.com/",
    "/%00",
    "/a%2fb",
    "/a b",
    "/a#b",
    "/\u00e9",
    "/\x01",
    "/\\",
    "/..//..",
    "?",
    "*",
    "",
    "a",
  ],
  ...[
    "http://HOST/a",
    "HTTP://HOST",
    "https://HOST/",
    "http://HOST:80/",
    "http://evil.com/",
    "http://a@HOST/",
    "http://",
    "ftp://HOST/",
  ],
  ...["HOST", "HOST:80", "a@HOST", "javascript:alert(1)", "/<>\"'", "/[]|", `/${"a".repeat(5_000)}`],
];
const versions = ["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "", "HTTP/11"];
const hosts = [
  ...[
    "HOST",
    "HOST:80",
    "HOST.",
    "HOST:",
    "hOsT.UPPER",
    "",
    "HOST:99999",
    "HOST:8O",
    "HOST@evil.com",
    "evil.com@HOST",
    "HOST, HOST",
    "a b",
  ],
  ...[
    "[::1]",
    "[::1",
    "[::g]",
    "127.0.0.1",
    "HOST/",
    "HOST#",
    "HOST%41",
    "nobody.test",
    "-HOST",
    "HOST..",
    "*.HOST",
    "HOST\\",
    "HOST\u00e9",
  ],
];
const headers = [
  ...[
    "X-A: b",
    "X-A:b",
    "X-A:  b  ",
    "X-A:",
    "X-A : b",
    " X-A: b",
    "X-A",
    ": b",
    "X A: b",
    "X-A: b\x01",
    "X-A: b\0c",
    "X-A: \u00e9",
  ],
  ...[
    "X-(A): b",
    "X-\u00e9: b",
    "X_A: b",
    "X-A: b\x7f",
    "X-A: b\rc",
    "X-A: b\tc",
    `X-A: ${"b".repeat(9_000)}`,
    `${"X".repeat(300)}: b`,
  ],
  ...[
    "Connection: close",
    "Connection: keep-alive",
    "Connection: x-a, close",
    "Connection: Upgrade",
    "Keep-Alive: timeout=1",
    "TE: trailers",
  ],
  ...[
    "Upgrade: h2c",
    "Upgrade: foo",
    "HTTP2-Settings: AAAA",
    "Expect: 100-continue",
    "Expect: else",
    "Proxy-Connection: keep-alive",
  ],
  ...[
    "X-Forwarded-For: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    "Proxy: lie",
    "Content_Length: 9",
    "X_Forwarded_For: 6.6.6.6",
    "X-Original-Url: /b",
  ],
  ...[
    "Content-Length: 0",
    "Content-Length: 5",
    "Content-Length: 05",
    "Content-Length: -1",
    "Content-Length: 5, 5",
    "Content-Length: 1e1",
  ],
  ...[
    "Content-Length: 2000000",
    "Content-Length: 99999999999999999999",
    "Content-Length: ",
    "Content-Length: 5\r\nContent-Length: 6",
  ],
  ...[
    "Transfer-Encoding: chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
  ],
  ...[
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\x0bchunked",
  ],
  ...["Host: evil.com", "Host: HOST", "Trailer: x-a", "Cookie: a=1; b=2", "Range: bytes=0-1", "Accept-Encoding: gzip"],
];
const bodies = [
  "",
  "hello",
  "5\r\nhello\r\n0\r\n\r\n",
  "5;x=y\r\nhello\r\n0\r\nX-B: c\r\n\r\n",
  "5\r\nhel",
  "zz\r\nhello\r\n0\r\n\r\n",
  "0\r\n\r\n",
];
const ends = ["\r\n", "\n", "\r\r\n"];

/** An odd request as bytes, a character a byte, for the host that is served; `number` names it among those of its seed. */
export function oddRequest(seed: number, host: string): string {
  const next = numbers(seed);
  const of = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)] as T;
  // Most parts are as they should be, so that oddities come one by one more often than all at once.
  const mostly = (usual: string, list: readonly string[]) => (next() < 0.7 ? usual : of(list));
  const end = next() < 0.95 ? "\r\n" : of(ends);
  const first = `${mostly("GET", methods)} ${mostly("/", targets)} ${next() < 0.93 ? "HTTP/1.1" : of(versions)}`;
  const lines = [first];
  if (next() < 0.95) lines.push(`Host: ${mostly("HOST", hosts)}`);
  for (let more = Math.floor(next() * 4); more > 0; more -= 1) lines.push(of(headers));
  const body = next() < 0.6 ? "" : of(bodies);
  const text = `${lines.join(end)}${end}${end}${body}`;
  return text.replaceAll("HOST", host).replaceAll("UPPER", host.split(".").at(-1)?.toUpperCase() ?? "");
}
