import { Fault } from "../../../base/faults.ts";
import { type EnvKey, parseKey } from "../../../model/environment.ts";

/** What a column holds as JSON. Rows are checked when the journal is opened; this is for what happens to the disk afterwards. */
export function parsed<Value>(text: string, what: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw new Fault("journal.damaged", `a ${what} in the journal is not what was written`, { cause });
  }
}

/** The same of a column that may be empty. */
export function parsedOrNull<Value>(text: string | null, what: string): Value | null {
  return text === null ? null : parsed<Value>(text, what);
}

/** The key in a column `environment`. */
export function toKey(text: string): EnvKey {
  const key = parseKey(text);
  if (!key) throw new Fault("journal.damaged", `the journal names an environment ${JSON.stringify(text)}`);
  return key;
}
