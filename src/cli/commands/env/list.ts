import { joined, plainJson, printable } from "../../../base/printable.ts";
import type { RevealedVariables, VariablesView } from "../../../contract/variables.ts";
import { isOwnVariable } from "../../../model/release.ts";
import { defineCommand } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { table } from "../../paint.ts";

interface Row {
  readonly name: string;
  /** `set` here with `env set`, from the `manifest`, or given to every service by `fairlead` itself. */
  readonly from: "set" | "manifest" | "fairlead";
  /** `(the build)` stands for that. */
  readonly services: readonly string[];
  /** Its group in the manifest. */
  readonly group: string | null;
  /** Equal for equal values of the environment, and no way to guess one. */
  readonly digest: string;
  /** Of a value that was set: whether it serves, or waits for the next deployment. */
  readonly state: "live" | "staged" | null;
  readonly version: number | null;
  readonly value?: string;
}

export default defineCommand({
  about:
    "Lists the variables that services get: those set with `env set`, which take precedence, and those of the manifest.\nValues are masked; equal values of this environment have equal digests.",
  flags: { reveal: toggleFlag("--reveal", "Show the values") },
  examples: [
    ["fairlead env list", "names, masked"],
    ["fairlead env list --reveal --json -e staging", "with values, for scripts"],
  ],
  async run({ flags, world }) {
    const api = world.api();
    const known = await api.call("variables", { params: world.key() });
    const revealed = flags.reveal ? await api.call("revealVariables", { params: world.key() }) : null;
    return { variables: rowsOf(known, revealed) };
  },
  view({ variables }, paint) {
    if (variables.length === 0) return "No variables are set.";
    const rows = variables.map(({ name, from, services, group, digest, state, version, value }) => [
      name,
      value === undefined ? paint.dim(`•••• ${digest}`) : valueText(value),
      [version === null ? from : `${from} v${version}`, ...(group === null ? [] : [`group ${group}`])].join(", "),
      state === "staged" ? paint.yellow(stagedText(variables, name)) : "live",
      services.join(" ") || "-",
    ]);
    return table(["NAME", "VALUE", "FROM", "STATE", "SERVICES"], rows, paint);
  },
});

/** In one line and one column: a value with line ends or invisible characters as JSON, which shows them. */
function valueText(value: string): string {
  return printable(joined(value)) === value ? value : printable(plainJson(value));
}

/** Of a value that is set and does not serve: that it waits, and which version serves, as after a rollback. */
function stagedText(rows: readonly Row[], wanted: string): string {
  const live = rows.find(({ name, state, version }) => name === wanted && state === null && version !== null);
  return live === undefined ? "staged" : `staged, v${live.version} is live`;
}

function rowsOf({ variables, effective, build }: VariablesView, revealed: RevealedVariables | null): Row[] {
  const rows = new Map<string, Row>();
  const add = (row: Row) => {
    const key = `${row.name} ${row.digest}`;
    const known = rows.get(key);
    const services = [...(known?.services ?? []), ...row.services];
    rows.set(key, { ...row, ...known, services, group: known?.group ?? row.group });
  };
  for (const [name, { digest, state, version }] of Object.entries(variables)) {
    const value = revealed?.variables[name];
    const row = { name, from: "set", services: [], group: null, digest, state, version } as const;
    add({ ...row, ...(value !== undefined && { value }) });
  }
  const owners = Object.entries(effective).map(([name, values]) => ({
    name,
    values,
    clear: revealed?.effective[name],
  }));
  for (const { name: service, values, clear } of [
    ...owners,
    { name: "(the build)", values: build, clear: revealed?.build },
  ]) {
    for (const [name, { digest, group, set }] of Object.entries(values)) {
      const value = clear?.[name];
      const own = set.find((one) => one.startsWith(`${name}@`));
      const from = isOwnVariable(name) ? "fairlead" : own === undefined ? "manifest" : "set";
      const version = own === undefined ? null : Number(own.slice(name.length + 1));
      const row = { name, from, services: [service], group, digest, state: null, version } as const;
      add({ ...row, ...(value !== undefined && { value }) });
    }
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
