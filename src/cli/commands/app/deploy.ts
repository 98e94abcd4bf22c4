import { Fault } from "../../../base/faults.ts";
import type { PlanAnswer } from "../../../contract/plan.ts";
import { defineCommand, optionalArgument } from "../../command.ts";
import { toggleFlag } from "../../flags.ts";
import { type DeploymentResult, deploymentExit, deploymentText, followToEnd } from "../../follow.ts";
import { branchFlag, codeFlags, describedBy } from "../../new-code.ts";
import { confirmNewEnvironment, createFlag } from "../../new-environment.ts";
import { sourceAndKey } from "../../project.ts";
import { refuseUnreadySource } from "../../readiness.ts";
import { forceFlag, servingUnchanged } from "../../unchanged.ts";
import { changesText } from "../../views/changes.ts";

/** What `--stage` answers beside: what it would change. */
type DeployResult = DeploymentResult & Partial<PlanAnswer>;

export default defineCommand({
  about:
    "Uploads what changed, builds it, starts new instances beside the old ones, probes them from outside, and switches\ntraffic only when they pass. Waits for the result; the exit code reports it. If a release fails, the old one keeps\nserving.",
  args: { dir: optionalArgument("Directory with fairlead.yml; default: this one or a parent") },
  flags: {
    ...codeFlags,
    branch: branchFlag,
    create: createFlag,
    stage: toggleFlag(
      "--stage",
      "Check and build it, and keep it for --staged: with staged values it becomes one release",
    ),
    staged: toggleFlag("--staged", "Deploy the staged code instead of this directory"),
    force: forceFlag,
  },
  examples: [
    ["fairlead deploy", "deploy this directory to production"],
    ["fairlead deploy ./shop -e staging -m 'new cart'", "another directory, with a message"],
    [
      "fairlead deploy --allow debug-on --because 'debugging #12 for an hour'",
      "despite an error of the readiness check",
    ],
    ["fairlead deploy --stage", "build now, deploy later with --staged"],
    ["fairlead deploy --json --timeout 10m", "for scripts: exit 6 on timeout"],
  ],
  async run({ args, flags, world }): Promise<DeployResult> {
    const described = describedBy(flags);
    if (flags.staged) {
      if (flags.stage || flags.branch !== undefined || Object.keys(described).length > 0)
        throw new Fault(
          "usage.invalid",
          "--staged deploys the staged code as it is: it allows only --detach and --force",
        );
      const api = world.api({ directory: args.dir });
      const params = world.key(args.dir);
      const serving = flags.force ? null : await servingUnchanged(api, params, { staged: true });
      if (serving) return serving;
      const { deployment } = await api.call("beginDeployment", { params, body: { kind: "staged" } });
      return followToEnd({ world, api }, deployment, { detach: flags.detach });
    }
    refuseUnreadySource(world, args.dir, { allowed: described.allow?.rules ?? [] });
    const { api, key, sourced } = await sourceAndKey(world, args.dir, flags.branch);
    await confirmNewEnvironment(world, api, { ...key, create: flags.create, directory: args.dir });
    const preview = flags.stage ? await api.call("plan", { params: key, body: { source: sourced.source } }) : null;
    if (preview) world.say(changesText(preview, world.paint));
    const serving = flags.stage || flags.force ? null : await servingUnchanged(api, key, { source: sourced.source });
    if (serving) return serving;
    const kind = flags.stage ? "stage" : "deploy";
    const { deployment } = await api.call("beginDeployment", { params: key, body: { kind, ...sourced, ...described } });
    return { ...(await followToEnd({ world, api }, deployment, { detach: flags.detach })), ...preview };
  },
  view: deploymentText,
  exit: deploymentExit,
});
