import type { VariablesDocument } from "../../../contract/documents.ts";
import { isOwnVariable } from "../../../model/release.ts";
import { command, required } from "../../command.ts";
import { table } from "../../paint.ts";

interface Row {
  readonly name: string;
  /** `same` values in both may be meant, or one secret that leaks from one environment into the other. */
  readonly state: "same" | "different" | "only-here" | "only-there";
  readonly here: string | null;
  readonly there: string | null;
}

export default command({
  about:
    "Compares the variables of two environments by their digests: which are the same, differ, or are only in one. Values are\nnever shown.",
  args: { here: required("Environment like staging"), there: required("Environment like production") },
  examples: [
    ["fairlead env diff staging production", "what differs between them"],
    ["fairlead env diff staging production --json", "for scripts"],
  ],
  async run({ args, world }) {
    const { app } = world.key();
    const api = world.api();
    const [here, there] = await Promise.all(
      [args.here, args.there].map(async (environment) => digestsOf(await api.variables({ app, environment }))),
    );
    return { here: args.here, there: args.there, variables: rowsOf(here ?? new Map(), there ?? new Map()) };
  },
  view({ here, there, variables }, paint) {
    if (variables.length === 0) return "Neither has a variable.";
    const colour = { same: paint.dim, different: paint.yellow, "only-here": paint.green, "only-there": paint.red };
    const words = { same: "same", different: "different", "only-here": `only ${here}`, "only-there": `only ${there}` };
    const rows = variables.map(({ name, state, ...row }) => {
      return [name, colour[state](words[state]), row.here ?? "-", row.there ?? "-"];
    });
    return table(
      ["NAME", "", here, there].map((title) => title.toUpperCase()),
      rows,
      paint,
    );
  },
});

/** By name, and by service where services of one environment have different values of it. */
function digestsOf({ variables, effective, build }: VariablesDocument): Map<string, string> {
  const digests = new Map<string, Map<string, string>>();
  for (const [service, values] of [...Object.entries(effective), ["(the build)", build] as const]) {
    for (const [name, { digest }] of Object.entries(values)) {
      if (!isOwnVariable(name)) digests.set(name, (digests.get(name) ?? new Map()).set(service, digest));
    }
  }
  const found = new Map<string, string>();
  for (const [name, { digest }] of Object.entries(variables)) if (!digests.has(name)) found.set(name, digest);
  for (const [name, services] of digests) {
    const [first, ...more] = new Set(services.values());
    if (more.length === 0) found.set(name, first ?? "");
    else for (const [service, digest] of services) found.set(`${service}: ${name}`, digest);
  }
  return found;
}

function rowsOf(here: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>): Row[] {
  const names = [...new Set([...here.keys(), ...there.keys()])].sort();
  return names.map((name) => {
    const [one, other] = [here.get(name) ?? null, there.get(name) ?? null];
    const state = one === other ? "same" : one === null ? "only-there" : other === null ? "only-here" : "different";
    return { name, state, here: one, there: other };
  });
}
