import type { UpstreamStats } from "../../../model/route.ts";
import { Histogram } from "../table/histogram.ts";

/** What goes through one upstream. The times are those until the first byte of the app's answer, as a slow client is not a slow app. */
export class Tally {
  active = 0;
  #requests = 0;
  #failures = 0;
  readonly #times = new Histogram();

  begin(): void {
    this.active += 1;
    this.#requests += 1;
  }

  /** Once for every `begin`. */
  end(failed: boolean): void {
    this.active -= 1;
    if (failed) this.#failures += 1;
  }

  answered(ms: number): void {
    this.#times.add(ms);
  }

  stats(): UpstreamStats {
    return {
      active: this.active,
      requests: this.#requests,
      failures: this.#failures,
      p95Ms: this.#times.quantile(0.95),
    };
  }
}
