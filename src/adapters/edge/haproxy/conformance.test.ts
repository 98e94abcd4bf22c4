import { edgeConformance } from "../../../testing/conformance/edge.ts";
import { testEdge } from "./test-edge.ts";

const skip = [
  {
    case: "requests that could be mended are refused too",
    because:
      "HAProxy mends them before any rule can see it: Content-Length beside chunked goes, folds are joined, a bare line feed ends a line; the app gets one meaning",
  },
  { case: "text is compressed with Brotli for clients that take it", because: "HAProxy has no Brotli" },
  {
    case: "text under 1 KB is not compressed",
    because: "HAProxy before 3.2 has no least size for compression; with 3.2 the configuration asks for 1 KB",
  },
  {
    case: "a body over the limit whose length is not announced is 413 as soon as it is seen",
    because: "not done yet in haproxy",
  },
  {
    case: "a compressed stream of text is passed on write by write",
    because:
      "HAProxy's gzip keeps the last bits of a write back until the next one, so plain text, which apps stream, is not compressed",
  },
  ...[
    "the certificate is the one for the name that the client asks for: the exact one, else the wildcard one level up",
    "a name without a certificate gets an alert and nobody else's certificate",
    "nothing older than TLS 1.2 is spoken",
    "over TLS the same routes are served, apps are told so, and only there the client is told to stay",
    "plain requests go to HTTPS in one step once there is a certificate, unless the route takes both",
    "a WebSocket over TLS carries bytes both ways, and lives on over a change of certificates",
    "certificates change under load: no request is lost, no connection closed, and new ones see the new certificate",
    "a bad certificate is refused as a whole, and the old ones serve on",
    "after a kill -9 it serves the last good certificates at the same address",
    "plain HTTP at the port for TLS, and a handshake that never ends, harm nobody else",
  ].map((sentence) => ({ case: sentence, because: "TLS is not done yet in haproxy" })),
];

edgeConformance("haproxy", testEdge, { skip });
