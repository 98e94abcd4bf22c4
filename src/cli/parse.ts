import { CommanderError, Option, Command as Parser } from "commander";
import { Fault } from "../base/faults.ts";
import type { Command } from "./command.ts";
import { type Flags, type Globals, globalFlags, readFlag, takesValue } from "./flags.ts";
import { flagForm } from "./foreign-words.ts";

export interface Parsed {
  readonly args: Readonly<Record<string, unknown>>;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly globals: Globals;
}

/** Reads the arguments of a command by its declaration. Faults: `usage.invalid`, with a suggestion if one is close. */
export function parseArguments(name: string, command: Command, rest: readonly string[]): Parsed {
  const parser = new Parser(name)
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const own = command.flags ?? {};
  for (const flag of [...Object.values(own), ...Object.values(globalFlags)]) parser.addOption(new Option(flag.spec));
  const args = Object.entries(command.args ?? {});
  for (const [key, { kind }] of args) {
    parser.argument(kind === "required" ? `<${key}>` : kind === "optional" ? `[${key}]` : `[${key}...]`);
  }
  try {
    parser.parse(rest, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander writes `error: unknown option '--folow'\n(Did you mean --follow?)`; `error:` is added later.
    const detail = error.message
      .replace(/^error: /, "")
      .replaceAll("\n", " ")
      .replaceAll("'", '"');
    const [, flag = ""] = /^unknown option "(--[a-z-]+)/.exec(detail) ?? [];
    const form = flagForm(flag);
    const hint = `See \`fairlead help ${name}\`.`;
    if (form === null) throw new Fault("usage.invalid", detail, { hint, cause: error });
    throw new Fault("usage.invalid", `there is no option "${flag}" here`, { hint: `${form} ${hint}`, cause: error });
  }
  const given = parser.opts<Record<string, unknown>>();
  return {
    args: Object.fromEntries(
      args.map(([key, { kind }], i) => [key, parser.processedArgs[i] ?? (kind === "several" ? [] : undefined)]),
    ),
    flags: readAll(own, given),
    globals: readAll(globalFlags, given) as unknown as Globals,
  };
}

function readAll(flags: Flags, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flags)) {
    const option = new Option(flag.spec);
    const value = given[option.attributeName()];
    if (takesValue(flag.spec)) values[key] = typeof value === "string" ? readFlag(flag, value) : undefined;
    else values[key] = value === !option.negate; // `--no-color` starts as true and becomes false
  }
  return values;
}
