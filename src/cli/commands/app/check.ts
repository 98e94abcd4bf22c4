import path from "node:path";
import { type Diagnostic, Fault } from "../../../base/faults.ts";
import { withReadableHost } from "../../../base/host-name.ts";
import type { Finding } from "../../../check/run.ts";
import { sarif } from "../../../check/sarif.ts";
import { formatDiagnostic } from "../../../manifest/diagnostic.ts";
import { environmentsOf, readManifest } from "../../../manifest/read.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import type { Paint } from "../../paint.ts";
import { readManifestText } from "../../place.ts";
import { projectManifest } from "../../project.ts";
import { findingsOf, type WrittenSource, writtenSource } from "../../readiness.ts";
import { lackingFor } from "../../source-view.ts";
import type { World } from "../../world.ts";

export default defineCommand({
  about:
    "Reads fairlead.yml for production and every declared environment, without a controller. Reports every error as\nfile:line:column with the fix: exit 2. Then checks manifest and source against the readiness rules of docs/checks.md:\nexit 1 if one is an error. Values set with `env set` are not known here; a deployment checks them too.",
  args: { dir: optionalArgument("Directory with fairlead.yml; default: this one or a parent") },
  flags: { sarif: toggleFlag("--sarif", "Print the findings as SARIF 2.1.0, for code hosts") },
  examples: [
    ["fairlead check", "the manifest and the source here, for every environment"],
    ["fairlead check -e production", "one environment"],
    ["fairlead check -c deploy/fairlead.yml --json", "another manifest, for scripts"],
    ["fairlead check --sarif > fairlead.sarif", "for a code host"],
  ],
  async run({ args, flags, world }) {
    if (flags.sarif && world.context.json) throw new Fault("usage.invalid", "use only one of --sarif and --json");
    const manifest = projectManifest(world, args.dir);
    const text = readManifestText(manifest);
    const file = path.relative(world.host.cwd, manifest.file) || manifest.file;
    const { environment } = world.globals;
    const environments =
      environment === undefined ? [...new Set(["production", ...environmentsOf(text)])] : [environment];
    const diagnostics = new Map<string, Diagnostic>();
    const warnings = new Map<string, Diagnostic>();
    const hosts = new Set<string>();
    for (const one of environments) {
      const reading = readManifest(text, { file, environment: one });
      for (const { http } of reading.ok ? reading.spec.services : [])
        for (const host of http?.hosts ?? []) hosts.add(host);
      const found = reading.ok ? reading.warnings : reading.diagnostics;
      for (const each of found) (reading.ok ? warnings : diagnostics).set(formatDiagnostic(each), each);
    }
    const source = diagnostics.size > 0 ? nothing : writtenSource(manifest);
    const all = diagnostics.size > 0 ? [] : environments.flatMap((one) => found({ text, file, source }, one));
    const findings = merged(all);
    if (flags.sarif) await world.print(JSON.stringify(sarif(findings, world.host.version), null, 2));
    return {
      ok: diagnostics.size === 0 && findings.every(({ severity }) => severity !== "error"),
      file,
      environments,
      complaints: listed(diagnostics),
      warnings: listed(warnings),
      findings,
      notes: [
        ...source.notes,
        ...bothForms(hosts),
        ...(diagnostics.size > 0 ? [] : await lacking(manifest.directory, world)),
      ],
      printed: flags.sarif,
    };
  },
  view({ file, environments, complaints, warnings, findings, notes, printed, ok }, paint) {
    if (printed) return "";
    const lines = complaints.map(({ text }) => text);
    for (const { text } of warnings) lines.push(`${text} ${paint.yellow("(warning)")}`);
    for (const finding of findings) lines.push(...findingLines(finding, paint));
    for (const note of notes) lines.push(paint.dim(note));
    if (ok) lines.push(`${paint.green("ok:")} ${file} for ${environments.join(", ")}`);
    return lines.join("\n");
  },
  exit: ({ ok, complaints }) => (ok ? 0 : complaints.length > 0 ? 2 : 1),
});

/** Only plain processes need anything of the machine that they run on, which may be another one. */
async function lacking(directory: string, world: World): Promise<readonly string[]> {
  return (await lackingFor(directory, world)).map((words) => `for plain processes: ${words}`);
}

/** International names with what browsers and DNS make of them. */
function bothForms(hosts: ReadonlySet<string>): readonly string[] {
  const shown = [...hosts].filter((host) => withReadableHost(host) !== host);
  return shown.map((host) => `international host: ${withReadableHost(host)}`);
}

/** A manifest with errors is not compared with its source. */
const nothing: WrittenSource = { files: [], leftOut: [], databases: [], notes: [] };

/** A finding with the environments that it is in. */
interface Shown extends Finding {
  readonly environments: readonly string[];
}

function found(about: { text: string; file: string; source: WrittenSource }, environment: string): readonly Shown[] {
  return findingsOf({ ...about, environment }).map((finding) => ({ ...finding, environments: [environment] }));
}

/** The same finding in several environments is reported once; the worst first. */
function merged(findings: readonly Shown[]): readonly Shown[] {
  const known = new Map<string, Shown>();
  for (const finding of findings) {
    const id = [finding.rule, finding.severity, finding.path, finding.line, finding.message].join("\n");
    const environments = [...(known.get(id)?.environments ?? []), ...finding.environments];
    known.set(id, { ...finding, environments });
  }
  const order = ["error", "warning", "note"];
  return [...known.values()].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

function findingLines(
  { severity, file, line, column, path: at, message, fix, rule, environments }: Shown,
  paint: Paint,
) {
  const colour = { error: paint.red, warning: paint.yellow, note: paint.dim };
  const place = [file, line, column].filter((part) => part !== null).join(":");
  const subject = at === file ? "" : `${at} `;
  return [
    `${colour[severity](`${severity}:`)} ${place} ${subject}${message} [${rule}] (${environments.join(", ")})`,
    paint.dim(`    ${fix}`),
  ];
}

function listed(found: ReadonlyMap<string, Diagnostic>): (Diagnostic & { readonly text: string })[] {
  return [...found].map(([text, diagnostic]) => ({ ...diagnostic, text }));
}
