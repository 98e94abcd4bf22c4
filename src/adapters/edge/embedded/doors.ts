import { link, readFile, rm, writeFile } from "node:fs/promises";
import { Fault, isErrno } from "../../../base/faults.ts";
import { addressErrorOf, refusedAddress } from "../../../host/refused-address.ts";
import type { Address } from "../../../model/instance.ts";
import { embeddedFiles } from "./files.ts";
import type { Front } from "./front.ts";

/**
 * Opens the plain door. Port 0: the port used last in this directory, or else a free one. It is what two edges of one
 * directory fight over, so it comes before anything else. Faults: `listen.in-use`, `edge.unreachable`.
 */
export async function openPlain(front: Front, directory: string, { host, port }: Address): Promise<Address> {
  if (port !== 0) return openAt(front, { host, port });
  const { port: path } = embeddedFiles(directory);
  const remembered = await readPort(path);
  if (remembered !== null) return openAt(front, { host, port: remembered });
  const actual = await openAt(front, { host, port });
  if (await claimPort(path, actual.port)) return actual;
  throw new Fault("listen.in-use", "Another edge of this directory was started at the same time.");
}

/** The path of the diagnostic that distinguishes a refused TLS address from a refused plain one. */
export const secureDoor = "secure";

/**
 * Opens the TLS port in the process that has the plain one. Faults as above, with a diagnostic at `secureDoor`.
 */
export async function openSecure(front: Front, directory: string, { host, port }: Address): Promise<Address> {
  const { securePort: path } = embeddedFiles(directory);
  const wanted = port === 0 ? ((await readPort(path)) ?? 0) : port;
  try {
    const actual = await openAt(front, { host, port: wanted });
    if (port === 0 && wanted === 0) await writeFile(path, String(actual.port), { mode: 0o600, flush: true });
    return actual;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const { code, detail, hint } = thrown;
    throw new Fault(code, detail, { diagnostics: [{ path: secureDoor, message: detail }], hint, cause: thrown.cause });
  }
}

async function openAt(front: Front, listen: Address): Promise<Address> {
  const where = `${listen.host}:${listen.port}`;
  try {
    return await front.open(listen);
  } catch (thrown) {
    if (isErrno(thrown, "EADDRINUSE")) {
      throw new Fault("listen.in-use", `Another process listens on ${where}.`, { cause: thrown });
    }
    const error = addressErrorOf(thrown);
    if (error === null) throw thrown;
    const { detail, hint } = refusedAddress(error, listen);
    throw new Fault("edge.unreachable", detail, { cause: thrown, hint });
  }
}

async function readPort(path: string): Promise<number | null> {
  try {
    const port = Number(await readFile(path, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : null;
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

/** Writes down a port that was chosen freely; false when another edge did so first. A link appears whole and only once. */
async function claimPort(path: string, port: number): Promise<boolean> {
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, String(port), { mode: 0o600, flush: true });
  try {
    await link(fresh, path);
    return true;
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST")) return false;
    throw thrown;
  } finally {
    await rm(fresh, { force: true });
  }
}
