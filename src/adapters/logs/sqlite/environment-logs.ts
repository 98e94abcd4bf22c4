import type { DatabaseSync, StatementSync } from "node:sqlite";
import { inTransaction } from "../../../host/sqlite.ts";
import { type EnvKey, keyText } from "../../../model/environment.ts";
import type { LogLine } from "../../../model/log.ts";
import type { LogOrigin } from "../../../ports/logs.ts";
import { addLine, type ChunkFacts, isFull, type OpenChunk, openChunk, pack, reopenChunk } from "./chunk.ts";

/** The lines of one service of one environment. */
export interface Lane {
  readonly id: number;
  readonly service: string;
  /** Its newest chunk while it is not full; undefined if not read yet. */
  open: Slot | null | undefined;
}

/** An environment's lanes, its newest sequence – also that on disk – and its bytes there; flushed together with the chunks. */
export interface EnvironmentLog {
  readonly id: number;
  readonly lanes: Map<string, Lane>;
  last: number;
  written: number;
  bytes: number;
}

/** A chunk to be written; `row` and `bytes` describe its state on disk. */
interface Slot {
  readonly log: EnvironmentLog;
  readonly lane: Lane;
  readonly chunk: OpenChunk;
  row: number | null;
  bytes: number;
}

/** Memory of a line besides its text: an object of seven members, its sequence, and its share of the columns. */
const lineBytes = 100;
/** Disk space of a row besides its data: index entries, and on average half a page. */
const rowBytes = 2_200;

/**
 * Stores appended lines in memory until `flush` writes them, with the reading positions, in one transaction. If a flush
 * fails, nothing is lost: the next one writes the same and more.
 */
export class EnvironmentLogs {
  readonly #database: DatabaseSync;
  readonly #logs: Map<string, EnvironmentLog>;
  readonly #write: ReturnType<typeof writers>;
  readonly #newest: StatementSync;
  readonly #full: Slot[] = [];
  readonly #dirty = new Set<Slot>();
  readonly #positions = new Map<string, { origin: LogOrigin; offset: number }>();
  #waiting = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#logs = loadLogs(database);
    this.#write = writers(database);
    this.#newest = database.prepare(
      "SELECT id, first, bytes, data FROM chunk WHERE lane = ? ORDER BY first DESC LIMIT 1",
    );
  }

  find(key: EnvKey): EnvironmentLog | undefined {
    return this.#logs.get(keyText(key));
  }

  all(): readonly EnvironmentLog[] {
    return [...this.#logs.values()];
  }

  /** Estimated bytes in memory and not yet on disk. */
  get waiting(): number {
    return this.#waiting;
  }

  /** If it throws, nothing was added. */
  add(key: EnvKey, lines: readonly LogLine[]): void {
    if (lines.length === 0) return;
    const log = this.#logOf(key);
    const lanes = new Map<string, Lane>();
    for (const { service } of lines) {
      if (lanes.has(service)) continue;
      const lane = this.#laneOf(log, service);
      if (lane.open === undefined) lane.open = this.#storedSlot(log, lane);
      lanes.set(service, lane);
    }
    for (const line of lines) {
      const lane = lanes.get(line.service);
      if (!lane) continue;
      const slot = this.#slotOf(log, lane);
      log.last += 1;
      addLine(slot.chunk, log.last, line);
      this.#waiting += line.message.length + lineBytes;
      if (!isFull(slot.chunk)) {
        this.#dirty.add(slot);
        continue;
      }
      this.#dirty.delete(slot);
      this.#full.push(slot);
      lane.open = null;
    }
  }

  readUpTo(origin: LogOrigin, offset: number): void {
    this.#positions.set(`${origin.stream} ${origin.name}`, { origin, offset });
  }

  flush(): void {
    if (this.#dirty.size === 0 && this.#full.length === 0 && this.#positions.size === 0) return;
    const saved = inTransaction(this.#database, () => this.#save());
    for (const { slot, row, bytes } of saved.rows) Object.assign(slot, { row, bytes });
    for (const [log, bytes] of saved.grown) Object.assign(log, { bytes, written: log.last });
    this.#full.length = 0;
    this.#dirty.clear();
    this.#positions.clear();
    this.#waiting = 0;
  }

  #save() {
    const rows = [...this.#full, ...this.#dirty].map((slot) => this.#write.chunk(slot));
    const grown = new Map<EnvironmentLog, number>();
    for (const { slot, bytes } of rows) {
      grown.set(slot.log, (grown.get(slot.log) ?? slot.log.bytes) + bytes - slot.bytes);
    }
    for (const [log, bytes] of grown) this.#write.log(log, bytes);
    for (const { origin, offset } of this.#positions.values()) this.#write.position(origin, offset);
    return { rows, grown };
  }

  #logOf(key: EnvKey): EnvironmentLog {
    const text = keyText(key);
    const known = this.#logs.get(text);
    if (known) return known;
    const log: EnvironmentLog = { id: this.#write.environment(text), lanes: new Map(), last: 0, written: 0, bytes: 0 };
    this.#logs.set(text, log);
    return log;
  }

  #laneOf(log: EnvironmentLog, service: string): Lane {
    const known = log.lanes.get(service);
    if (known) return known;
    const lane: Lane = { id: this.#write.lane(log.id, service), service, open: null };
    log.lanes.set(service, lane);
    return lane;
  }

  #slotOf(log: EnvironmentLog, lane: Lane): Slot {
    lane.open ??= { log, lane, chunk: openChunk(log.last + 1), row: null, bytes: 0 };
    return lane.open;
  }

  /** The newest chunk on disk, if it is not full. */
  #storedSlot(log: EnvironmentLog, lane: Lane): Slot | null {
    const row = this.#newest.get(lane.id) as NewestRow | undefined;
    const chunk = row && reopenChunk(row.first, row.data);
    return chunk && !isFull(chunk) ? { log, lane, chunk, row: row.id, bytes: row.bytes } : null;
  }
}

interface NewestRow {
  readonly id: number;
  readonly first: number;
  readonly bytes: number;
  readonly data: Uint8Array;
}

function loadLogs(database: DatabaseSync): Map<string, EnvironmentLog> {
  const logs = new Map<string, EnvironmentLog>();
  const byId = new Map<number, EnvironmentLog>();
  for (const row of database.prepare("SELECT id, key, last, bytes FROM environment").all()) {
    const last = Number(row.last);
    const log = { id: Number(row.id), lanes: new Map(), last, written: last, bytes: Number(row.bytes) };
    logs.set(String(row.key), log);
    byId.set(log.id, log);
  }
  for (const row of database.prepare("SELECT id, environment, service FROM lane").all()) {
    const service = String(row.service);
    byId.get(Number(row.environment))?.lanes.set(service, { id: Number(row.id), service, open: undefined });
  }
  return logs;
}

function writers(database: DatabaseSync) {
  const environment = database.prepare("INSERT INTO environment (key, last, bytes) VALUES (?, 0, 0)");
  const lane = database.prepare("INSERT INTO lane (environment, service) VALUES (?, ?)");
  const log = database.prepare("UPDATE environment SET last = ?, bytes = ? WHERE id = ?");
  const position = database.prepare(
    "INSERT INTO position (name, stream, offset) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset = excluded.offset",
  );
  const columns =
    "last, count, min_at, max_at, levels, instances, min_release, max_release, bytes, data, environment, lane, first";
  const insert = database.prepare(`INSERT INTO chunk (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const update = database.prepare(
    `UPDATE chunk SET last = ?, count = ?, min_at = ?, max_at = ?, levels = ?, instances = ?, min_release = ?,
      max_release = ?, bytes = ?, data = ? WHERE id = ?`,
  );
  return {
    environment: (key: string) => Number(environment.run(key).lastInsertRowid),
    lane: (of: number, service: string) => Number(lane.run(of, service).lastInsertRowid),
    log: ({ id, last }: EnvironmentLog, bytes: number) => log.run(last, bytes, id),
    position: ({ name, stream }: LogOrigin, offset: number) => position.run(name, stream, offset),
    chunk(slot: Slot): { slot: Slot; row: number; bytes: number } {
      const { facts, data } = pack(slot.chunk);
      const bytes = data.length + rowBytes;
      const values = [...columnValues(slot.chunk, facts), bytes, data];
      if (slot.row !== null) {
        update.run(...values, slot.row);
        return { slot, row: slot.row, bytes };
      }
      const row = insert.run(...values, slot.log.id, slot.lane.id, slot.chunk.first).lastInsertRowid;
      return { slot, row: Number(row), bytes };
    },
  };
}

function columnValues({ first, sequences, lines }: OpenChunk, facts: ChunkFacts): number[] {
  const { minAt, maxAt, levels, instances, minRelease, maxRelease } = facts;
  return [sequences.at(-1) ?? first, lines.length, minAt, maxAt, levels, instances, minRelease, maxRelease];
}
