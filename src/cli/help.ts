import type { Argument, Command } from "./command.ts";
import { type Flag, globalFlags } from "./flags.ts";
import type { Paint } from "./paint.ts";
import { commands, type Entry, verbsOf } from "./table.ts";

function pairs(rows: readonly (readonly [string, string])[], paint: Paint): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${paint.cyan(left.padEnd(width))}  ${right}`.trimEnd());
}

function flagPairs(flags: Readonly<Record<string, Flag<unknown>>>): (readonly [string, string])[] {
  return Object.values(flags).map(({ spec, summary }) => [spec.startsWith("--") ? `    ${spec}` : spec, summary]);
}

/** One line for every command with its verbs, and for every noun. */
function topLines(): { group: string; line: readonly [string, string] }[] {
  const seen = new Set<string>();
  return commands.flatMap(({ name, summary, group }) => {
    const [noun = name, verb] = name.split(" ");
    if (seen.has(noun)) return [];
    seen.add(noun);
    const verbs = verbsOf(noun).map((entry) => entry.name.split(" ")[1]);
    const words = verb === undefined ? [summary, ...(verbs.length > 0 ? [verbs.join(", ")] : [])] : [verbs.join(", ")];
    return [{ group, line: [noun, words.join("; ")] as const }];
  });
}

/** `fairlead --help`: made only from the table; no command is loaded. */
export function overviewHelp(paint: Paint): string {
  const all = topLines();
  const width = Math.max(...all.map(({ line }) => line[0].length));
  const groups = [...new Set(all.map(({ group }) => group))].map((group) =>
    [
      paint.bold(group),
      ...all
        .filter((entry) => entry.group === group)
        .map(({ line: [name, summary] }) => `  ${paint.cyan(name.padEnd(width))}  ${summary}`),
    ].join("\n"),
  );
  return [
    "Fairlead deploys code to production: one file describes an app, one command deploys it.",
    `${paint.bold("Usage")}\n  fairlead <command> [arguments] [flags]`,
    `${paint.bold("Examples")}\n  fairlead up                 run the app of this directory here\n  fairlead deploy -e staging  deploy it to staging`,
    ...groups,
    [paint.bold("Flags of every command"), ...pairs(flagPairs(globalFlags), paint)].join("\n"),
    "See `fairlead help <command>` for details; the manual is docs/cli.md.",
  ].join("\n\n");
}

/** `fairlead help releases`: the verbs of a noun. */
export function nounHelp(noun: string, paint: Paint): string {
  const rows = verbsOf(noun).map(({ name, summary }) => [name, summary] as const);
  return [`${paint.bold("Usage")}\n  fairlead ${noun} <verb>`, pairs(rows, paint).join("\n")].join("\n\n");
}

/** How an argument is written in a usage line. */
function argumentForm([name, argument]: readonly [string, Argument<unknown>]): string {
  const word = name.toUpperCase();
  if (argument.kind === "required") return word;
  return argument.kind === "optional" ? `[${word}]` : `[${word}…]`;
}

/** `releases show RELEASE [flags]`. */
export function usageOf(name: string, command: Command): string {
  const args = Object.entries(command.args ?? {}).map(argumentForm);
  return ["fairlead", name, ...args, "[flags]"].join(" ");
}

/** Help of one command. */
export function commandHelp(entry: Entry, command: Command, paint: Paint): string {
  const args = Object.entries(command.args ?? {});
  const flags = command.flags ?? {};
  const sections = [
    `${entry.summary}.`,
    `${paint.bold("Usage")}\n  ${usageOf(entry.name, command)}`,
    command.about,
    [paint.bold("Examples"), ...pairs(command.examples, paint)].join("\n"),
  ];
  if (args.length > 0) {
    const rows = args.map(([name, { summary }]) => [name.toUpperCase(), summary] as const);
    sections.push([paint.bold("Arguments"), ...pairs(rows, paint)].join("\n"));
  }
  if (Object.keys(flags).length > 0) {
    sections.push([paint.bold("Flags"), ...pairs(flagPairs(flags), paint)].join("\n"));
  }
  sections.push([paint.bold("Flags of every command"), ...pairs(flagPairs(globalFlags), paint)].join("\n"));
  return sections.join("\n\n");
}
