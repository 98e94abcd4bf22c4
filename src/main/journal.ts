import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { type OpenJournal, openJournal } from "../adapters/journal/sqlite/open.ts";
import { Fault, type FaultCode, isErrno } from "../base/faults.ts";
import type { ContainerEngine } from "../host/engine.ts";
import { installationId, installationLabel, keptInstallationId } from "../host/installation.ts";
import { systemClock } from "./clock.ts";
import { edgeDirectory } from "./edges.ts";

export interface JournalOptions {
  readonly stateDirectory: string;
  /** Where containers of previous use may be; null: there are none. */
  readonly engine: ContainerEngine | null;
  /** Whether to begin with an empty journal where the old one is lost. */
  readonly beginNew: boolean;
}

/** Faults that `controller --new` takes for a lost journal. One that is newer is not lost. */
const isLoss: readonly FaultCode[] = ["journal.lost", "journal.damaged"];

/**
 * The journal of a state directory. An empty one is begun only where nothing of previous use is: its journal is lost,
 * and a controller that knows of nothing would take what runs for nobody's. With `beginNew` it is begun all the same,
 * and a journal that cannot be used is set aside; one that can be is used. Faults: `journal.lost` with what was found,
 * `journal.damaged`, `journal.newer`.
 */
export async function openStateJournal(options: JournalOptions): Promise<OpenJournal> {
  const { stateDirectory, beginNew } = options;
  const file = join(stateDirectory, "journal.db");
  if (beginNew) return openOrBegin(stateDirectory, file);
  if (!existsSync(file)) await refuseOlderLife(options, file);
  return openOwn({ stateDirectory, installation: keptInstallationId(stateDirectory) }, file);
}

async function openOrBegin(stateDirectory: string, file: string): Promise<OpenJournal> {
  const installation = keptInstallationId(stateDirectory);
  try {
    return await openOwn({ stateDirectory, installation }, file);
  } catch (thrown) {
    if (!(thrown instanceof Fault && isLoss.includes(thrown.code))) throw thrown;
    const time = new Date(systemClock.now()).toISOString().replaceAll(":", "");
    for (const suffix of ["", "-wal", "-shm"]) setAside(file + suffix, `${file}.lost-${time}${suffix}`);
    return openOwn({ stateDirectory, installation }, file);
  }
}

function setAside(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to);
}

/** The journal and the file `installation` tell of each other: one that is lost is made again from the other. */
async function openOwn(
  { stateDirectory, installation }: { stateDirectory: string; installation: string | null },
  file: string,
): Promise<OpenJournal> {
  const journal = await openJournal(file, systemClock, installation);
  installationId(stateDirectory, journal.installation);
  return journal;
}

async function refuseOlderLife({ stateDirectory, engine }: JournalOptions, file: string): Promise<void> {
  const found = [...tracesIn(stateDirectory), ...(await containersOf(stateDirectory, engine))];
  if (found.length === 0) return;
  throw new Fault("journal.lost", `${file} is missing, but this installation was in use: ${found.join(", ")}`);
}

/** What only a controller with a journal leaves in a state directory, in words. */
function tracesIn(stateDirectory: string): readonly string[] {
  const at = (...names: readonly string[]) => join(stateDirectory, ...names);
  const edge = edgeDirectory(stateDirectory);
  const counted: readonly (readonly [string, RegExp, string])[] = [
    [at("run"), /^(?!exits$|app$|tmp$)[^.]/, "instances or tasks in run/"],
    [at("store", "whole", "sources"), /^[0-9a-f]{64}$/, "sources in store/"],
    [at("store", "whole", "artifacts"), /^[0-9a-f]{64}$/, "artifacts in store/"],
    [at("volumes"), /^[^.]/, "apps with volumes in volumes/"],
    [join(edge, "tables"), /\.json$/, "route tables in edge/"],
    [at("certs"), /\.cert\.json$/, "certificates in certs/"],
  ];
  const many = counted.flatMap(([directory, pattern, words]) => {
    const count = namesIn(directory).filter((name) => pattern.test(name)).length;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  return [...many, ...["vault.json", "logs.db"].filter((name) => existsSync(at(name)))];
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT", "ENOTDIR")) return [];
    throw thrown;
  }
}

/** Containers carry the id of their installation; without the file that keeps it, none can be known. */
async function containersOf(stateDirectory: string, engine: ContainerEngine | null): Promise<readonly string[]> {
  const id = keptInstallationId(stateDirectory);
  if (engine === null || id === null) return [];
  const query = { all: true, filters: { label: [`${installationLabel}=${id}`] } };
  const found = await engine.json<readonly unknown[]>("GET", "/containers/json", { query });
  return found.length === 0 ? [] : [`${found.length} containers`];
}
