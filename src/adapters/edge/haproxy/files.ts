import { rename } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../../base/faults.ts";
import { syncDirectory, writeSynced } from "../../../host/files.ts";
import { type NotedDoor, takeOver } from "../table/takeover.ts";

/** A unix socket's path must fit into `sun_path`: 108 bytes with its final zero on Linux. HAProxy adds a suffix while it binds. */
const socketPathBytes = 97;

export type EdgeFiles = ReturnType<typeof haproxyFiles>;

/** What the edge keeps in its directory. */
export function haproxyFiles(directory: string) {
  return {
    directory,
    admin: join(directory, "admin.sock"),
    master: join(directory, "master.sock"),
    config: join(directory, "haproxy.cfg"),
    map: join(directory, "routes.map"),
    policies: join(directory, "policies.map"),
    challenges: join(directory, "challenges.map"),
    lua: join(directory, "edge.lua"),
    bodiesLua: join(directory, "bodies.lua"),
    layout: join(directory, "layout.json"),
    /** Certificates and keys, as one file and as HAProxy reads them. */
    certificates: join(directory, "certificates.json"),
    pems: join(directory, "certificates"),
    crtList: join(directory, "certificates.list"),
    /** Hosts with a certificate. */
    secure: join(directory, "secure.map"),
    port: join(directory, "edge.port"),
    securePort: join(directory, "edge.secure-port"),
    process: join(directory, "edge.json"),
    tables: join(directory, "tables"),
    log: join(directory, "edge.log"),
  };
}

/** HAProxy accepts no other characters in the name of a map. */
const plainPath = /^[A-Za-z0-9._/@:+-]+$/;

/**
 * Creates the directory, or takes it over from the user of another kind of edge: HAProxy's master runs as the
 * controller's user, and nobody else may write what it reads. Faults: `usage.invalid` if its path is too long for a
 * socket, or not plain; `listen.in-use`.
 */
export async function prepareDirectory(files: EdgeFiles, doors: readonly NotedDoor[]): Promise<void> {
  const bytes = Buffer.byteLength(files.master);
  if (bytes > socketPathBytes || !plainPath.test(files.directory)) {
    const limits = `the system allows ${socketPathBytes} bytes for a socket path, HAProxy only plain characters`;
    throw new Fault("usage.invalid", `The edge cannot use the path ${files.directory}: ${limits}.`, {
      hint: "Choose another state directory.",
    });
  }
  await takeOver(files.directory, { user: null, doors });
}

export interface FileText {
  readonly path: string;
  readonly text: string;
}

/** Replaces files of one directory, each as a whole and in this order. They are on disk when this returns. */
export async function writeWhole(directory: string, files: readonly FileText[]): Promise<void> {
  await Promise.all(files.map(({ path, text }) => writeSynced(`${path}.new`, text)));
  for (const { path } of files) await rename(`${path}.new`, path);
  await syncDirectory(directory);
}
