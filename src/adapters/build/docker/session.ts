import { randomUUID } from "node:crypto";
import { performServerHandshake, type ServerHttp2Stream } from "node:http2";
import type { ContainerEngine } from "../../../host/engine.ts";
import { loginFor } from "./registries.ts";
import type { BuildOrder } from "./way.ts";
import { fieldsOf } from "./wire.ts";

/** The build of a session. */
type Known = Pick<BuildOrder, "secrets" | "registries">;

/** The calls of BuildKit that a session answers (moby/buildkit, session/secrets/secrets.proto and session/auth/auth.proto; grpc/health/v1/health.proto). */
const methods = {
  secret: "/moby.buildkit.secrets.v1.Secrets/GetSecret",
  credentials: "/moby.filesync.v1.Auth/Credentials",
  health: "/grpc.health.v1.Health/Check",
} as const;

/** Codes of gRPC (grpc.io, "Status codes"). */
const status = { ok: 0, notFound: 5, unimplemented: 12 } as const;

/** A secret may have 500 KiB (moby/buildkit, MaxSecretSize); its name is far shorter. */
const longestRequest = 16 * 1024;

/** Requests of a build to its client. */
export interface Session {
  /** For the build's `session`. */
  readonly id: string;
  close(): void;
}

/**
 * A session of BuildKit, which provides a secret when a step mounts it (`RUN --mount=type=secret,id=NAME`), and the
 * login of a registry that requires one, and nothing else. The engine reverses the connection and uses gRPC over HTTP/2
 * on it. Faults: those of the engine.
 */
export async function openSession(engine: ContainerEngine, known: Known, signal: AbortSignal): Promise<Session> {
  const id = randomUUID();
  const headers = {
    Upgrade: "h2c",
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Name": "fairlead",
    "X-Docker-Expose-Session-Grpc-Method": Object.values(methods),
  };
  const connection = await engine.hijack("/session", { headers, signal });
  const session = performServerHandshake(connection);
  session.on("stream", (stream, { ":path": path }) => answer(stream, String(path), known));
  // The session ends with its build; the build itself reports the result.
  session.on("error", () => session.destroy());
  return { id, close: () => session.destroy() };
}

function answer(stream: ServerHttp2Stream, path: string, { secrets, registries }: Known): void {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longestRequest) stream.destroy();
  });
  stream.on("error", () => stream.destroy());
  stream.on("end", () => {
    if (path === methods.health) return reply(stream, status.ok, Buffer.from([0x08, 0x01])); // SERVING
    const name = nameIn(Buffer.concat(chunks).subarray(prefix));
    if (path === methods.credentials) return reply(stream, status.ok, credentials(registries, name));
    if (path !== methods.secret) return reply(stream, status.unimplemented);
    const secret = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    return secret ? reply(stream, status.ok, textField(1, secret.reveal())) : reply(stream, status.notFound);
  });
}

/** Before every message of gRPC: whether it is compressed, and its length in four bytes. */
const prefix = 5;

function reply(stream: ServerHttp2Stream, code: number, message: Buffer | null = null): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(code) }));
  if (message === null) return void stream.end();
  const head = Buffer.alloc(prefix);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
}

/** A CredentialsResponse: user (1) and password (2) only for this host; without both BuildKit asks anonymously. */
function credentials(registries: Known["registries"], host: string): Buffer {
  const login = loginFor(registries, host);
  if (login === null) return Buffer.alloc(0);
  return Buffer.concat([textField(1, login.username), textField(2, login.password.reveal())]);
}

/** The first field of a GetSecretRequest: its name; of a CredentialsRequest: the host. */
function nameIn(message: Buffer): string {
  for (const { number, value } of fieldsOf(message))
    if (number === 1 && Buffer.isBuffer(value)) return value.toString();
  return "";
}

/** A field with a text, below number 16. */
function textField(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) length.push((rest % 0x80) | 0x80);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), bytes]);
}
