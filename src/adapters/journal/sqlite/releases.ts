import { canonicalJson } from "../../../base/digest.ts";
import { Fault } from "../../../base/faults.ts";
import { keyText } from "../../../model/environment.ts";
import {
  type HttpSpec,
  noChecks,
  type Protection,
  type Release,
  type ServiceSpec,
  secretsOfRelease,
  usualReleaseMs,
} from "../../../model/release.ts";
import type { ReleaseBook } from "../../../ports/journal/releases.ts";
import { type Database, isSqlite, select, sqliteCodes } from "./database.ts";
import { parsed } from "./records.ts";
import type { Writes } from "./writes.ts";

const one = select({ record: "text" }, "FROM release WHERE environment = ? AND number = ?");
const newest = select(
  { record: "text" },
  "FROM release WHERE environment = ? AND number < ? ORDER BY number DESC LIMIT ?",
);
const last = select({ number: "integer" }, "FROM release WHERE environment = ? ORDER BY number DESC LIMIT 1");
const live = select({ number: "integer" }, "FROM live_release WHERE environment = ? ORDER BY place DESC LIMIT ?");

/** The book of releases, and of which of them were live. */
export function releaseBook(database: Database): ReleaseBook {
  return {
    find: async (key, number) => {
      const row = database.first(one, keyText(key), number);
      return row ? toRelease(row) : null;
    },
    page: async (key, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      database.all(newest, keyText(key), before, limit).map(toRelease),
    lastNumber: async (key) => database.first(last, keyText(key))?.number ?? 0,
    live: async (key, limit) => database.all(live, keyText(key), limit).map(({ number }) => number),
  };
}

function toRelease({ record }: { readonly record: string }): Release {
  return upgradedRelease(parsed<OlderRelease>(record, "record"));
}

/** A type some of whose members previous versions did not write. */
type Older<Whole, Later extends keyof Whole> = Omit<Whole, Later> & Partial<Pick<Whole, Later>>;
type OlderService = Older<Omit<ServiceSpec, "http">, "checks" | "releaseWithinMs"> & {
  readonly http: Older<HttpSpec, "internal"> | null;
};
type OlderRelease = Older<Omit<Release, "protection" | "services">, "allowed" | "branch" | "commit" | "secrets"> & {
  readonly protection?: Older<Protection, "who"> | null;
  readonly services: readonly OlderService[];
};

/** Releases never change, so a row keeps what its version wrote; what it lacks is what it meant then. */
function upgradedRelease(row: OlderRelease): Release {
  const services = row.services.map(upgradedService);
  return {
    allowed: [],
    branch: null,
    commit: null,
    // Without a list of secrets, everything that was set is one.
    secrets: secretsOfRelease({ ...row, services }).map(({ secret }) => secret),
    ...row,
    protection: row.protection ? { who: null, ...row.protection } : null,
    services,
  };
}

function upgradedService({ http, ...row }: OlderService): ServiceSpec {
  return { releaseWithinMs: usualReleaseMs, checks: noChecks, ...row, http: http && { internal: false, ...http } };
}

export const releaseWrites: Writes<"release"> = {
  release: (database, { release }) => {
    const environment = keyText(release.key);
    const { number } = release;
    try {
      database.insert("release", { environment, number, record: canonicalJson(release) });
    } catch (cause) {
      if (!isSqlite(cause, sqliteCodes.constraint)) throw cause;
      const detail = `release v${number} of ${environment} already exists, and releases never change`;
      throw new Fault("document.stale", detail, { cause });
    }
  },
};
