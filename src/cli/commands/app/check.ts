import path from "node:path";
import type { Complaint } from "../../../base/faults.ts";
import { formatComplaint } from "../../../manifest/complaint.ts";
import { environmentsOf, readManifest } from "../../../manifest/read.ts";
import { command, optional } from "../../command.ts";
import { readManifestText } from "../../place.ts";
import { projectManifest } from "../../project.ts";

export default command({
  about:
    "Reads fairlead.yml for production and every environment declared in it, without asking a controller, and names every\nfault at once as file:line:column with what to write instead. Exit 2 when there is one.",
  args: { dir: optional("Directory with fairlead.yml; default: here or above") },
  examples: [
    ["fairlead check", "the manifest here"],
    ["fairlead check -c deploy/fairlead.yml --json", "another one, for scripts"],
  ],
  async run({ args, world }) {
    const manifest = projectManifest(world, args.dir);
    const text = readManifestText(manifest);
    const file = path.relative(world.host.cwd, manifest.file) || manifest.file;
    const environments = [...new Set(["production", ...environmentsOf(text)])];
    const complaints = new Map<string, Complaint>();
    const warnings = new Map<string, Complaint>();
    for (const environment of environments) {
      const reading = readManifest(text, { file, environment });
      const found = reading.ok ? reading.warnings : reading.complaints;
      for (const one of found) (reading.ok ? warnings : complaints).set(formatComplaint(one), one);
    }
    return { ok: complaints.size === 0, file, environments, complaints: all(complaints), warnings: all(warnings) };
  },
  view({ ok, file, environments, complaints, warnings }, paint) {
    const lines = complaints.map(({ text }) => text);
    for (const { text } of warnings) lines.push(`${text} ${paint.yellow("(warning)")}`);
    if (ok) lines.push(`${paint.green("ok:")} ${file} for ${environments.join(", ")}`);
    return lines.join("\n");
  },
  exit: ({ ok }) => (ok ? 0 : 2),
});

function all(found: ReadonlyMap<string, Complaint>): (Complaint & { readonly text: string })[] {
  return [...found].map(([text, complaint]) => ({ ...complaint, text }));
}
