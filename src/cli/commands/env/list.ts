import { sha256 } from "../../../base/digest.ts";
import type { VariablesDocument } from "../../../contract/documents.ts";
import { command } from "../../command.ts";
import { toggle } from "../../flags.ts";
import { harmless, table } from "../../paint.ts";

interface Row {
  readonly name: string;
  /** `set` here with `env set`, from the `manifest`, or given to every service by `fairlead` itself. */
  readonly from: "set" | "manifest" | "fairlead";
  readonly services: readonly string[];
  /** The first digits of the value's digest: enough to see whether two values are the same. */
  readonly digest: string;
  readonly value?: string;
}

/** What Fairlead tells every service, whatever is set (docs/manifest.md). */
const own: ReadonlySet<string> = new Set(["RELEASE", "FAIRLEAD_ENVIRONMENT"]);

export default command({
  about:
    "Lists the variables that services get: those set with `env set`, which win, and those of the manifest. Values are\nmasked; the digest tells whether two are the same.",
  flags: { reveal: toggle("--reveal", "Show the values") },
  examples: [
    ["fairlead env list", "names, masked"],
    ["fairlead env list --reveal --json -e staging", "with values, for scripts"],
  ],
  async run({ flags, world }) {
    return { variables: rowsOf(await world.api().variables(world.key()), flags.reveal) };
  },
  view({ variables }, paint) {
    if (variables.length === 0) return "No variable is set.";
    const rows = variables.map(({ name, from, services, digest, value }) => [
      name,
      value === undefined ? paint.dim(`•••• ${digest}`) : harmless(value, paint),
      from,
      services.join(" ") || "-",
    ]);
    return table(["NAME", "VALUE", "FROM", "SERVICES"], rows, paint);
  },
});

function rowsOf({ variables, effective }: VariablesDocument, reveal: boolean): Row[] {
  const rows = new Map<string, Row>();
  const add = (found: { name: string; value: string; services: readonly string[] }) => {
    const from = own.has(found.name) ? "fairlead" : Object.hasOwn(variables, found.name) ? "set" : "manifest";
    const digest = sha256(found.value).slice("sha256:".length, "sha256:".length + 8);
    const { name, value } = found;
    const key = `${name} ${digest}`;
    const services = [...(rows.get(key)?.services ?? []), ...found.services];
    rows.set(key, { name, from, services, digest, ...(reveal && { value }) });
  };
  for (const [name, value] of Object.entries(variables)) add({ name, value, services: [] });
  for (const [service, values] of Object.entries(effective)) {
    for (const [name, value] of Object.entries(values)) add({ name, value, services: [service] });
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
