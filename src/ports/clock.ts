/** The clock, so that tests and simulations can replace it. Times are milliseconds since 1970 (UTC). */
export interface Clock {
  now(): number;
  /**
   * Calls `then` once after `ms`; the returned function cancels it. A pending call alone never keeps the process alive.
   */
  after(ms: number, then: () => void): () => void;
}

/** A clock that can also measure how long something took, even if the machine's time is set meanwhile. */
export interface SteadyClock extends Clock {
  /** Milliseconds since some moment in the past. It never goes back, and stops while the machine sleeps. */
  steady(): number;
}
