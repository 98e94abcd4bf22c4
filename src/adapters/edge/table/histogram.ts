/** Upper bound of bucket 0 in ms, and the ratio of neighbours: 1 ms … 100 s in 90 buckets, each estimate within 14 %. */
const first = 0.5;
const ratio = 1.14;
const buckets = 96;

/** Counts durations in a fixed amount of memory. */
export class Histogram {
  readonly #counts = new Uint32Array(buckets);
  #total = 0;

  add(ms: number): void {
    const index = ms <= first ? 0 : Math.min(buckets - 1, Math.ceil(Math.log(ms / first) / Math.log(ratio)));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  /** The duration in ms that a share (0…1) of all did not exceed, rounded up to its bucket; 0 when there are none. */
  quantile(share: number): number {
    if (this.#total === 0) return 0;
    let left = Math.ceil(this.#total * share);
    const index = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return Math.round(first * ratio ** index * 100) / 100;
  }
}
