import { commitWords } from "../../../model/release.ts";
import { defineCommand, requiredArgument } from "../../command.ts";
import { harmless, harmlessLine, table } from "../../paint.ts";

export default defineCommand({
  about: "Shows what a release consists of: services with commands and replicas, names of variables, and its manifest.",
  args: { release: requiredArgument("Release like v3") },
  examples: [
    ["fairlead releases show v3", "one release"],
    ["fairlead releases show v3 --json", "for scripts"],
  ],
  run: ({ args, world }) => world.api().call("release", { params: { ...world.key(), release: args.release } }),
  view({ release, manifest }, paint) {
    const commit = commitWords(release.commit ?? null, 64);
    const code = [release.branch && `branch ${release.branch}`, commit && `commit ${commit}`]
      .filter(Boolean)
      .join(", ");
    const head = `${paint.bold(release.release)}  ${release.createdAt}  by ${release.createdBy}`;
    const rows = release.services.map((service) => [
      service.name,
      String(service.replicas),
      service.command.join(" ") || "(the image's own)",
      service.hosts.join(" "),
      service.variables.join(" "),
    ]);
    const services = table(["SERVICE", "REPLICAS", "RUN", "HOSTS", "VARIABLES"], rows, paint);
    const message = release.message === null ? [] : [harmlessLine(release.message, paint)];
    const allowed = release.allowed.map(({ rule, by, because }) =>
      harmless(`${rule} was allowed by ${by}: ${because}`, paint),
    );
    return [
      head,
      ...(code ? [harmlessLine(code, paint)] : []),
      ...message,
      ...allowed,
      "",
      services,
      "",
      harmless(manifest.trimEnd(), paint),
    ].join("\n");
  },
});
