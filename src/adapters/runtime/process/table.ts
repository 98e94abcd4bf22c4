import { bootId, hasVariable } from "../../../host/proc.ts";
import { type EnvKey, sameKey } from "../../../model/environment.ts";
import type { Exit } from "../../../model/instance.ts";
import type { VolumeId } from "../../../model/volume.ts";
import { workloadKey } from "../../../model/workload.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ProcessFolder, StoredWorkload } from "./folder.ts";
import { isClaimRunning, membersOf } from "./proc.ts";
import { send } from "./signals.ts";
import type { Claim } from "./supervisor.ts";

/** What is known of one instance or task. Claim and exit never change once they are there. */
export interface ProcessEntry {
  readonly stored: StoredWorkload;
  readonly name: string;
  readonly key: EnvKey;
  claim: Claim | null;
  exit: Exit | null;
  stopSignalAt: number | null;
  killedAt: number | null;
  /** When its supervisor was last seen alive; 0 for not yet. */
  seenAliveAt: number;
  /** Whether its supervisor is a child of this process that has not ended: the system will tell of its end. */
  isChild: boolean;
}

/** How long a supervisor may take from making its claim to having written it. */
const claimingMs = 1_000;
/** Twice the time between two looks. */
const momentMs = 2_000;

/** All workloads of the directory, and how they stand. */
export class ProcessTable {
  readonly #folder: ProcessFolder;
  readonly #clock: Clock;
  readonly #tellEnd: (entry: ProcessEntry) => void;
  #known: Map<string, ProcessEntry> | null = null;
  #unknown: ReturnType<ProcessFolder["all"]>["unknown"] = [];
  #closed = false;

  /** `ended` is told of each end when it is first seen. */
  constructor(folder: ProcessFolder, { clock, ended }: { clock: Clock; ended: (entry: ProcessEntry) => void }) {
    this.#folder = folder;
    this.#clock = clock;
    this.#tellEnd = ended;
  }

  entries(): Map<string, ProcessEntry> {
    if (this.#known === null) {
      const { stored, unknown } = this.#folder.open();
      this.#known = new Map(stored.map((one) => [one.spec.name, this.entry(one)]));
      this.#unknown = unknown;
    }
    return this.#known;
  }

  /** What is of a kind that this version does not know. Nothing but this is ever learnt of it. */
  unknown() {
    this.entries();
    return this.#unknown;
  }

  /** Everything that may have a port. */
  ported() {
    return [...this.entries().values(), ...this.unknown().map((stored) => ({ stored, exit: null }))];
  }

  /** The living instance that has a volume. */
  holderOf({ key, name }: VolumeId): string | undefined {
    const living = [...this.entries().values()].filter((entry) => sameKey(entry.key, key) && !this.exitOf(entry));
    const has = ({ kind, spec }: StoredWorkload) =>
      kind !== "task" && spec.volumes.some(({ volume }) => volume === name);
    return living.find(({ stored }) => has(stored))?.name;
  }

  holds(port: number): boolean {
    const has = (one: Pick<StoredWorkload, "port" | "tcp">) => one.port === port || one.tcp.includes(port);
    if (this.unknown().some(has)) return true;
    return [...this.entries().values()].some((entry) => has(entry.stored) && !this.exitOf(entry));
  }

  entry(stored: StoredWorkload): ProcessEntry {
    const { name } = stored.spec;
    const marks = {
      stopSignalAt: this.#folder.mark(name, "stopped"),
      killedAt: this.#folder.mark(name, "killed"),
    };
    return {
      stored,
      name,
      key: workloadKey(stored),
      claim: null,
      exit: null,
      seenAliveAt: 0,
      isChild: false,
      ...marks,
    };
  }

  live(): ProcessEntry[] {
    return [...this.entries().values()].filter((entry) => entry.exit === null && this.claimOf(entry) !== null);
  }

  claimOf(entry: ProcessEntry): Claim | null {
    if (!entry.claim?.pid) entry.claim = this.#folder.claim(entry.name);
    return entry.claim;
  }

  /** Looks because something seems to have happened. What cannot be read now is read, and reported, by `observe`. */
  look(name: string): void {
    const entry = this.#closed ? undefined : this.entries().get(name);
    try {
      if (entry) this.exitOf(entry);
    } catch (thrown) {
      if (!(thrown instanceof Error && "errno" in thrown)) throw thrown;
    }
  }

  /** Looks how an entry stands. The record is read again after the supervisor was found dead: it may have just written it. */
  exitOf(entry: ProcessEntry): Exit | null {
    if (entry.exit) return entry.exit;
    const exit = this.#folder.exit(entry.stored);
    if (exit) return this.#ended(entry, exit);
    const claim = this.claimOf(entry);
    if (claim === null || this.#isRunning(entry, claim)) return null;
    return this.#ended(entry, this.#folder.exit(entry.stored) ?? this.#bury(entry, claim));
  }

  #isRunning(entry: ProcessEntry, claim: Claim): boolean {
    if (claim.pid === null) return Math.abs(this.#clock.now() - claim.at) < claimingMs;
    const running = isClaimRunning(claim, entry.stored.user?.uid ?? null);
    if (running) entry.seenAliveAt = this.#clock.now();
    return running;
  }

  /** Writes down the end of an instance whose supervisor is gone without a word, and ends what it left behind. */
  #bury(entry: ProcessEntry, { pid, boot }: Claim): Exit {
    const at = this.#clock.now();
    if (pid !== null && boot === bootId() && this.#isOwnGroup(entry, pid)) send(-pid, "SIGKILL");
    const verdict = entry.killedAt === null ? "lost" : "killed";
    this.#folder.record(entry.name, verdict, at);
    const signal = verdict === "killed" ? "SIGKILL" : null;
    return { at, code: null, signal, reason: verdict === "killed" ? "signalled" : "lost" };
  }

  /**
   * Whether the group of a dead supervisor is still its own. The kernel gives a number away again only when its group is
   * empty; for who saw the supervisor a moment ago that suffices, anybody else looks for the instance's name.
   */
  #isOwnGroup(entry: ProcessEntry, supervisor: number): boolean {
    const members = membersOf(supervisor);
    if (members.some((member) => member.pid === supervisor)) return false;
    const justSeen = Math.abs(this.#clock.now() - entry.seenAliveAt) < momentMs;
    return members.some(({ pid }) => justSeen || hasVariable(pid, `FAIRLEAD_INSTANCE=${entry.name}`));
  }

  #ended(entry: ProcessEntry, exit: Exit): Exit {
    entry.exit = exit;
    this.#tellEnd(entry);
    return exit;
  }

  /** Nothing is checked any more because something seems to have happened. */
  close(): void {
    this.#closed = true;
  }
}
