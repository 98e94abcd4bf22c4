import type { Change } from "../../../ports/journal.ts";
import type { Database } from "./database.ts";

/** How some kinds of changes are written; each is called inside a transaction, when its environment is there. */
export type Writes<Kind extends Change["kind"]> = {
  readonly [One in Kind]: (database: Database, change: Extract<Change, { readonly kind: One }>) => void;
};
