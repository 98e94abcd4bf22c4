import type { EnvKey } from "../../model/environment.ts";
import type { Event } from "../../model/event.ts";

export interface EventBook {
  /** Events after an id, oldest first. */
  page(filter: { key?: EnvKey; deployment?: string; after: number; limit: number }): Promise<readonly Event[]>;
  /** The id of the newest event, 0 when there is none. */
  lastId(): Promise<number>;
}
