/**
 * Smooth weighted round robin (as nginx does it): over any run of choices each item gets its share of the weights, and
 * the choices of a heavy item are spread out. `skip` leaves items out of this one choice.
 */
export class Balance<T extends { readonly weight: number }> {
  readonly #items: readonly { readonly item: T; credit: number }[];

  constructor(items: readonly T[]) {
    this.#items = items.map((item) => ({ item, credit: 0 }));
  }

  next(skip?: ReadonlySet<T>): T | undefined {
    let best: { readonly item: T; credit: number } | undefined;
    let total = 0;
    for (const entry of this.#items) {
      if (skip?.has(entry.item)) continue;
      entry.credit += entry.item.weight;
      total += entry.item.weight;
      if (best === undefined || entry.credit > best.credit) best = entry;
    }
    if (best !== undefined) best.credit -= total;
    return best?.item;
  }
}
