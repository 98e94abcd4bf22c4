/** A promise of the port that HAProxy cannot keep. */
export interface Limit {
  /** The conformance case. */
  readonly case: string;
  readonly because: string;
}

const always: readonly Limit[] = [
  {
    case: "requests that could be mended are refused too",
    because:
      "HAProxy mends them before any rule can see it: Content-Length beside chunked and a second equal Host go, folds are joined, a bare line feed ends a line; the app gets one meaning",
  },
  {
    case: "an answer with a control character in a header is 502",
    because:
      "HAProxy passes what ends no line, and to read the headers of each answer once more would cost all of them",
  },
  {
    case: "an answer to an upload that ends with its connection reaches the client whole, too",
    because:
      "HAProxy closes the client's connection with it and reads nothing more: a client that does not read while it sends sees a reset, and no rule can give such an answer an end",
  },
  {
    case: "fields behind a request's body tell an app nothing of proxies",
    because:
      "HAProxy passes trailers, and no rule of 2.6 or 3.0 sees them; an app server must keep them apart from headers (RFC 9110 6.5.1)",
  },
  { case: "text is compressed with Brotli for clients that take it", because: "HAProxy has no Brotli" },
  {
    case: "a compressed stream of text is passed on write by write",
    because:
      "HAProxy's gzip keeps the last bits of a write back until the next one, so plain text, which apps stream, is not compressed",
  },
  {
    case: "PROXY protocol: a header that comes byte by byte is understood",
    because: "HAProxy wants the whole header in the first packet, as the protocol allows (section 2)",
  },
  {
    case: "PROXY protocol: what follows UNKNOWN and addresses of other families are skipped, a port that is none is refused",
    because: "HAProxy cuts the first two and does not look at the size of a port",
  },
];

const uncounted: readonly Limit[] = [
  "a body over the limit whose length is not announced is 413 as soon as it is seen",
  "HTTP/2: a body over the limit whose length is not announced is 413, and its connection serves on",
].map((sentence) => ({
  case: sentence,
  because:
    "HAProxy before 3.0 breaks its memory, or leaves a filter out, when filters in Lua run beside other Lua; its rules see only what is in the buffer",
}));

const cut: readonly Limit[] = [
  {
    case: "an app's answer to an upload that it does not read reaches the client whole, while it sends and behind it",
    because:
      "HAProxy before 3.0 reads nothing more of an app's connection once a write to it has failed, and nothing more of the client's once the answer is written: 2 to 15 of 100 clients that send 50 MB/s lose the answer, and most that do not read while they send",
  },
];

/** What HAProxy of a version does not do, as the conformance suite names it. */
export function limitsOf([major, minor]: readonly [number, number]): readonly Limit[] {
  const isBefore = (wantedMajor: number, wantedMinor: number) =>
    major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
  return [
    ...always,
    ...(isBefore(3, 2)
      ? [{ case: "text under 1 KB is not compressed", because: "HAProxy before 3.2 has no least size for compression" }]
      : []),
    ...(isBefore(3, 0) ? [...uncounted, ...cut] : []),
    ...(isBefore(2, 9)
      ? [
          {
            case: "PROXY protocol: a trusted connection without a good header is cut, an untrusted one with a header is refused",
            because: "HAProxy before 2.9 waits for the rest of a header as long as for any client, 5 minutes",
          },
        ]
      : []),
  ];
}
