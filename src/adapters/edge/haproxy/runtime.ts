import { Fault } from "../../../base/faults.ts";
import { countedName } from "./bodies.ts";
import { absent, askCli } from "./cli.ts";
import type { EdgeFiles } from "./files.ts";
import { poolSlots, type SlotLease } from "./layout.ts";
import type { MapEntry } from "./policies.ts";
import { serialKey } from "./route-map.ts";
import { type Counts, parseStat } from "./traffic.ts";

/** Entries a command, as bytes: with its words it must fit into HAProxy's buffer. */
const chunkBytes = 8 * 1024;

/** A bit that stays in a slot's administrative state once its line said `disabled`, and means nothing afterwards. */
const disabledByConfig = 4;

/** The one that follows records, and the one that asks. */
const ownConnections = 2;

/** A worker process, as the one that takes new connections (null) or a previous one by its pid. */
export type Worker = number | null;

/** What can be asked of HAProxy while it runs. Every call: fault `edge.unreachable` when it does not answer. */
export class HaproxyRuntime {
  readonly #files: EdgeFiles;
  /** Whether pools have a twin. */
  countsBodies = false;

  constructor(files: EdgeFiles) {
    this.#files = files;
  }

  /** What of a map it serves; null when the map does not say. */
  async serial(map = this.#files.map): Promise<string | null> {
    const text = await askCli(this.#files.admin, `get map ${map} ${serialKey}`);
    return /value="(\w+)"/.exec(text)?.[1] ?? null;
  }

  /** Adds a lease's upstreams to its unrouted pool, and verifies them. */
  async fill(lease: SlotLease): Promise<void> {
    for (const pool of this.#poolsOf(lease)) await this.#fillOne({ ...lease, pool });
  }

  async #fillOne({ pool, seats }: SlotLease): Promise<void> {
    const commands = seats.flatMap(({ ip, port, weight }, index) => {
      const slot = `${pool}/s${index + 1}`;
      const set = `set server ${slot}`;
      return [`${set} state maint`, `${set} addr ${ip} port ${port}`, `${set} weight ${weight}`, `${set} state ready`];
    });
    // A lease before this one may have had more upstreams, whose addresses lead nowhere by now.
    for (let slot = seats.length + 1; slot <= poolSlots(pool); slot += 1) {
      commands.push(`set server ${pool}/s${slot} state maint`);
    }
    for (let from = 0; from < commands.length; from += 40) {
      await askCli(this.#files.admin, commands.slice(from, from + 40).join(";"));
    }
    const found = await this.#seats(pool);
    const wrong = seats.findIndex(({ ip, port, weight }, index) => found[index] !== `${ip} ${port} ${weight} ready`);
    if (wrong !== -1) throw new Fault("operation.failed", `HAProxy did not add ${seats[wrong]?.id} to ${pool}.`);
    if (found.slice(seats.length).every((seat) => seat.endsWith(" away"))) return;
    throw new Fault("operation.failed", `HAProxy keeps an upstream of a previous lease in ${pool}.`);
  }

  /** Replaces a map in one instant. */
  async replaceMap(map: string, entries: readonly MapEntry[]): Promise<void> {
    const version = /created: (\d+)/.exec(await askCli(this.#files.admin, `prepare map ${map}`))?.[1];
    if (version === undefined) throw new Fault("operation.failed", "HAProxy did not prepare a map.");
    await this.#add(`add map @${version} ${map}`, entries);
    const said = await askCli(this.#files.admin, `commit map @${version} ${map}`);
    if (said.trim() !== "") throw new Fault("operation.failed", `HAProxy did not accept a map: ${said.trim()}`);
  }

  async addEntries(map: string, entries: readonly MapEntry[]): Promise<void> {
    await this.#add(`add map ${map}`, entries);
  }

  /** Tells earlier workers what their map says of hosts that it has. One that ended meanwhile has nobody left to tell it to. */
  async setEntries(workers: readonly number[], entries: readonly MapEntry[]): Promise<void> {
    const { map, master } = this.#files;
    for (const { key, value } of entries) {
      for (const worker of workers) await askCli(master, `@!${worker} set map ${map} ${key} ${value}`);
    }
  }

  async removeEntries(map: string, keys: readonly string[]): Promise<void> {
    for (const key of keys) await askCli(this.#files.admin, `del map ${map} ${key}`);
  }

  /** What was counted for the slots of these leases. */
  async counts(leases: readonly SlotLease[], worker: Worker = null): Promise<ReadonlyMap<string, Counts>> {
    const pools = [...new Set(leases.flatMap((lease) => this.#poolsOf(lease)))];
    if (pools.length === 0) return new Map();
    const { admin, master } = this.#files;
    const stat = pools.map((pool) => `${worker === null ? "" : `@!${worker} `}show stat ${pool} 4 -1`);
    return parseStat(await askCli(worker === null ? admin : master, stat.join(";")));
  }

  /** Whether only this process is connected to a previous worker; true also if it has ended. */
  async isIdle(worker: number): Promise<boolean> {
    const text = await askCli(this.#files.master, `@!${worker} show info`).catch(absent);
    return Number(/^CurrConns: (\d+)$/m.exec(text ?? "")?.[1] ?? 0) <= ownConnections;
  }

  /** A lease's pool, and its twin where there are any. */
  #poolsOf({ pool }: SlotLease): readonly string[] {
    return this.countsBodies ? [pool, countedName(pool)] : [pool];
  }

  async #add(command: string, entries: readonly MapEntry[]): Promise<void> {
    for (const part of chunks(entries)) {
      const said = await askCli(this.#files.admin, `${command} <<\n${part}`);
      if (said.trim() !== "") throw new Fault("operation.failed", `HAProxy did not accept entries: ${said.trim()}`);
    }
  }

  /** Address, port, weight and state of a pool's slots (`show servers state`, format 1). */
  async #seats(pool: string): Promise<readonly string[]> {
    const text = await askCli(this.#files.admin, `show servers state ${pool}`);
    return text.split("\n").flatMap((line) => {
      const [, backend, , slot, ip, , admin, weight] = line.split(" ");
      if (backend !== pool || slot === undefined) return [];
      return [`${ip} ${line.split(" ")[18]} ${weight} ${(Number(admin) & ~disabledByConfig) === 0 ? "ready" : "away"}`];
    });
  }
}

function chunks(entries: readonly MapEntry[]): readonly string[] {
  const parts: string[] = [];
  let part = "";
  for (const { key, value } of entries) {
    const line = `${key} ${value}\n`;
    if (part !== "" && Buffer.byteLength(part + line) > chunkBytes) {
      parts.push(part);
      part = "";
    }
    part += line;
  }
  return part === "" ? parts : [...parts, part];
}

/** A map as the file that HAProxy starts from. */
export function mapText(entries: readonly MapEntry[]): string {
  return entries.map(({ key, value }) => `${key} ${value}\n`).join("");
}
