import { canonicalJson } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import type { User } from "../../../host/users.ts";
import type { Address } from "../../../model/instance.ts";
import {
  type AccessRecord,
  type FrontProxies,
  noFrontProxies,
  type RouteTable,
  type UpstreamStats,
} from "../../../model/route.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ChallengeAnswer, Edge, EdgeAnswer, EdgeCertificate, EdgeState } from "../../../ports/edge.ts";
import { observed } from "../table/away.ts";
import { toWire } from "../table/certificates.ts";
import { Heartbeat } from "../table/heartbeat.ts";
import { askEdge, followEdge } from "./admin-client.ts";
import type { Hello } from "./admin-server.ts";
import { embeddedFiles, isNotedRunning, readEmbeddedNote } from "./files.ts";
import { protocol } from "./settings.ts";
import { ensureEdge } from "./start.ts";
import { endHung } from "./stop.ts";

export interface EmbeddedEdgeOptions {
  /** Holds its socket, its tables and its log. */
  readonly directory: string;
  /** Port 0: the edge chooses one and keeps it over restarts. */
  readonly listen: Address;
  /** Where it takes TLS, port 0 as above; null: nowhere. */
  readonly secure: Address | null;
  /** Proxies in front that it believes; default: none. An edge that runs already learns of a change. */
  readonly proxies?: FrontProxies;
  /** The argument list that starts the edge process (src/main/edge.ts). */
  readonly entry: readonly [string, ...string[]];
  /** The whole environment of that process. */
  readonly env: Readonly<Record<string, string>>;
  /** The edge's user, if this process is root; default: that of this process. */
  readonly user?: User | null;
  readonly clock: Clock;
}

/** How soon a lost connection to the edge is retried. */
const retryMs = 200;

/** The edge as a separate Node process, which keeps running without the controller. See `Edge` for the contracts. */
export function embeddedEdge(options: EmbeddedEdgeOptions): Edge {
  return new EmbeddedEdge(options);
}

/** That an edge runs which may not understand what this version says, and how to exchange it; null when it does. */
export function versionFault({ protocol: spoken, pid }: Hello): Fault | null {
  if (spoken === protocol) return null;
  return new Fault("edge.unreachable", `The running edge (process ${pid}) has another version of Fairlead.`, {
    hint: `End it with \`kill ${pid}\` and restart the controller, which starts its own edge with the same routes. They are served until then; only in between they are not.`,
  });
}

class EmbeddedEdge implements Edge {
  readonly #options: EmbeddedEdgeOptions;
  readonly #socket: string;
  readonly #follows = new Set<() => void>();
  readonly #heartbeat: Heartbeat;
  /** Listeners for its state, and for each time that it is found hung. */
  readonly #listeners = new Set<{ readonly become: (up: boolean) => void; readonly hung: () => void }>();
  #ensuring: Promise<void> | null = null;
  #address: Address;
  #secure: Address | null;

  constructor(options: EmbeddedEdgeOptions) {
    this.#options = options;
    this.#socket = embeddedFiles(options.directory).socket;
    this.#address = options.listen;
    this.#secure = options.secure;
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      proxies: options.proxies ?? noFrontProxies,
      address: () => (this.#address.port === 0 ? null : this.#address),
      inside: () => this.#ask("GET", "/hello"),
      changed: () => this.#changed(),
    });
  }

  ensure(): Promise<void> {
    this.#ensuring ??= this.#ensure().finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async observe(owner: string): Promise<EdgeState> {
    return observed(
      () => this.#heartbeat.look(),
      async () => {
        const state = (await this.#ask("GET", `/state/${encodeURIComponent(owner)}`)) as {
          table: RouteTable | null;
          stats: Record<string, UpstreamStats>;
        };
        return { up: true, table: state.table, stats: state.stats };
      },
    );
  }

  async apply(table: RouteTable): Promise<void> {
    await this.#ask("PUT", `/tables/${encodeURIComponent(table.owner)}`, table);
  }

  async remove(owner: string): Promise<void> {
    await this.#ask("DELETE", `/tables/${encodeURIComponent(owner)}`);
  }

  async owners(): Promise<readonly string[]> {
    return (await this.#ask("GET", "/owners")) as string[];
  }

  records(listener: (records: readonly AccessRecord[]) => void): () => void {
    let batch: AccessRecord[] = [];
    return this.#follow("/records", {
      line: (text) => {
        if (batch.length === 0) {
          setImmediate(() => {
            const full = batch;
            batch = [];
            listener(full);
          });
        }
        batch.push(JSON.parse(text) as AccessRecord);
      },
    });
  }

  changes(listener: () => void): () => void {
    let up: boolean | null = null;
    const become = (now: boolean) => {
      if (up !== null && up !== now) listener();
      up = now;
    };
    const stop = this.#follow("/watch", { opened: () => become(true), ended: () => become(false) });
    // That its answers changed says how it was before, also while there is no connection yet.
    const own = {
      become: (now: boolean) => {
        up ??= !now;
        become(now);
      },
      hung: listener,
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      stop();
    };
  }

  answer(): EdgeAnswer {
    return this.#heartbeat.answer();
  }

  address(): Address {
    return this.#address;
  }

  secureAddress(): Address | null {
    return this.#secure;
  }

  async applyCertificates(certificates: readonly EdgeCertificate[]): Promise<void> {
    await this.#ask("PUT", "/certificates", certificates.map(toWire));
  }

  async applyChallenges(answers: readonly ChallengeAnswer[]): Promise<void> {
    await this.#ask("PUT", "/challenges", answers);
  }

  async close(): Promise<void> {
    this.#heartbeat.close();
    for (const stop of [...this.#follows]) stop();
  }

  async #ensure(): Promise<void> {
    const proxies = this.#options.proxies ?? noFrontProxies;
    await this.#endHung();
    const hello = await ensureEdge({ ...this.#options, proxies, user: this.#options.user ?? null });
    this.#address = hello.listen;
    this.#secure = hello.secure;
    this.#heartbeat.begin();
    const other = versionFault(hello);
    if (other) throw other;
    if (canonicalJson(hello.proxies) !== canonicalJson(proxies)) await this.#ask("PUT", "/proxies", proxies);
  }

  /** A process that lives and answers nothing would keep the port forever. */
  async #endHung(): Promise<void> {
    const { directory } = this.#options;
    const note = await readEmbeddedNote(directory);
    if (note === null || !(await isNotedRunning(note))) return;
    if (this.#address.port === 0) this.#address = { host: note.host, port: note.port };
    if (!(await this.#heartbeat.hangs())) return;
    await endHung(directory, { note, isStillSilent: async () => (await this.#heartbeat.look()) === "silent" });
    this.#heartbeat.forget();
  }

  #changed(): void {
    for (const { become, hung } of this.#listeners) {
      if (this.#heartbeat.isHung()) hung();
      else become(this.#heartbeat.isWell());
    }
  }

  #ask(method: "GET" | "PUT" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    return askEdge(this.#socket, body === undefined ? { method, path } : { method, path, body });
  }

  /** Follows a stream of the edge, again and again, until the answer is called. */
  #follow(path: string, on: { opened?: () => void; line?: (text: string) => void; ended?: () => void }): () => void {
    let stop: () => void = () => undefined;
    const open = () => {
      stop = followEdge(this.#socket, path, {
        opened: () => on.opened?.(),
        line: (text) => on.line?.(text),
        ended: () => {
          on.ended?.();
          stop = this.#options.clock.after(retryMs, open);
        },
      });
    };
    open();
    const end = () => {
      this.#follows.delete(end);
      stop();
    };
    this.#follows.add(end);
    return end;
  }
}
