import { faults } from "../src/base/faults.ts";
import type { Flag } from "../src/cli/flags.ts";
import { globalFlags } from "../src/cli/flags.ts";
import { usageOf } from "../src/cli/help.ts";
import { commands, type Entry } from "../src/cli/table.ts";
import { keepUpToDate } from "./generated.ts";

const exitCodes: readonly (readonly [number, string])[] = [
  [0, "It worked."],
  [1, "The operation failed: an unhealthy deployment, a failed check."],
  [2, "Wrong usage, or a manifest with faults."],
  [3, "Not authenticated, or not allowed."],
  [4, "There is no such app, service, release or deployment."],
  [5, "A conflict: something is held, stale or in the wrong state."],
  [6, "Timed out waiting; the work goes on, and its id was printed."],
  [7, "No controller answers."],
  [8, "A confirmation is needed and nobody can be asked; the flag to give is named."],
  [130, "Interrupted by Ctrl-C."],
];

function cell(text: string): string {
  return text.replaceAll("\n", " ").replaceAll("|", "\\|");
}

function flagTable(flags: Readonly<Record<string, Flag<unknown>>>): string {
  const rows = Object.values(flags).map(({ spec, summary }) => `| \`${cell(spec)}\` | ${cell(summary)} |`);
  return ["| flag | meaning |", "|---|---|", ...rows].join("\n");
}

async function section(entry: Entry): Promise<string> {
  const { default: command } = await entry.load();
  const parts = [`### fairlead ${entry.name}`, `${entry.summary}.`, command.about];
  parts.push(`\`\`\`\n${usageOf(entry.name, command)}\n\`\`\``);
  const args = Object.entries(command.args ?? {});
  if (args.length > 0)
    parts.push(args.map(([name, { summary }]) => `- \`${name.toUpperCase()}\`: ${summary}`).join("\n"));
  if (Object.keys(command.flags ?? {}).length > 0) parts.push(flagTable(command.flags ?? {}));
  parts.push(`\`\`\`sh\n${command.examples.map(([line, why]) => `# ${why}\n${line}`).join("\n")}\n\`\`\``);
  return parts.join("\n\n");
}

async function render(): Promise<string> {
  const groups = [...new Set(commands.map(({ group }) => group))];
  const parts = [
    "# The command line",
    "Made by `tools/gen-cli.ts` from the declarations in `src/cli/commands`; do not edit.",
    'Results go to stdout, everything else to stderr. Where stdin is no terminal, with `CI` set or with `--json` nothing is asked and nothing is redrawn. `--json` prints one value (`logs`: one a line), and a failure as `{"error":{"code","detail","hint","exit","errors"}}`; a deployment that failed is a value, with its `fault`. Times are RFC 3339 in UTC, durations milliseconds.',
    "The controller is looked for in this order: `--url`, `--state`, `FAIRLEAD_URL`, `FAIRLEAD_STATE`, `.fairlead/` beside the manifest when a controller runs there, else for root `/var/lib/fairlead`, for others `$XDG_STATE_HOME/fairlead` or `~/.local/state/fairlead`.",
    "## Flags of every command",
    flagTable(globalFlags),
    "## Exit codes",
    ["| code | meaning |", "|---|---|", ...exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`)].join("\n"),
    "`fairlead run` ends with the exit code of its command.",
  ];
  for (const group of groups) {
    parts.push(`## ${group}`);
    for (const entry of commands.filter((one) => one.group === group)) parts.push(await section(entry));
  }
  const faultRows = Object.entries(faults).map(([code, { exit, hint }]) => `| \`${code}\` | ${exit} | ${cell(hint)} |`);
  parts.push("## Faults", ["| code | exit | what to do |", "|---|---|---|", ...faultRows].join("\n"));
  return `${parts.join("\n\n")}\n`;
}

keepUpToDate("tools/gen-cli.ts", { "docs/cli.md": await render() });
