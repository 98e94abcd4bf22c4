import { constants, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "../../../base/faults.ts";
import { noteInLog, readText, syncDirectory } from "../../../host/files.ts";
import { Aside, makeOwn, writeOwn } from "../../../host/tree.ts";
import type { User } from "../../../host/users.ts";
import { freePort } from "./free-port.ts";

/** The files that another owner's edge starts from, besides its tables. Everything else belonged to ended processes. */
const keptFiles = ["certificates.json", "edge.port", "edge.secure-port"];
/** Of a table and of all certificates (see `tableBytes`). */
const fileBytes = 8 * 1024 * 1024;
/** More environments than a machine runs. */
const mostTables = 10_000;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Where an edge takes traffic; port 0: at the one in this file. */
export interface NotedDoor {
  readonly host: string;
  readonly port: number;
  readonly note: string;
}

/**
 * Makes the edge's directory, or gives it to the user that the edge is to run as. One of another owner is copied: who
 * had it may have put anything there, so nothing of it is followed, and only what an edge reads with care is kept. A
 * loss of power leaves the old one or the new one. Only root can give; for anybody else this makes the directory at
 * most. Faults: `listen.in-use`, and all is unchanged: the edge of before goes on and can still be found.
 */
export async function takeOver(
  directory: string,
  { user, doors }: { readonly user: User | null; readonly doors: readonly NotedDoor[] },
): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const staging = `${directory}.new`;
  const finished = join(staging, "edge");
  if (isRoot && !existsSync(directory) && existsSync(finished)) return place(finished, directory);
  mkdirSync(dirname(directory), { recursive: true });
  if (!existsSync(directory)) return makeOwn(directory, user);
  if (!isRoot || lstatSync(directory).uid === (user?.uid ?? 0)) return;
  for (const { host, port, note } of doors) await freePort({ host, port: port || Number(await readText(note)) });
  const told: string[] = [];
  const aside = new Aside({ directory: `${directory}.aside`, notify: (words) => told.push(words) });
  aside.take(staging);
  makeOwn(staging, null);
  makeOwn(finished, user);
  await copyKept(directory, finished, user);
  aside.take(directory);
  await place(finished, directory);
  await aside.idle();
  for (const words of told) await noteInLog(join(directory, "edge.log"), words);
  if (readdirSync(`${directory}.aside`).length === 0) rmdirSync(`${directory}.aside`);
}

async function place(finished: string, directory: string): Promise<void> {
  renameSync(finished, directory);
  rmdirSync(dirname(finished));
  await syncDirectory(dirname(directory));
}

async function copyKept(from: string, to: string, user: User | null): Promise<void> {
  await using source = await open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  for (const name of keptFiles) await copyFile(source, { name, to, user });
  makeOwn(join(to, "tables"), user);
  await using tables = await openOrNull(`/proc/self/fd/${source.fd}/tables`, O_DIRECTORY);
  if (tables === null) return;
  const names = readdirSync(`/proc/self/fd/${tables.fd}`).filter((name) => name.endsWith(".json"));
  for (const name of names.slice(0, mostTables)) await copyFile(tables, { name, to: join(to, "tables"), user });
  await syncDirectory(join(to, "tables"));
  await syncDirectory(to);
}

interface CopyOrder {
  readonly name: string;
  readonly to: string;
  readonly user: User | null;
}

async function copyFile(from: FileHandle, { name, to, user }: CopyOrder): Promise<void> {
  await using file = await openOrNull(`/proc/self/fd/${from.fd}/${name}`, O_NONBLOCK);
  if (file === null) return;
  const found = await file.stat();
  if (!found.isFile() || found.nlink > 1 || found.size > fileBytes) return;
  writeOwn(join(to, name), await file.readFile(), user);
}

/** Null: it is not there, or is a link. */
async function openOrNull(path: string, flags: number): Promise<FileHandle | null> {
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | flags);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ELOOP", "ENOTDIR", "ENXIO")) return null;
    throw thrown;
  }
}
