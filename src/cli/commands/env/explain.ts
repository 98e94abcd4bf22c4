import { command, required } from "../../command.ts";
import { table } from "../../paint.ts";

const words = {
  set: "set on the controller",
  manifest: "the manifest",
  composed: "the manifest, with set values in it",
  fairlead: "Fairlead itself",
  absent: "nowhere: it is not given",
} as const;

export default command({
  about:
    "Says where every service has a variable from: set on the controller (which version), written in the manifest (where),\ncomposed of both, or from Fairlead itself; and which rules hold for it. The value is never shown.",
  args: { name: required("Name of a variable") },
  examples: [
    ["fairlead env explain DATABASE_URL", "why it is what it is in production"],
    ["fairlead env explain LOG_LEVEL -e staging --json", "for scripts"],
  ],
  async run({ args, world }) {
    return { name: args.name, ...(await world.api().explainVariable(world.key(), args.name)) };
  },
  view({ services }, paint) {
    const rows = services.map(({ service, from, digest, set, place, rules }) => [
      service,
      digest === null ? "-" : paint.dim(`•••• ${digest}`),
      words[from],
      set.join(" ") || "-",
      place === null ? "-" : `fairlead.yml:${place.line}:${place.column}`,
      rules.join(", ") || "-",
    ]);
    return table(["SERVICE", "VALUE", "FROM", "VERSIONS", "WRITTEN AT", "RULES"], rows, paint);
  },
});
