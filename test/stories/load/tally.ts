/** One thing that went wrong, at a time in milliseconds since 1970. */
export interface Failure {
  readonly at: number;
  readonly what: string;
}

export interface Seen {
  readonly first: number;
  readonly last: number;
  readonly requests: number;
}

/** What long-lived connections went through. */
export interface Lives {
  readonly opened: number;
  /** Ended by the server as the protocol wants it (last chunk; close frame 1000 or 1001). */
  readonly drained: number;
  /** Cut, silent, refused, or with a gap in what it carried. */
  readonly brokenEarly: number;
  /** Events or echoes that arrived. */
  readonly messages: number;
}

/** All that the clients saw. `failed` counts every failure of every kind; durations are milliseconds of plain requests. */
export interface Report {
  readonly requests: number;
  readonly failed: number;
  /** The first thousand. */
  readonly failures: readonly Failure[];
  /** By the text that was answered. */
  readonly versionsSeen: Readonly<Record<string, Seen>>;
  readonly streams: Lives;
  readonly sockets: Lives;
  readonly uploads: { readonly sent: number; readonly failed: number };
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const keptFailures = 1_000;
const longestVersion = 100;

/** Counts what the clients of one load see; every client writes into the same one. */
export class Tally {
  /** Set when the load is told to stop: what ends from then on is no failure. */
  stopping = false;
  readonly streams = { opened: 0, drained: 0, brokenEarly: 0, messages: 0 };
  readonly sockets = { opened: 0, drained: 0, brokenEarly: 0, messages: 0 };
  readonly uploads = { sent: 0, failed: 0 };
  readonly #failures: Failure[] = [];
  readonly #versions = new Map<string, { first: number; last: number; requests: number }>();
  readonly #durations: number[] = [];
  #requests = 0;
  #failed = 0;

  sent(): void {
    this.#requests += 1;
  }

  answered(tookMs: number, body: string): void {
    this.#durations.push(tookMs);
    const now = Date.now();
    const version = body.slice(0, longestVersion).trim();
    const seen = this.#versions.get(version);
    if (seen) {
      seen.last = now;
      seen.requests += 1;
    } else this.#versions.set(version, { first: now, last: now, requests: 1 });
  }

  fail(what: string): void {
    this.#failed += 1;
    if (this.#failures.length < keptFailures) this.#failures.push({ at: Date.now(), what });
  }

  report(): Report {
    const sorted = Float64Array.from(this.#durations).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      requests: this.#requests,
      failed: this.#failed,
      failures: [...this.#failures],
      versionsSeen: Object.fromEntries([...this.#versions].map(([version, seen]) => [version, { ...seen }])),
      streams: { ...this.streams },
      sockets: { ...this.sockets },
      uploads: { ...this.uploads },
      p50: at(0.5),
      p99: at(0.99),
      max: at(1),
    };
  }
}
