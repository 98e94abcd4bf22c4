import path from "node:path";
import { Fault } from "../../../base/faults.ts";
import type { VariableOrigins } from "../../../contract/variables.ts";
import type { WrittenOrigin } from "../../../manifest/origin.ts";
import { readManifest } from "../../../manifest/read.ts";
import { command, required } from "../../command.ts";
import { text } from "../../flags.ts";
import { table } from "../../paint.ts";
import { readManifestText } from "../../place.ts";
import type { World } from "../../world.ts";

type Origin = VariableOrigins["services"][number];

export default command({
  about:
    "Says where every service, and the build, has a variable from: set on the controller (which version), made by Fairlead,\nwritten in the manifest as a value, a default or a text with others in it (where, for which environment, in which group),\nor from Fairlead itself; and which rules hold for it. The value is never shown.",
  args: { name: required("Name of a variable") },
  flags: { file: text("--file <manifest>", "Ask no controller: what this manifest alone says") },
  examples: [
    ["fairlead env explain DATABASE_URL", "why it is what it is in production"],
    ["fairlead env explain LOG_LEVEL -e staging --json", "for scripts"],
    ["fairlead env explain LOG_LEVEL --file fairlead.yml", "before there is a controller"],
  ],
  async run({ args: { name }, flags, world }) {
    if (flags.file !== undefined) return { name, ...explainedBy(world, name, flags.file) };
    const { services, staged } = await world.api().explainVariable(world.key(), name);
    return { name, file: "fairlead.yml", services, staged, unknown: null };
  },
  view({ services, file, staged, unknown }, paint) {
    const rows = services.map((origin) => [
      origin.service ?? "(the build)",
      origin.digest === null ? "-" : paint.dim(`•••• ${origin.digest}`),
      fromText(origin, unknown === null ? words : { ...words, ...wordsOfFile }),
      origin.set.join(" ") || "-",
      origin.place === null ? "-" : `${file}:${origin.place.line}:${origin.place.column} ${origin.place.path}`,
      origin.rules.join(", ") || "-",
    ]);
    const known = table(["SERVICE", "VALUE", "FROM", "VERSIONS", "WRITTEN AT", "RULES"], rows, paint);
    const notes = [staged && paint.yellow(`${staged} waits for the next deployment.`), unknown && paint.dim(unknown)];
    return [known, ...notes.filter((note) => note !== null)].join("\n");
  },
});

const words: Record<Origin["from"], string> = {
  set: "set on the controller",
  generated: "made by Fairlead",
  value: "the manifest",
  default: "default in the manifest",
  refers: "the manifest",
  fairlead: "Fairlead itself",
  absent: "nowhere: it is not given",
};

/** Of a manifest alone. */
const wordsOfFile = { generated: "Fairlead makes one", absent: "not in the manifest" };

function fromText({ from, refersTo, place }: Origin, said: typeof words): string {
  const parts = [said[from]];
  const isWritten = from === "value" || from === "default" || from === "refers";
  if (isWritten && place?.overlay) parts.push(`for ${place.overlay}`);
  if (place?.group) parts.push(`group ${place.group}`);
  if (from === "refers" && refersTo.length > 0) parts.push(`with ${refersTo.join(" and ")} in it`);
  return parts.join(", ");
}

/** What a manifest alone says. Faults: `manifest.missing`, `manifest.invalid`; `value.unknown` when it does not have the name. */
function explainedBy(world: World, name: string, given: string) {
  const environment = world.globals.environment ?? "production";
  const written = path.resolve(world.host.cwd, given);
  const text = readManifestText({ file: written, directory: path.dirname(written) });
  const reading = readManifest(text, { file: given, environment });
  if (!reading.ok) {
    const detail = `${given} has faults, so nothing is known of its variables`;
    throw new Fault("manifest.invalid", detail, { complaints: reading.complaints });
  }
  const services = reading.originsOf(name).map(offline);
  if (services.length === 0) throw new Fault("value.unknown", `${given} has no variable ${name} for ${environment}`);
  const unknown = `Not known without a controller: whether ${name} is set there for ${environment}, which wins over the manifest.`;
  return { file: given, services, staged: null, unknown };
}

function offline({ gives, ...rest }: WrittenOrigin): Origin {
  const from = gives === "generate" ? "generated" : gives === "nothing" ? "absent" : gives;
  const { service, place, refersTo, rules } = rest;
  return { service, from, digest: null, set: [], place, refersTo: [...refersTo], rules: [...rules] };
}
