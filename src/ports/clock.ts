/** Time, so that tests and simulations can own it. Times are milliseconds since 1970 (UTC). */
export interface Clock {
  now(): number;
  /** Calls `then` once after `ms`; the answer calls it off. A pending call never keeps the process alive by itself. */
  after(ms: number, then: () => void): () => void;
}

/** A clock that can also measure how long something took, whatever the machine's time is set to meanwhile. */
export interface SteadyClock extends Clock {
  /** Milliseconds since some moment in the past. It never goes back and stands still while the machine sleeps. */
  steady(): number;
}
