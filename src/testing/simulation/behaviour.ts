/** How a simulated process behaves. Times count from its start, in milliseconds. */
export interface Behaviour {
  /** From when on it answers that it is ready; null: never. */
  readonly readyAfter: number | null;
  /** Its answers are sent with status 200 and a body that says `degraded`. */
  readonly degraded: boolean;
  /** Where it listens. */
  readonly listens: "given" | "other";
  /** When it ends by itself; null: never. */
  readonly exitsAfter: number | null;
  readonly couldNotStart: boolean;
  /** How long it takes to end after the stop signal; null: it ignores the signal. */
  readonly stopsAfter: number | null;
  /** From when on it hangs: it accepts connections and answers nothing. */
  readonly hangsAfter: number | null;
  /** While it says that it is not ready, although it was: from … to. */
  readonly unready: readonly [number, number] | null;
  /** The page that a check asks for is not there. */
  readonly lacksPage: boolean;
  /** A stranger holds its port and answers well in its place. */
  readonly squatted: boolean;
  /** It answers every request of a client with 500. */
  readonly fails: boolean;
  /** How long a client's request or stream takes. */
  readonly requestMs: number;
}

export const wellBehaved: Behaviour = {
  readyAfter: 150,
  degraded: false,
  listens: "given",
  exitsAfter: null,
  couldNotStart: false,
  stopsAfter: 40,
  hangsAfter: null,
  unready: null,
  lacksPage: false,
  squatted: false,
  fails: false,
  requestMs: 20,
};

/** Ways of being bad that no gate may let pass. */
export const neverReady = {
  "never ready": { readyAfter: null },
  degraded: { degraded: true },
  "wrong port": { listens: "other" },
  "exits at once": { exitsAfter: 30 },
  "cannot be started": { couldNotStart: true },
  "too slow": { readyAfter: 60_000 },
  "port taken": { squatted: true },
} as const satisfies Record<string, Partial<Behaviour>>;

/** Ways of being bad that show only later. */
export const badLater = {
  "fails requests": { fails: true },
  "crashes later": { exitsAfter: 4_000 },
  "hangs later": { hangsAfter: 4_000 },
  flaps: { exitsAfter: 7_000 },
} as const satisfies Record<string, Partial<Behaviour>>;

export function isReadyAt(behaviour: Behaviour, age: number): boolean {
  const { readyAfter, degraded, unready, listens, squatted } = behaviour;
  if (readyAfter === null || age < readyAfter || degraded || squatted) return false;
  if (listens === "other" || hangsAt(behaviour, age)) return false;
  return unready === null || age < unready[0] || age >= unready[1];
}

export function hangsAt({ hangsAfter }: Behaviour, age: number): boolean {
  return hangsAfter !== null && age >= hangsAfter;
}
