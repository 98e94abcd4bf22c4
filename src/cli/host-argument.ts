import { Fault } from "../base/faults.ts";
import { asciiHost } from "../base/host-name.ts";

/** A host of a command line as the API takes it: lower case, international names in ASCII. Faults: `usage.invalid`. */
export function hostArgument(text: string): string {
  const host = asciiHost(text.toLowerCase());
  if (host !== null) return host;
  throw new Fault("usage.invalid", `${text} is not a host name – write it without scheme, port or path`);
}
