import { Fault } from "../../../base/faults.ts";
import { defineCommand, optionalArgument, requiredArgument } from "../../command.ts";
import { durationFlag, textFlag } from "../../flags.ts";
import { deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { branchFlag, codeFlags, describedBy } from "../../new-code.ts";
import { sourceAndKey } from "../../project.ts";
import { refuseUnreadySource } from "../../readiness.ts";
import { leftText } from "../../times.ts";

export default defineCommand({
  about:
    "Deploys this directory to a temporary environment, or again to an existing one, with the configuration of another\nenvironment and the values set for it, never those of production. Every deployment of code restarts its lifetime; then\nit is removed automatically, with all its values.",
  args: {
    name: requiredArgument("Name, like pr-12; other commands use it as -e pr-12"),
    dir: optionalArgument("Directory with fairlead.yml; default: this one or a parent"),
  },
  flags: {
    from: textFlag("--from <env>", "Environment whose configuration it gets (default: previews.from, staging)"),
    ttl: durationFlag("--ttl <duration>", "Lifetime after its last deployment (default: previews.ttl, 72h)"),
    ...codeFlags,
    branch: branchFlag,
  },
  examples: [
    ["fairlead preview create pr-12", "create it, or deploy to it again"],
    ["fairlead preview create demo ./shop --from testing --ttl 7d", "another directory, base and time"],
  ],
  async run({ args, flags, world }) {
    if (world.globals.environment !== undefined)
      throw new Fault("usage.invalid", `-e cannot be used with ${args.name}; --from names the environment to copy`);
    const here = world.withGlobals({ ...world.globals, environment: args.name });
    const { from, ttl } = flags;
    const described = describedBy(flags);
    refuseUnreadySource(here, args.dir, { allowed: described.allow?.rules ?? [], preview: { from: from ?? null } });
    const { api, key, sourced } = await sourceAndKey(here, args.dir, flags.branch);
    const wanted = { ...(from !== undefined && { from }), ...(ttl !== undefined && { ttlMs: ttl }) };
    const { preview, deployment } = await api.call("createPreview", {
      params: key,
      body: { ...sourced, ...described, ...wanted },
    });
    const endsInMs = Date.parse(preview.endsAt) - world.host.now();
    return {
      preview,
      endsInMs,
      ...(await followToEnd({ world: here, api }, deployment, { detach: flags.detach })),
    };
  },
  view(result, paint) {
    const text = deploymentText(result, paint);
    const ends = `Expires in ${leftText(result.endsInMs)}; \`fairlead preview remove ${result.deployment.environment}\` removes it now.`;
    return text === "" ? "" : `${text}\n${ends}`;
  },
  exit: ({ deployment }) => deploymentExit({ deployment }),
});
